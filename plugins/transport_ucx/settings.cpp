#include "settings.h"

#include <algorithm>
#include <array>

namespace godwit::transport_ucx {
namespace {

constexpr std::int64_t kGetsInFlightMax = 1024;
constexpr std::int64_t kPeersMax = 16384;
constexpr std::int64_t kRndvThresholdMax = std::int64_t{1} << 40;
constexpr std::int64_t kKeepaliveLowest = 1000;  // TCP's keepalive counts in seconds.
constexpr std::int64_t kKeepaliveHighest = 3'600'000;
constexpr std::int64_t kPortHighest = 65535;
constexpr std::int64_t kGidIndexHighest = 255;
constexpr std::int64_t kTrafficClassHighest = 255;

// Where a rendezvous, which costs two more messages, overtakes the copy that it saves. Measured
// over TCP on loopback; over RDMA it is a read of the remote memory.
constexpr std::size_t kTcpRndvThreshold = 64 * 1024;
constexpr std::size_t kRdmaRndvThreshold = 16 * 1024;

// UCX's names of transports, or beginnings of them.
constexpr std::array<std::string_view, 6> kRdmaPrefixes = {"rc", "ud", "dc", "ib", "srd", "gga"};

// Of UCX's transports and connection managers, longest first.
constexpr std::array<std::string_view, 15> kTransportPrefixes = {
    "RDMA_CM_", "RC_VERBS_", "UD_VERBS_", "RC_MLX5_", "DC_MLX5_", "UD_MLX5_", "TCP_CM_", "TCP_",
    "SELF_",    "SRD_",      "GGA_",      "IB_",      "RC_",      "UD_",      "DC_"};

// What transports of one family have in common goes by the family's name.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kFamilies = {
    {{"RC_VERBS_", "RC_"},
     {"RC_MLX5_", "RC_"},
     {"DC_MLX5_", "RC_"},
     {"UD_VERBS_", "UD_"},
     {"UD_MLX5_", "UD_"}}};

// The largest message over TCP. A receiver with smaller buffers than the sender's aborts its
// process, so this is part of the wire. Twice the speed of UCX's 8 KiB, where bytes are copied.
constexpr const char* kTcpSegmentBytes = "65536";

// What belongs to the rail or to an option of its own.
constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kTaken = {{
    {"TLS", "say 'tls'"},
    {"NET_DEVICES", "a rail's device follows from the worker's endpoint"},
    {"SOCKADDR_TLS_PRIORITY", "it follows from 'tls'"},
    {"KEEPALIVE_INTERVAL", "say 'keepalive_interval_ms'"},
    {"KEEPIDLE", "say 'keepalive_interval_ms'"},
    {"PORT_RANGE", "say 'port_low' and 'port_high'"},
    {"AF_PRIO", "it follows from the rail's address"},
    {"PUT_ENABLE", "it must stay off: see the README"},
    {"ZCOPY_THRESH", "it must stay off: see the README"},
    {"RX_SEG_SIZE", "it must be the same on all agents"},
    {"TX_SEG_SIZE", "it must be the same on all agents"},
    {"GID_INDEX", "say 'gid_index'"},
    {"TRAFFIC_CLASS", "say 'traffic_class'"},
}};

std::string without_blanks(std::string_view text) {
    std::string result{text};
    std::erase_if(result, [](char c) { return c == ' ' || c == '\t'; });
    return result;
}

std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> names;
    for (std::size_t at = 0; at <= list.size();) {
        const std::size_t end = std::min(list.find(',', at), list.size());
        names.push_back(list.substr(at, end - at));
        at = end + 1;
    }
    return names;
}

bool is_rdma(const std::string& name) {
    return std::ranges::any_of(kRdmaPrefixes,
                               [&](auto prefix) { return name.starts_with(prefix); });
}

// Empty: `list` is one that a rail can stand on, and `settings` say which.
std::string take_tls(const std::string& list, Settings& settings) {
    std::vector<std::string> names = split(without_blanks(list));
    if (std::ranges::find(names, "") != names.end()) return "expected names with ',' between them";
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    settings.tls.clear();
    settings.uses_tcp = false;
    settings.uses_rdma = false;
    for (const std::string& name : names) {
        const bool all = name == "all";
        settings.uses_tcp |= all || name == "tcp";
        settings.uses_rdma |= all || is_rdma(name);
        settings.tls += (settings.tls.empty() ? "" : ",") + name;
    }
    if (settings.uses_tcp || settings.uses_rdma) return {};
    return "expected a transport that leaves the host, such as 'tcp', 'rc' or 'rc,tcp', got '" +
           list + "'";
}

// Empty: taken.
std::string take_config(const std::string& text, std::vector<UcxSetting>& config) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) {
        return "expected 'NAME=value', got '" + text + "'";
    }
    std::string name = without_blanks(text.substr(0, equals));
    if (name.starts_with("UCX_")) name.erase(0, 4);
    const auto* taken = std::ranges::find(kTaken, without_transport_prefix(name),
                                          &decltype(kTaken)::value_type::first);
    if (taken != kTaken.end()) {
        return "'" + name + "' cannot be set here: " + std::string{taken->second};
    }
    config.push_back({std::move(name), text.substr(equals + 1)});
    return {};
}

}  // namespace

