// Hosts with two NICs each, as network namespaces: both carry bytes, and one may fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "cluster.h"

namespace godwit::integration {
namespace {

using test_support::read_file;
using test_support::run;
using testing::HasSubstr;
using testing::IsEmpty;

// A switch and three hosts; host i has 10.71.0.i on its eth0 and 10.71.1.i on its eth1. Namespaces
// go with the object, and with them all of their interfaces.
class Network {
public:
    Network() {
        ip({"netns", "add", name("switch")});
        for (const char* bridge : {"br0", "br1"}) {
            inside("switch", {"ip", "link", "add", bridge, "type", "bridge"});
            inside("switch", {"ip", "link", "set", bridge, "up"});
        }
        for (int host = 1; host <= 3; ++host) add_host(host);
    }
    ~Network() {
        for (int host = 1; host <= 3; ++host) {
            run({"/sbin/ip", "netns", "delete", name(host_name(host))});
        }
        run({"/sbin/ip", "netns", "delete", name("switch")});
    }
    Network(const Network&) = delete;
    Network& operator=(const Network&) = delete;

    bool is_up() const { return up_; }
    const std::string& reason() const { return reason_; }
    static std::string host_name(int host) { return "host" + std::to_string(host); }

    std::vector<std::string> command(const std::string& host,
                                     std::vector<std::string> arguments) const {
        std::vector<std::string> whole{"/sbin/ip", "netns", "exec", name(host)};
        whole.insert(whole.end(), arguments.begin(), arguments.end());
        return whole;
    }
    test_support::Ran inside(const std::string& host, std::vector<std::string> arguments) {
        const auto ran = run(command(host, std::move(arguments)));
        note(ran);
        return ran;
    }
    std::int64_t sent(const std::string& host, const std::string& nic) {
        return std::stoll(
            inside(host, {"cat", "/sys/class/net/" + nic + "/statistics/tx_bytes"}).output);
    }

private:
    static std::string name(const std::string& host) {
        return "godwit-" + std::to_string(::getpid()) + "-" + host;
    }
    void note(const test_support::Ran& ran) {
        if (ran.exit_code == 0 || !up_) return;
        up_ = false;
        reason_ = ran.output;
    }
    void ip(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "/sbin/ip");
        note(run(arguments));
    }
    void add_host(int host) {
        const std::string self = host_name(host);
        ip({"netns", "add", name(self)});
        inside(self, {"ip", "link", "set", "lo", "up"});
        for (int nic = 0; nic < 2; ++nic) {
            const std::string number = std::to_string(nic);
            const std::string port = "h" + std::to_string(host) + "n" + number;
            const std::string own = "eth" + number;
            inside("switch", {"ip", "link", "add", port, "type", "veth", "peer", "name", own,
                              "netns", name(self)});
            inside("switch", {"ip", "link", "set", port, "master", "br" + number, "up"});
            inside(self, {"ip", "address", "add",
                          "10.71." + number + "." + std::to_string(host) + "/24", "dev", own});
            inside(self, {"ip", "link", "set", own, "up"});
        }
    }

