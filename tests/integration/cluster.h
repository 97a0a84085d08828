// A master and agents of a test's own, as the real executables, on free ports of the loopback.
#pragma once

#include <Poco/JSON/Object.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/client.h"
#include "support/process.h"
#include "support/redis_server.h"
#include "support/tree.h"

namespace godwit::integration {

using test_support::eventually;
using test_support::Process;
using test_support::Seconds;

// Under a sanitizer everything takes several times as long.
Seconds patience();

enum class Store { Memory, Redis };

// A line of YAML for plugins of the tests' own (tests/fixtures/faults), beside the real ones.
std::string plugin_path_with_faults();

struct ClusterSettings {
    Store store = Store::Memory;
    std::string store_choice = "{plugin: memory}";  // Where it is not Redis.
    std::string transport = R"({plugin: libfabric, options: {provider: "tcp;ofi_rxm"}})";
    std::string policy = "{plugin: storage_affinity}";
    // Further lines of the YAML files.
    std::string master_yaml = "lease_seconds: 3\nworker_heartbeat_timeout: 4\n";
    std::string agent_yaml = "heartbeat_interval: 1\n";
    std::string token;  // What call() presents, unless it is given an Authorization of its own.
    std::vector<std::string> master_environment;
    std::vector<std::string> agent_environment;
};

struct WorkerSettings {
    std::string id;
    std::vector<std::string> storage_paths;
    std::string yaml;                 // Further lines of its entry, e.g. "tuning: {slots: 1}".
    std::function<void()> prepare{};  // As in Process::Settings.
};

// Answers of the master.
struct Reply {
    int status = 0;  // 0: not reached.
    std::string body;
    http::Headers headers;

    Poco::JSON::Object::Ptr object() const;  // Null when the body is none.
};

// Thread-compatible. Every process ends with it.
class Cluster {
public:
    explicit Cluster(ClusterSettings settings = {});
    ~Cluster();

    // What names its folder, and so is known only when that is there. Before the agents start.
    void set_transport(const std::string& yaml) { settings_.transport = yaml; }
    void set_agent_environment(const std::vector<std::string>& variables) {
        settings_.agent_environment = variables;
    }
    // Call before start_agent(); may be called again for more.
    void add_worker(const WorkerSettings& worker);

    void start_master();
    Process& master() { return *master_; }
    void start_agent(const std::string& worker);
    Process& agent(const std::string& worker) { return *agents_.at(worker); }
    // Two workers: worker-a with `source`, worker-b with `destination`; all started.
    void start_pair(const std::string& source, const std::string& destination);

    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    int port() const noexcept { return port_; }
    std::string folder(const std::string& relative = {}) const { return folder_.path(relative); }
    std::string master_log() const;
    std::string agent_log(const std::string& worker) const;
    std::string agents_file() const { return folder("agents.yml"); }
    std::string master_file() const { return folder("master.yml"); }
    test_support::RedisServer& redis() { return *redis_; }

    Reply call(const std::string& method, const std::string& target, const std::string& body = {},
               const http::Headers& headers = {});
    // POST /sync; the id.
    std::string submit(const std::string& source, const std::string& destination,
                       const std::string& more_members = {});
    std::string state(const std::string& id);
    Poco::JSON::Object::Ptr progress(const std::string& id);
    std::int64_t count(const std::string& id, const std::string& section, const std::string& name);
    // Waits for the end; the state it ended in.
    std::string wait_until_over(const std::string& id);
    bool wait_for_state(const std::string& id, const std::string& state);
    // The command line; its exit code and output.
    test_support::Ran godwit(std::vector<std::string> arguments);

private:
    bool launch_master();
    void write_agents_file() const;

    ClusterSettings settings_;
    test_support::TemporaryFolder folder_;
    std::unique_ptr<test_support::RedisServer> redis_;
    int port_ = 0;
    std::vector<WorkerSettings> workers_;
    std::unique_ptr<Process> master_;
    std::map<std::string, std::unique_ptr<Process>> agents_;
    int next_id_ = 1;
};

// Where the build put an executable: binary("godwit-master").
std::string binary(const std::string& name);
// Where the build put what breaks things: fault_library("libflip_writes.so").
std::string fault_library(const std::string& name);
// A file of the tree: shipped("config/example_master.yml").
std::string shipped(const std::string& path);

// The logs of a failed test are worth more than its last line.
void print_logs(const Cluster& cluster);

}  // namespace godwit::integration
