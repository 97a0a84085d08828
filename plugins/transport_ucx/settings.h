// What a site may choose.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "godwit/sdk/options.h"

namespace godwit::transport_ucx {

inline constexpr sdk::OptionSpec kOptions[] = {
    {"tls", sdk::OptionType::Text, "tcp",
     "UCX transports that a rail may use, such as 'tcp', 'rc' or 'rc,tcp'; the same on all agents"},
    {"gets_in_flight_max", sdk::OptionType::Integer, "64",
     "gets that one rail may have in flight, over all of its peers"},
    {"peers_max", sdk::OptionType::Integer, "1024",
     "agents that one rail gets from at once, and as many that it serves"},
    {"rndv_threshold_bytes", sdk::OptionType::Integer, "0",
     "from this length on, bytes travel by rendezvous, without a copy; 0: what suits the "
     "transport"},
    {"keepalive_interval_ms", sdk::OptionType::Integer, "10000",
     "how long a silent connection is trusted before it is probed"},
    {"port_low", sdk::OptionType::Integer, "0",
     "lowest port to listen on, two for each rail; 0: the kernel chooses"},
    {"port_high", sdk::OptionType::Integer, "0", "highest port to listen on; 0: no range"},
    {"gid_index", sdk::OptionType::Integer, "-1",
     "index of the GID that UCX uses where it chooses one, for RoCE; -1: the rail's address"},
    {"traffic_class", sdk::OptionType::Integer, "-1",
     "traffic class of packets, for RoCE; -1: UCX's default"},
    {"config", sdk::OptionType::TextList, "",
     "further UCX settings, each 'NAME=value', without UCX's prefix"},
};

struct UcxSetting {
    std::string name;  // Without "UCX_".
    std::string value;

    bool operator==(const UcxSetting&) const = default;
};

// A setting's name without its transport's prefix; the same name: it has no such prefix.
std::string without_transport_prefix(const std::string& name);

// Below UCX 1.17, ucp_config_modify() takes the settings of a transport by other names than the
// environment and ucx_info do, and silently stores the rest: "PUT_ENABLE" for UCX_TCP_PUT_ENABLE,
// "RC_RETRY_COUNT" for UCX_RC_VERBS_RETRY_COUNT. All names that a setting may go by, its own first;
// each is set, and one of them has to be taken.
std::vector<std::string> names_of(const std::string& setting);

struct Settings {
    std::string tls = "tcp";  // Without blanks, sorted, each name once.
    bool uses_tcp = true;
    bool uses_rdma = false;
    std::size_t gets_in_flight_max = 0;
    std::size_t peers_max = 0;
    std::size_t rndv_threshold_bytes = 0;
    std::int64_t keepalive_interval_ms = 0;
    std::uint16_t port_low = 0;  // 0: no range
    std::uint16_t port_high = 0;
    std::int64_t gid_index = -1;
    std::int64_t traffic_class = -1;
    std::vector<UcxSetting> config;
};

sdk::Result<Settings> read_settings(const sdk::Options& options);

// UCX's settings, by who has the last word.
struct UcxConfiguration {
    std::vector<UcxSetting> required;  // Wins over UCX_* in the environment, and must take effect.
    std::vector<UcxSetting> defaults;  // Loses against it, and may be unknown to a release of UCX.
};

// What `settings` mean to UCX, for a rail on `devices` ("eth0", "mlx5_0:1") with an IPv6 address or
// an IPv4 one, which is the GID of this index on a RoCE port. Pure.
UcxConfiguration configure(const Settings& settings, const std::string& devices, bool is_v6,
                           std::optional<unsigned> gid_index = {});

}  // namespace godwit::transport_ucx