std::string without_transport_prefix(const std::string& name) {
    for (const std::string_view prefix : kTransportPrefixes) {
        if (name.starts_with(prefix)) return name.substr(prefix.size());
    }
    return name;
}

std::vector<std::string> names_of(const std::string& setting) {
    std::vector<std::string> names = {setting};
    const std::string bare = without_transport_prefix(setting);
    if (bare != setting) names.push_back(bare);
    for (const auto& [prefix, family] : kFamilies) {
        if (setting.starts_with(prefix)) names.push_back(std::string{family} + bare);
    }
    return names;
}

sdk::Result<Settings> read_settings(const sdk::Options& options) {
    sdk::OptionReader read{options, kOptions};
    Settings settings;
    const auto size = [&](const char* name, std::int64_t lowest, std::int64_t highest) {
        return static_cast<std::size_t>(read.integer(name, lowest, highest));
    };
    const auto refuse = [&](const char* name, const std::string& why) {
        if (!why.empty()) read.reject(name, why, options);
    };
    refuse("tls", take_tls(read.text("tls"), settings));
    settings.gets_in_flight_max = size("gets_in_flight_max", 1, kGetsInFlightMax);
    settings.peers_max = size("peers_max", 1, kPeersMax);
    settings.rndv_threshold_bytes = size("rndv_threshold_bytes", 0, kRndvThresholdMax);
    settings.keepalive_interval_ms =
        read.integer("keepalive_interval_ms", kKeepaliveLowest, kKeepaliveHighest);
    settings.port_low = static_cast<std::uint16_t>(read.integer("port_low", 0, kPortHighest));
    settings.port_high = static_cast<std::uint16_t>(read.integer("port_high", 0, kPortHighest));
    settings.gid_index = read.integer("gid_index", -1, kGidIndexHighest);
    settings.traffic_class = read.integer("traffic_class", -1, kTrafficClassHighest);
    for (const std::string& text : read.texts("config")) {
        refuse("config", take_config(text, settings.config));
    }
    if ((settings.port_low == 0) != (settings.port_high == 0) ||
        settings.port_low > settings.port_high) {
        refuse("port_low", "expected port_low <= port_high, or neither of them");
    }
    if (settings.rndv_threshold_bytes == 0) {
        settings.rndv_threshold_bytes = settings.uses_rdma ? kRdmaRndvThreshold : kTcpRndvThreshold;
    }
    if (auto status = read.finish(); !status) return std::move(status).error();
    return settings;
}

UcxConfiguration configure(const Settings& settings, const std::string& devices, bool is_v6,
                           std::optional<unsigned> gid_index) {
    const std::string keepalive = std::to_string(settings.keepalive_interval_ms) + "ms";
    UcxConfiguration ucx;
    const auto require = [&](const char* name, std::string value) {
        ucx.required.push_back({name, std::move(value)});
    };
    require("TLS", settings.tls);
    require("NET_DEVICES", devices);
    // Who introduces two rails to each other: RDMA's own connection manager, or sockets.
    require("SOCKADDR_TLS_PRIORITY", !settings.uses_rdma ? "tcp"
                                     : settings.uses_tcp ? "rdmacm,tcp"
                                                         : "rdmacm");
    require("KEEPALIVE_INTERVAL", keepalive);
    if (settings.uses_tcp) {
        // Where a connection ends while memory is being sent from or written to without a copy, UCX
        // aborts the process: by a late acknowledgement of a put, and by ending a request twice.
        // So bytes are copied into segments, by the source and by the destination.
        require("TCP_PUT_ENABLE", "n");
        require("ZCOPY_THRESH", "inf");
        require("TCP_TX_SEG_SIZE", kTcpSegmentBytes);
        require("TCP_RX_SEG_SIZE", kTcpSegmentBytes);
        require("TCP_AF_PRIO", is_v6 ? "inet6" : "inet");
        require("TCP_KEEPIDLE", keepalive);
        if (settings.port_low != 0) {
            require("TCP_PORT_RANGE",
                    std::to_string(settings.port_low) + "-" + std::to_string(settings.port_high));
        }
        // Without it, connecting holds up the rail's thread and every other peer's bytes.
        ucx.defaults.push_back({"TCP_CONN_NB", "y"});
    }
    if (settings.uses_rdma) {
        if (settings.gid_index >= 0) {
            require("IB_GID_INDEX", std::to_string(settings.gid_index));
        } else if (gid_index) {
            ucx.defaults.push_back({"IB_GID_INDEX", std::to_string(*gid_index)});
        }
        if (settings.traffic_class >= 0) {
            require("IB_TRAFFIC_CLASS", std::to_string(settings.traffic_class));
        }
    }
    ucx.required.insert(ucx.required.end(), settings.config.begin(), settings.config.end());
    return ucx;
}

}  // namespace godwit::transport_ucx
