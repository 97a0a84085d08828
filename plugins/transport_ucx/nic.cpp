#include "nic.h"

#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <system_error>

namespace godwit::transport_ucx {
namespace {

namespace fs = std::filesystem;

sdk::Result<std::vector<Interface>> list_interfaces() {
    ifaddrs* head = nullptr;
    if (::getifaddrs(&head) != 0) {
        return sdk::Error{sdk::Code::Internal,
                          "list the network interfaces: " + std::generic_category().message(errno),
                          errno};
    }
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> all{head, &::freeifaddrs};
    std::vector<Interface> interfaces;
    for (const ifaddrs* entry = head; entry != nullptr; entry = entry->ifa_next) {
        const auto address = SocketAddress::from(entry->ifa_addr);
        if (!address || (entry->ifa_flags & IFF_UP) == 0) continue;
        auto known = std::ranges::find(interfaces, entry->ifa_name, &Interface::name);
        if (known == interfaces.end()) {
            known = interfaces.insert(known, Interface{entry->ifa_name, {}});
        }
        known->addresses.push_back(*address);
    }
    return interfaces;
}

// Sorted names; none, when there is no such folder.
std::vector<std::string> entries_of(const fs::path& folder) {
    std::vector<std::string> names;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator{folder, ignored}) {
        names.push_back(entry.path().filename());
    }
    std::ranges::sort(names);
    return names;
}

std::string first_line_of(const fs::path& file) {
    std::ifstream stream{file};
    std::string line;
    std::getline(stream, line);
    return line;
}

std::optional<long> first_number_of(const fs::path& file) {
    const std::string line = first_line_of(file);
    long number = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    if (error != std::errc{}) return std::nullopt;
    return number;
}

// A table of GIDs is long, hundreds to a thousand, and the kernel fills it from the front. Behind
// so many empty entries it is taken to have ended.
constexpr unsigned kEmptyGidsMax = 64;

// RoCE: each GID names the interface that it comes from. InfiniBand: the interface is a child of
// the same PCI device, and counts the ports from 0.
RdmaPort read_port(const fs::path& adapter, unsigned port) {
    std::set<std::string> interfaces;
    RdmaPort found{adapter.filename(), port, {}};
    const fs::path folder = adapter / "ports" / std::to_string(port);
    const fs::path attributes = folder / "gid_attrs";
    for (unsigned index = 0, empty = 0; empty < kEmptyGidsMax; ++index) {
        const std::string entry = std::to_string(index);
        const std::string name = first_line_of(attributes / "ndevs" / entry);
        empty = name.empty() ? empty + 1 : 0;
        if (name.empty()) continue;
        interfaces.insert(name);
        const auto address = SocketAddress::parse(first_line_of(folder / "gids" / entry));
        if (!address) continue;
        const bool is_v2 = first_line_of(attributes / "types" / entry) == "RoCE v2";
        found.gids.push_back({index, address->unmapped(), is_v2});
    }
    for (const std::string& name : entries_of(adapter / "device" / "net")) {
        const auto dev_port = first_number_of(adapter / "device" / "net" / name / "dev_port");
        if (dev_port.value_or(0) + 1 == static_cast<long>(port)) interfaces.insert(name);
    }
    found.interfaces.assign(interfaces.begin(), interfaces.end());
    return found;
}

std::vector<RdmaPort> list_rdma_ports(const std::string& sysfs) {
    std::vector<RdmaPort> ports;
    const fs::path root = fs::path{sysfs} / "class" / "infiniband";
    for (const std::string& adapter : entries_of(root)) {
        for (const std::string& text : entries_of(root / adapter / "ports")) {
            unsigned port = 0;
            std::from_chars(text.data(), text.data() + text.size(), port);
            if (port != 0) ports.push_back(read_port(root / adapter, port));
        }
    }
    return ports;
}

std::string to_text(const std::vector<Interface>& interfaces) {
    std::string text;
    for (const Interface& interface : interfaces) {
        text += (text.empty() ? "" : ", ") + interface.name + " (";
        for (const SocketAddress& address : interface.addresses) {
            if (&address != &interface.addresses.front()) text += ", ";
            text += address.ip_text();
        }
        text += ")";
    }
    return text.empty() ? "none" : text;
}

std::string to_text(const std::vector<RdmaPort>& ports) {
    std::string text;
    for (const RdmaPort& port : ports) {
        text += (text.empty() ? "" : ", ") + port.device() + " (";
        for (const std::string& name : port.interfaces) {
            text += (&name == &port.interfaces.front() ? "" : ", ") + name;
        }
        text += ")";
    }
    return text.empty() ? "none" : text;
}

sdk::Error not_found(const std::string& what, const Inventory& inventory, bool uses_rdma) {
    std::string message = what + "; network interfaces here: " + to_text(inventory.interfaces);
    if (uses_rdma) message += "; RDMA devices here: " + to_text(inventory.rdma_ports);
    return {sdk::Code::NotFound, std::move(message)};
}

// By "mlx5_0" (its first port that has an interface, else its first) or by "mlx5_0:2".
const RdmaPort* find_port(const std::string& name, const std::vector<RdmaPort>& ports) {
    const RdmaPort* found = nullptr;
    for (const RdmaPort& port : ports) {
        if (port.device() == name) return &port;
        if (port.adapter != name) continue;
        if (found == nullptr || (found->interfaces.empty() && !port.interfaces.empty())) {
            found = &port;
        }
    }
    return found;
}

const RdmaPort* port_behind(const std::string& iface, const std::vector<RdmaPort>& ports) {
    const auto port = std::ranges::find_if(ports, [&](const RdmaPort& candidate) {
        return std::ranges::find(candidate.interfaces, iface) != candidate.interfaces.end();
    });
    return port == ports.end() ? nullptr : &*port;
}

std::optional<unsigned> gid_index_of(const SocketAddress& address, const RdmaPort& port) {
    std::optional<unsigned> found;
    for (const Gid& gid : port.gids) {
        if (!gid.address.has_same_ip(address)) continue;
        if (gid.is_v2) return gid.index;
        if (!found) found = gid.index;
    }
    return found;
}

// IPv4 first, as UCX does; link-local ones never, as they do not say which link.
const SocketAddress* preferred_address(const Interface& interface) {
    const SocketAddress* found = nullptr;
    for (const SocketAddress& address : interface.addresses) {
        if (address.is_link_local()) continue;
        if (!address.is_v6()) return &address;
        if (found == nullptr) found = &address;
    }
    return found;
}

const SocketAddress* find_address(const Interface& interface, const SocketAddress& wanted) {
    const auto address = std::ranges::find_if(
        interface.addresses, [&](const SocketAddress& has) { return has.has_same_ip(wanted); });
    return address == interface.addresses.end() ? nullptr : &*address;
}

// The interface and the address that `spec` means, where `iface` is the name of an interface.
sdk::Result<Nic> pick_interface(const std::string& iface, const std::string& address_text,
                                bool uses_rdma, const Inventory& inventory) {
    std::optional<SocketAddress> wanted;
    if (!address_text.empty()) {
        wanted = SocketAddress::parse(address_text);
        if (!wanted) {
            return sdk::Error{sdk::Code::InvalidArgument,
                              "'" + address_text + "' is no IP address"};
        }
    }
    bool iface_is_there = false;
    for (const Interface& interface : inventory.interfaces) {
        if (!iface.empty() && interface.name != iface) continue;
        iface_is_there = true;
        const SocketAddress* address =
            wanted ? find_address(interface, *wanted) : preferred_address(interface);
        if (address == nullptr) continue;
        return Nic{.iface = interface.name,
                   .address = address->with_port(0),
                   .devices = {},
                   .adapter = {}};
    }
    if (!iface.empty() && !iface_is_there) {
        return not_found("no network interface '" + iface + "' is up", inventory, uses_rdma);
    }
    if (!wanted) {
        return not_found("'" + iface + "' has no IP address that says which link it is on",
                         inventory, uses_rdma);
    }
    return not_found(iface.empty() ? "no network interface has the address '" + address_text + "'"
                                   : "'" + iface + "' has no address '" + address_text + "'",
                     inventory, uses_rdma);
}

}  // namespace

