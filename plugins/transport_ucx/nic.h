// Which network interfaces and RDMA devices this host has, and which of them a rail means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "godwit/sdk/transport.h"
#include "socket_address.h"

namespace godwit::transport_ucx {

struct Interface {
    std::string name;
    std::vector<SocketAddress> addresses;
};

// An entry of the table by which a RoCE port knows its own addresses.
struct Gid {
    unsigned index = 0;
    SocketAddress address;
    bool is_v2 = false;  // RoCE v2, which can be routed.
};

// One port of a host channel adapter.
struct RdmaPort {
    std::string adapter;  // "mlx5_0"
    unsigned port = 1;
    std::vector<std::string> interfaces;  // IPoIB, or the Ethernet beneath RoCE. May be empty.
    std::vector<Gid> gids{};              // Of RoCE; none on InfiniBand.

    // As UCX names it: "mlx5_0:1"
    std::string device() const { return adapter + ":" + std::to_string(port); }
};

struct Inventory {
    std::vector<Interface> interfaces;  // Those that are up and have an address.
    std::vector<RdmaPort> rdma_ports;
};

// `sysfs` is "/sys", but for tests.
sdk::Result<Inventory> take_inventory(const std::string& sysfs = "/sys");

// What a rail stands on.
struct Nic {
    std::string iface;
    SocketAddress address;
    std::string devices;  // For UCX_NET_DEVICES: "eth0", "mlx5_0:1" or both.
    std::string adapter;  // Empty: no RDMA.
    // On a RoCE port: all of its GIDs, and which of them is `address`. Where UCX chooses by itself
    // (for datagrams, by which it keeps connections alive), it takes the port's first one, which
    // may be of another interface on it, such as the one without the VLAN.
    std::vector<Gid> gids{};
    std::optional<unsigned> gid_index{};
    std::uint32_t link_mbps = 0;
    std::int32_t numa_node = -1;
};

// NotFound: the message lists what there is. Pure.
sdk::Result<Nic> pick_nic(const sdk::RailSpec& spec, bool uses_tcp, bool uses_rdma,
                          const Inventory& inventory);

// InvalidArgument: a RoCE port has no such GID; the message lists those it has. Pure.
sdk::Status check_gid_index(std::int64_t wanted, const Nic& nic);

// Fills in speed and NUMA node, where the kernel knows them.
void describe(Nic& nic, const std::string& sysfs = "/sys");

}  // namespace godwit::transport_ucx
