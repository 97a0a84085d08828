// What master and agent are told by their YAML, typed and checked.
//
// Every problem of a file is told at once, as file:line:column with the setting's path; unknown
// keys are problems that name the nearest known one. Units are in the names; durations are seconds,
// as in the seed guide.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "godwit/sdk/options.h"
#include "godwit/sdk/types.h"

namespace godwit::config {

struct PluginChoice {
    std::string plugin;
    sdk::Options options;
    sdk::Position at;
};

enum class TokenRole : std::uint8_t { Viewer, Worker, Operator };

struct Token {
    TokenRole role = TokenRole::Viewer;
    base::Secret secret;
};

struct Listen {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8888;
};

struct MasterSettings {
    Listen listen;
    std::vector<std::string> plugin_path;  // Empty: the folder that belongs to the executable.
    PluginChoice store;
    PluginChoice policy;
    base::Millis worker_heartbeat_timeout{45'000};
    base::Millis lease{30'000};
    base::Millis mount_wait{
        600'000};  // How long a request waits for a worker that mounts its path.
    std::uint64_t planning_window = 1024;
    std::uint32_t attempts_max = 5;
    std::uint32_t http_workers = 4;
    std::vector<Token> tokens;
    base::Secret ticket_secret;
    bool insecure = false;
    base::LogSettings log;
};

struct AgentSettings {
    std::string master_url = "http://127.0.0.1:8888";
    std::vector<std::string> plugin_path;
    std::vector<PluginChoice> transports;  // In order of preference; at least one.
    base::Millis heartbeat_interval{5'000};
    base::Secret token;
    base::Secret ticket_secret;
    bool insecure = false;
    base::LogSettings log;

    // The chosen entry of `workers`.
    sdk::WorkerId worker_id;
    std::vector<std::string> storage_paths;  // Absolute, normalised.
    std::string control_plane_address = "127.0.0.1";
    std::uint16_t control_plane_port = 0;  // 0: any free one.
    std::vector<sdk::Endpoint> data_plane_endpoints;

    std::uint32_t slots = 4;                // Assignments worked on at once.
    std::uint64_t segment_bytes = 1 << 20;  // One window's piece; a small file fits in one.
    std::uint32_t send_buffers = 32;
    std::uint32_t receive_buffers = 32;
    std::uint32_t writers = 2;  // Threads that write to the destination.
};

Result<MasterSettings> read_master(const sdk::Value& root);
// NotFound when `workers` has no such entry; names those there are.
Result<AgentSettings> read_agent(const sdk::Value& root, const sdk::WorkerId& worker);

// The settings in effect, as YAML, without secrets.
std::string print(const MasterSettings& settings);
std::string print(const AgentSettings& settings);

// Whether the address can only be reached from this machine ("127.0.0.1", "::1", "localhost").
bool is_loopback(std::string_view host) noexcept;
// Whether it stands for every address of this machine ("0.0.0.0", "::"), and so leads nobody here.
bool is_wildcard(std::string_view host) noexcept;

}  // namespace godwit::config