sdk::Result<Inventory> take_inventory(const std::string& sysfs) {
    auto interfaces = list_interfaces();
    if (!interfaces) return std::move(interfaces).error();
    return Inventory{std::move(*interfaces), list_rdma_ports(sysfs)};
}

sdk::Result<Nic> pick_nic(const sdk::RailSpec& spec, bool uses_tcp, bool uses_rdma,
                          const Inventory& inventory) {
    if (spec.iface.empty() && spec.address.empty()) {
        return not_found("neither an interface nor an address is named", inventory, uses_rdma);
    }
    // An adapter's name is as good as its interface's, even without RDMA.
    const RdmaPort* port = find_port(spec.iface, inventory.rdma_ports);
    std::string iface = spec.iface;
    if (port != nullptr) {
        if (port->interfaces.empty()) {
            return not_found("'" + port->device() +
                                 "' has no network interface, and connections begin with an IP "
                                 "address; set up IPoIB or RoCE on it",
                             inventory, uses_rdma);
        }
        iface = port->interfaces.front();
    }
    auto nic = pick_interface(iface, spec.address, uses_rdma, inventory);
    if (!nic) return nic;
    if (port == nullptr) port = port_behind(nic->iface, inventory.rdma_ports);

    if (uses_rdma && port != nullptr) {
        nic->adapter = port->adapter;
        nic->devices = port->device();
        nic->gids = port->gids;
        nic->gid_index = gid_index_of(nic->address, *port);
    } else if (!uses_tcp) {
        return not_found("no RDMA device belongs to '" + nic->iface + "'", inventory, uses_rdma);
    }
    if (uses_tcp) nic->devices += (nic->devices.empty() ? "" : ",") + nic->iface;
    return nic;
}

