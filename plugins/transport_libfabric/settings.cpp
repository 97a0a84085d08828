#include "settings.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

namespace godwit::transport_libfabric {
namespace {

constexpr std::int64_t kGetsInFlightMax = 4096;
constexpr std::int64_t kPeersMax = 4096;
constexpr std::int64_t kPortMax = 65535;

// What rxm keeps for each connection. Godwit sends no messages, only reads, so the receives and
// the buffers serve nobody; but rxm wants some of them.
struct RxmSizes {
    std::size_t receives = 0;
    std::size_t transmits = 0;
    // rxm's completion queues have (receives + transmits) * universe entries.
    std::size_t universe = 0;
};

constexpr std::size_t kTransmitsMin = 16;
constexpr std::size_t kTransmitsMax = 128;
constexpr std::size_t kReceives = 16;
// The least with which rxm makes progress is two.
constexpr std::size_t kReceivesOnDevice = 4;
// rxm registers 1024 buffers for each endpoint at once: with the 16 KiB that are its default, 17
// MiB of pinned memory for each peer. Two agents must have the same, or rxm refuses the connection.
constexpr const char* kBufferBytesOnDevice = "256";

const ProviderTraits* find_provider(std::string_view name) {
    const auto* row = std::ranges::find(kProviders, name, &ProviderTraits::name);
    return row == std::end(kProviders) ? nullptr : row;
}

RxmSizes rxm_sizes(const Settings& settings) {
    const std::size_t transmits =
        std::clamp(settings.gets_in_flight_max, kTransmitsMin, kTransmitsMax);
    if (!settings.provider->is_rdma_by_ip) return {kReceives, transmits, settings.peers_max};
    // The serving endpoint's queue fills when all peers go at once, and their receives with them.
    // Each other endpoint has one peer, and all of the transmits.
    const std::size_t needed = kReceivesOnDevice * settings.peers_max + transmits;
    const std::size_t unit = kReceivesOnDevice + transmits;
    return {kReceivesOnDevice, transmits, (needed + unit - 1) / unit};
}

}  // namespace

sdk::Result<Settings> read_settings(const sdk::Options& options) {
    sdk::OptionReader read{options, kOptions};
    Settings settings;
    const std::string provider = read.text("provider");
    settings.gets_in_flight_max =
        static_cast<std::size_t>(read.integer("gets_in_flight_max", 1, kGetsInFlightMax));
    settings.peers_max = static_cast<std::size_t>(read.integer("peers_max", 1, kPeersMax));
    settings.port_low = static_cast<int>(read.integer("port_low", 0, kPortMax));
    settings.port_high = static_cast<int>(read.integer("port_high", 0, kPortMax));

    settings.provider = find_provider(provider);
    if (settings.provider == nullptr) {
        std::vector<std::string_view> names;
        for (const ProviderTraits& row : kProviders) names.push_back(row.name);
        read.reject("provider", sdk::unknown_name("provider", provider, names), options);
    } else if (settings.port_high != 0 && !settings.provider->has_port_range) {
        read.reject("port_high", "provider '" + provider + "' takes no range of ports", options);
    }
    if ((settings.port_low == 0) != (settings.port_high == 0) ||
        settings.port_low > settings.port_high) {
        read.reject("port_low", "expected port_low <= port_high, or neither of them", options);
    }
    if (auto status = read.finish(); !status) return std::move(status).error();
    return settings;
}

std::size_t completion_queue_entries(const Settings& settings) {
    const RxmSizes sizes = rxm_sizes(settings);
    return (sizes.receives + sizes.transmits) * sizes.universe;
}

std::vector<std::pair<std::string, std::string>> environment_of(const Settings& settings) {
    const RxmSizes sizes = rxm_sizes(settings);
    std::vector<std::pair<std::string, std::string>> variables = {
        {"FI_UNIVERSE_SIZE", std::to_string(sizes.universe)},
        {"FI_OFI_RXM_MSG_TX_SIZE", std::to_string(sizes.transmits)},
        {"FI_OFI_RXM_MSG_RX_SIZE", std::to_string(sizes.receives)},
        // Memory is registered once and explicitly; the cache would patch munmap in the whole
        // process.
        {"FI_MR_CACHE_MONITOR", "disabled"},
    };
    if (settings.provider->is_rdma_by_ip) {
        variables.emplace_back("FI_OFI_RXM_BUFFER_SIZE", kBufferBytesOnDevice);
    }
    if (settings.port_high == 0) return variables;
    for (const std::string provider : {"FI_TCP", "FI_NET"}) {
        variables.emplace_back(provider + "_PORT_LOW_RANGE", std::to_string(settings.port_low));
        variables.emplace_back(provider + "_PORT_HIGH_RANGE", std::to_string(settings.port_high));
    }
    return variables;
}

void export_settings(const Settings& settings) {
    constexpr int kKeepWhatIsSet = 0;
    for (const auto& [variable, value] : environment_of(settings)) {
        ::setenv(variable.c_str(), value.c_str(), kKeepWhatIsSet);
    }
}

}  // namespace godwit::transport_libfabric
