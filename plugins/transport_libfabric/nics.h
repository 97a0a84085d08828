// What the kernel knows of this host's NICs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "godwit/sdk/transport.h"

namespace godwit::transport_libfabric {

struct Nic {
    std::string iface;
    std::string address;  // An IP address in its shortest form; v6 without a scope.
    bool link_local = false;
    bool is_v6 = false;
};

// One entry for each address of each interface that is up.
sdk::Result<std::vector<Nic>> list_nics();

// "10.0.0.1", "fe80::1" and so on in the form that Nic::address has; empty: no IP address.
std::string canonical_address(const std::string& text);

// "eth0 (10.0.0.1, fe80::1), lo (127.0.0.1)"
std::string to_text(std::span<const Nic> nics);

// The name of the RDMA device behind an interface, such as "mlx5_0"; empty: there is none.
std::string rdma_device_of(const std::string& iface);

// Of an interface or an RDMA device; 0 and -1 where the kernel does not say.
std::uint32_t link_mbps_of(const std::string& device);
std::int32_t numa_node_of(const std::string& device);

}  // namespace godwit::transport_libfabric