sdk::Status check_gid_index(std::int64_t wanted, const Nic& nic) {
    if (wanted < 0 || nic.gids.empty()) return {};
    std::string there;
    for (const Gid& gid : nic.gids) {
        if (gid.index == wanted) return {};
        there += (there.empty() ? "" : ", ") + std::to_string(gid.index) + " (" +
                 gid.address.ip_text() + (gid.is_v2 ? ", RoCE v2)" : ", RoCE v1)");
    }
    return sdk::Error{sdk::Code::InvalidArgument, "gid_index " + std::to_string(wanted) + ": '" +
                                                      nic.devices +
                                                      "' has no such GID, but: " + there};
}

void describe(Nic& nic, const std::string& sysfs) {
    const fs::path interface = fs::path{sysfs} / "class" / "net" / nic.iface;
    const long mbps = first_number_of(interface / "speed").value_or(0);
    nic.link_mbps = mbps > 0 ? static_cast<std::uint32_t>(mbps) : 0;
    const auto node = first_number_of(interface / "device" / "numa_node");
    nic.numa_node = static_cast<std::int32_t>(node.value_or(-1));
    if (nic.adapter.empty()) return;

    // "100 Gb/sec (4X EDR)"
    constexpr long kMbpsPerGbps = 1000;
    const fs::path adapter = fs::path{sysfs} / "class" / "infiniband" / nic.adapter;
    const std::string device = nic.devices.substr(0, nic.devices.find(','));
    const std::string port = device.substr(device.find(':') + 1);
    const long gbps = first_number_of(adapter / "ports" / port / "rate").value_or(0);
    if (gbps > 0) nic.link_mbps = static_cast<std::uint32_t>(gbps * kMbpsPerGbps);
    if (const auto rdma_node = first_number_of(adapter / "device" / "numa_node")) {
        nic.numa_node = static_cast<std::int32_t>(*rdma_node);
    }
}

}  // namespace godwit::transport_ucx
