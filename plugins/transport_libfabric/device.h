// From "which NIC" to the one entry of fi_getinfo() that a rail opens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fabric_handles.h"
#include "godwit/sdk/transport.h"
#include "nics.h"
#include "settings.h"

namespace godwit::transport_libfabric {

// What one provider offers on this host, without libfabric's duplicates.
struct Device {
    std::string domain;   // "eth0", "mlx5_0", "shm"
    std::string address;  // The IP address that it would bind to; empty: it has none.
};

// Whether `device` is what `spec` asks for. `nics` are those of this host.
bool is_wanted(const Device& device, const sdk::RailSpec& spec, const ProviderTraits& provider,
               const std::vector<Nic>& nics);

// The IP address that `info` is bound to; empty: none.
std::string ip_address_of(const fi_info& info);

// As the provider says, or else the kernel; 0: neither knows.
std::uint32_t link_mbps_of(const fi_info& info);

// The device for `spec`, with everything that the provider wants told decided. NotFound: there is
// no such device; the message lists those there are. Thread-safe.
sdk::Result<InfoPtr> find_device(const Settings& settings, const sdk::RailSpec& spec);

}  // namespace godwit::transport_libfabric
