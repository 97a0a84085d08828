#include "cluster.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "model/json.h"
#include "support/sanitizer.h"

namespace godwit::integration {
namespace {

constexpr int kPortTries = 5;
constexpr double kPatienceSeconds = test_support::kIsSanitized ? 180 : 60;

}  // namespace

Seconds patience() {
    return Seconds{kPatienceSeconds};
}

std::string binary(const std::string& name) {
    return std::string{GODWIT_BINARIES} + "/" + name;
}

std::string fault_library(const std::string& name) {
    return std::string{GODWIT_FAULTS} + "/" + name;
}

std::string shipped(const std::string& path) {
    return std::string{GODWIT_SOURCE} + "/" + path;
}

std::string plugin_path_with_faults() {
    return std::string{"plugin_path: [\""} + GODWIT_FAULTS + "\", \"" + GODWIT_PLUGINS + "\"]\n";
}

Poco::JSON::Object::Ptr Reply::object() const {
    const auto parsed = model::parse_json(body);
    if (!parsed || parsed->type() != typeid(Poco::JSON::Object::Ptr)) return {};
    return parsed->extract<Poco::JSON::Object::Ptr>();
}

Cluster::Cluster(ClusterSettings settings)
    : settings_{std::move(settings)}, port_{test_support::free_port()} {
    if (settings_.store == Store::Redis) {
        redis_ = std::make_unique<test_support::RedisServer>(
            test_support::RedisServer::Settings{.append_only = true, .arguments = {}});
    }
}

Cluster::~Cluster() {
    if (testing::Test::HasFailure()) print_logs(*this);
}

void print_logs(const Cluster& cluster) {
    for (const auto& entry : std::filesystem::directory_iterator{cluster.folder()}) {
        if (entry.path().extension() != ".log") continue;
        std::cerr << "--- " << entry.path().filename().string() << "\n"
                  << test_support::read_file(entry.path());
    }
}

void Cluster::start_master() {
    // Another process may have taken the port meanwhile, and would answer in the place of this one.
    // As long as no agent knows it, there are others.
    int tries = agents_.empty() ? kPortTries : 1;
    while (!launch_master() && --tries > 0) {
        port_ = test_support::free_port();
        write_agents_file();
    }
    ASSERT_TRUE(eventually([&] { return call("GET", "/readyz").status == 200; }, patience()))
        << master_log();
}

// False: it has ended, or does not listen.
bool Cluster::launch_master() {
    std::ofstream yaml{master_file()};
    yaml << "listen: {host: 127.0.0.1, port: " << port_ << "}\n"
         << "policy: " << settings_.policy << "\n"
         << settings_.master_yaml;
    if (redis_) {
        yaml << "store: {plugin: redis, options: {url: \"" << redis_->url() << "\"}}\n";
    } else {
        yaml << "store: " << settings_.store_choice << "\n";
    }
    yaml.close();
    std::vector<std::string> environment = settings_.master_environment;
    // One that the whole suite runs with would win over the file's.
    if (redis_) environment.push_back("REDIS_URL=" + redis_->url());
    const std::size_t log_before = master_log().size();
    master_ = std::make_unique<Process>(
        Process::Settings{.command = {binary("godwit-master"), "--config", master_file()},
                          .environment = environment,
                          .output = folder("master.log"),
                          .prepare = {}});
    const auto listens = [&] {
        return master_log().find("master ready", log_before) != std::string::npos;
    };
    eventually([&] { return listens() || !master_->is_running(); }, patience());
    return listens();
}

void Cluster::add_worker(const WorkerSettings& worker) {
    workers_.push_back(worker);
    write_agents_file();
}

void Cluster::write_agents_file() const {
    std::ofstream yaml{agents_file()};
    yaml << "master_url: " << url() << "\ntransport: " << settings_.transport << "\n"
         << settings_.agent_yaml << "workers:\n";
    for (const WorkerSettings& worker : workers_) {
        yaml << "  - worker_id: " << worker.id << "\n    storage_paths:\n";
        for (const std::string& path : worker.storage_paths) yaml << "      - \"" << path << "\"\n";
        if (worker.yaml.find("network:") == std::string::npos) {
            yaml << "    network: {control_plane_address: 127.0.0.1, data_plane_endpoints: "
                    "[{iface: lo, address: 127.0.0.1}]}\n";
        }
        if (!worker.yaml.empty()) yaml << "    " << worker.yaml << "\n";
    }
}

void Cluster::start_agent(const std::string& worker) {
    const auto settings =
        std::find_if(workers_.begin(), workers_.end(),
                     [&](const WorkerSettings& known) { return known.id == worker; });
    ASSERT_NE(settings, workers_.end());
    agents_[worker] = std::make_unique<Process>(Process::Settings{
        .command = {binary("godwit-agent"), "--worker-id", worker, "--config", agents_file()},
        .environment = settings_.agent_environment,
        .output = folder(worker + ".log"),
        .prepare = settings->prepare});
    const auto registered = [&] {
        const std::string log = agent_log(worker);
        return log.find("agent ready") != std::string::npos &&
               call("GET", "/workers?status=active").body.find("\"" + worker + "\"") !=
                   std::string::npos;
    };
    ASSERT_TRUE(eventually(registered, patience())) << agent_log(worker);
}

void Cluster::start_pair(const std::string& source, const std::string& destination) {
    std::filesystem::create_directories(source);
    std::filesystem::create_directories(destination);
    add_worker({"worker-a", {source}, {}});
    add_worker({"worker-b", {destination}, {}});
    start_master();
    start_agent("worker-a");
    start_agent("worker-b");
}

std::string Cluster::master_log() const {
    return test_support::read_file(folder("master.log"));
}

std::string Cluster::agent_log(const std::string& worker) const {
    return test_support::read_file(folder(worker + ".log"));
}

Reply Cluster::call(const std::string& method, const std::string& target, const std::string& body,
                    const http::Headers& headers) {
    http::ClientSettings settings;
    settings.url = url();
    auto client = http::Client::open(std::move(settings));
    http::Headers all = headers;
    if (!settings_.token.empty() && !http::header_in(headers, "Authorization")) {
        all.emplace_back("Authorization", "Bearer " + settings_.token);
    }
    auto answer = client->send(method, target, body, base::Millis{0}, all);
    if (!answer) return {0, answer.error().message, {}};
    return {answer->status, answer->body, answer->headers};
}

std::string Cluster::submit(const std::string& source, const std::string& destination,
                            const std::string& more_members) {
    const std::string id = "request-" + std::to_string(next_id_++);
    const Reply reply =
        call("POST", "/sync",
             R"({"request_id":")" + id + R"(","source_path":")" + source +
                 R"(","destination_path":")" + destination + "\"" + more_members + "}");
    EXPECT_EQ(reply.status, 202) << reply.body;
    return id;
}

Poco::JSON::Object::Ptr Cluster::progress(const std::string& id) {
    return call("GET", "/sync/" + id).object();
}

std::string Cluster::state(const std::string& id) {
    const auto document = progress(id);
    return document.isNull() ? "" : document->optValue<std::string>("state", "");
}

std::int64_t Cluster::count(const std::string& id, const std::string& section,
                            const std::string& name) {
    const auto document = progress(id);
    if (document.isNull()) return -1;
    return document->getObject(section)->getValue<std::int64_t>(name);
}

std::string Cluster::wait_until_over(const std::string& id) {
    std::string last;
    eventually(
        [&] {
            last = state(id);
            return last == "COMPLETED" || last == "COMPLETED_WITH_ERRORS" || last == "FAILED" ||
                   last == "CANCELLED";
        },
        patience());
    return last;
}

bool Cluster::wait_for_state(const std::string& id, const std::string& wanted) {
    return eventually([&] { return state(id) == wanted; }, patience());
}

test_support::Ran Cluster::godwit(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), binary("godwit"));
    return test_support::run(arguments, {"GODWIT_MASTER_URL=" + url()}, patience());
}

}  // namespace godwit::integration
