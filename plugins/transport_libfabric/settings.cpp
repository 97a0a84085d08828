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

// Receives that rxm keeps posted on each connection. Godwit sends no messages, so these serve
// nobody; rxm wants some, and sizes a device's completion queue by them.
constexpr std::size_t kRxmReceives = 16;
// Entries of the completion queue that rxm opens on a device are (receives + transmits) * peers;
// small devices (Soft-RoCE) have 32767, which the defaults must not exceed.
constexpr std::size_t kRxmTransmitsMin = 16;
constexpr std::size_t kRxmTransmitsMax = 128;

const ProviderTraits* find_provider(std::string_view name) {
    const auto* row = std::ranges::find(kProviders, name, &ProviderTraits::name);
    return row == std::end(kProviders) ? nullptr : row;
}

void set_default(const char* variable, const std::string& value) {
    constexpr int kKeepWhatIsSet = 0;
    ::setenv(variable, value.c_str(), kKeepWhatIsSet);
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
    }
    if ((settings.port_low == 0) != (settings.port_high == 0) ||
        settings.port_low > settings.port_high) {
        read.reject("port_low", "expected port_low <= port_high, or neither of them", options);
    }
    if (auto status = read.finish(); !status) return std::move(status).error();
    return settings;
}

void export_settings(const Settings& settings) {
    const std::size_t transmits =
        std::clamp(settings.gets_in_flight_max, kRxmTransmitsMin, kRxmTransmitsMax);
    set_default("FI_UNIVERSE_SIZE", std::to_string(settings.peers_max));
    set_default("FI_OFI_RXM_MSG_TX_SIZE", std::to_string(transmits));
    set_default("FI_OFI_RXM_MSG_RX_SIZE", std::to_string(kRxmReceives));
    // Memory is registered once and explicitly; the cache would patch munmap in the whole process.
    set_default("FI_MR_CACHE_MONITOR", "disabled");
    if (settings.port_high == 0) return;
    for (const char* provider : {"FI_TCP", "FI_NET"}) {
        set_default((std::string{provider} + "_PORT_LOW_RANGE").c_str(),
                    std::to_string(settings.port_low));
        set_default((std::string{provider} + "_PORT_HIGH_RANGE").c_str(),
                    std::to_string(settings.port_high));
    }
}

}  // namespace godwit::transport_libfabric