    bool up_ = true;
    std::string reason_;
};

constexpr int kPort = 8888;  // In namespaces of our own, every port is free.

// host1: master; host2: source; host3: destination.
class TwoNics : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
        if (!network_.is_up()) GTEST_SKIP() << "no network namespaces: " << network_.reason();
        std::ofstream{folder_.path("master.yml")}
            << "listen: {host: 10.71.0.1, port: " << kPort << "}\nstore: {plugin: memory}\n"
            << "insecure: true\nlease_seconds: 6\nworker_heartbeat_timeout: 8\n";
        std::ofstream agents{folder_.path("agents.yml")};
        agents << "master_url: http://10.71.0.1:" << kPort << "\ninsecure: true\n"
               << "heartbeat_interval: 1\ntransport: " << GetParam() << "\nworkers:\n";
        for (int host = 2; host <= 3; ++host) {
            const std::string ip = "." + std::to_string(host);
            std::filesystem::create_directories(storage(host));
            agents << "  - worker_id: host" << host << "\n    storage_paths: [\"" << storage(host)
                   << "\"]\n    network:\n      control_plane_address: 10.71.0" << ip
                   << "\n      data_plane_endpoints: [{iface: eth0, address: 10.71.0" << ip
                   << "}, {iface: eth1, address: 10.71.1" << ip << "}]\n";
        }
        agents.close();
        start("host1", {binary("godwit-master"), "--config", folder_.path("master.yml")});
        for (const char* host : {"host2", "host3"}) {
            start(host, {binary("godwit-agent"), "--worker-id", host, "--config",
                         folder_.path("agents.yml")});
        }
        const auto registered = [&] {
            const std::string workers = godwit({"workers"}).output;
            return workers.find("host2") != std::string::npos &&
                   workers.find("host3") != std::string::npos;
        };
        ASSERT_TRUE(eventually(registered, patience())) << logs();
    }
    void TearDown() override {
        if (HasFailure()) std::cerr << logs();
    }

    std::string storage(int host) const { return folder_.path("storage" + std::to_string(host)); }
    test_support::Ran godwit(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), binary("godwit"));
        arguments.insert(arguments.end(),
                         {"--master", "http://10.71.0.1:" + std::to_string(kPort)});
        return run(network_.command("host1", std::move(arguments)), {}, patience());
    }
    void start(const std::string& host, std::vector<std::string> command) {
        processes_.push_back(
            std::make_unique<Process>(Process::Settings{.command = network_.command(host, command),
                                                        .environment = {},
                                                        .output = folder_.path(host + ".log"),
                                                        .prepare = {}}));
    }
    std::string logs() const {
        std::string text;
        for (const char* host : {"host1", "host2", "host3"}) {
            text += std::string{"--- "} + host + "\n" +
                    read_file(folder_.path(std::string{host} + ".log"));
        }
        return text;
    }

    Network network_;
    test_support::TemporaryFolder folder_;
    std::vector<std::unique_ptr<Process>> processes_;
};

TEST_P(TwoNics, BothCarryTheBytes) {
    test_support::make_realistic_tree(storage(2) + "/tree", 300, 200);
    const std::int64_t before0 = network_.sent("host2", "eth0");
    const std::int64_t before1 = network_.sent("host2", "eth1");

    const auto ran = godwit(
        {"sync", storage(2) + "/tree", storage(3) + "/tree", "--wait", "--chunk-size-mb", "16"});

    ASSERT_EQ(ran.exit_code, 0) << ran.output;
    EXPECT_THAT(test_support::differences(storage(2) + "/tree", storage(3) + "/tree"), IsEmpty());
    // At least a tenth of the tree each.
    EXPECT_GT(network_.sent("host2", "eth0") - before0, 20 << 20);
    EXPECT_GT(network_.sent("host2", "eth1") - before1, 20 << 20);
}

TEST_P(TwoNics, ALinkThatFailsCostsNoFile) {
    test_support::write_random(storage(2) + "/tree/large", 600 << 20);
    ASSERT_EQ(godwit({"sync", storage(2) + "/tree", storage(3) + "/tree", "--id", "r-1",
                      "--chunk-size-mb", "8"})
                  .exit_code,
              0);
    ASSERT_TRUE(eventually([&] { return network_.sent("host2", "eth1") > 30 << 20; }, patience()));

    network_.inside("host2", {"ip", "link", "set", "eth1", "down"});

    const auto completed = [&] {
        return godwit({"status", "r-1"}).output.find("COMPLETED") != std::string::npos;
    };
    EXPECT_TRUE(eventually(completed, 2 * patience())) << godwit({"status", "r-1"}).output;
    EXPECT_THAT(test_support::differences(storage(2) + "/tree", storage(3) + "/tree"), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Transports, TwoNics,
    testing::Values("{plugin: libfabric, options: {provider: \"tcp;ofi_rxm\"}}",
                    "{plugin: ucx, options: {tls: tcp}}"),
    [](const auto& info) {
        return std::string{info.param}.find("ucx") != std::string::npos ? "Ucx" : "Libfabric";
    });

}  // namespace
}  // namespace godwit::integration
