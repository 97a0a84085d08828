// What a site may choose, and what each provider is like.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "godwit/sdk/options.h"

namespace godwit::transport_libfabric {

// What libfabric does not tell of a provider, or tells too late. One row per provider that may be
// named in YAML.
struct ProviderTraits {
    std::string_view name;  // As libfabric composes it; compared exactly.
    bool same_host_only = false;
    bool keys_enforced = true;         // shm reads by process id and looks at no key.
    bool native_rma = false;           // The NIC answers, without the source's processor.
    bool reconnects_silently = false;  // rxm: a post over a lost connection opens a new one.
    bool must_be_cut = false;          // See cut.h.
    // Gets are done when they are posted, so there is nothing to give up, and peers share the
    // serving endpoint. shm: it stands neither many endpoints nor their end.
    bool completes_at_once = false;
    // verbs: connections are made by rdma_cm, from one IP address to another. What the device's
    // queues hold is limited, and memory that it uses is pinned.
    bool is_rdma_by_ip = false;
    bool has_port_range = false;
};

inline constexpr ProviderTraits kProviders[] = {
    {.name = "tcp;ofi_rxm",
     .reconnects_silently = true,
     .must_be_cut = true,
     .has_port_range = true},
    {.name = "verbs;ofi_rxm",
     .native_rma = true,
     .reconnects_silently = true,
     .is_rdma_by_ip = true},
    {.name = "efa"},
    {.name = "net", .must_be_cut = true, .has_port_range = true},
    {.name = "shm", .same_host_only = true, .keys_enforced = false, .completes_at_once = true},
};

inline constexpr sdk::OptionSpec kOptions[] = {
    {"provider", sdk::OptionType::Text, "tcp;ofi_rxm",
     "libfabric provider: 'tcp;ofi_rxm', 'verbs;ofi_rxm', 'efa', 'net' or 'shm'"},
    {"gets_in_flight_max", sdk::OptionType::Integer, "64",
     "gets that one rail may have in flight, over all of its peers"},
    {"peers_max", sdk::OptionType::Integer, "128",
     "agents that one rail may be connected with; sizes the queues of RDMA devices"},
    {"port_low", sdk::OptionType::Integer, "0",
     "lowest TCP port to listen on, for 'tcp;ofi_rxm' and 'net'; 0: the kernel chooses"},
    {"port_high", sdk::OptionType::Integer, "0", "highest TCP port to listen on; 0: no range"},
};

struct Settings {
    const ProviderTraits* provider = &kProviders[0];
    std::size_t gets_in_flight_max = 0;
    std::size_t peers_max = 0;
    int port_low = 0;
    int port_high = 0;
};

sdk::Result<Settings> read_settings(const sdk::Options& options);

// Entries of each completion queue that ofi_rxm opens on a device. Soft-RoCE, the smallest that we
// know, has queues of 32767.
std::size_t completion_queue_entries(const Settings& settings);

// What libfabric takes from the environment only, as variables and their values. Pure.
std::vector<std::pair<std::string, std::string>> environment_of(const Settings& settings);

// Hands that to libfabric. Variables that are set already win: whoever sets FI_* by hand means it.
// libfabric reads them once, at its first use in the process. Not thread-safe against others who
// read the environment: for start-up.
void export_settings(const Settings& settings);

}  // namespace godwit::transport_libfabric
