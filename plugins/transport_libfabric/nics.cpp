#include "nics.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

namespace godwit::transport_libfabric {
namespace {

struct IfaddrsFreer {
    void operator()(::ifaddrs* list) const noexcept { ::freeifaddrs(list); }
};

std::string to_text(int family, const void* address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (::inet_ntop(family, address, text.data(), text.size()) == nullptr) return {};
    return text.data();
}

// Zero or `fallback` when the file is missing, unreadable or no number: all the same to us.
std::int64_t number_in(const std::filesystem::path& file, std::int64_t fallback) {
    std::ifstream in{file};
    std::int64_t number = fallback;
    return in >> number ? number : fallback;
}

// Where sysfs keeps what it knows of an interface or an RDMA device. Names come from the kernel or
// have been compared with those that do, so they are no paths.
std::filesystem::path folder_of(const std::string& device) {
    const std::filesystem::path net = std::filesystem::path{"/sys/class/net"} / device;
    std::error_code ignored;
    if (std::filesystem::exists(net, ignored)) return net;
    return std::filesystem::path{"/sys/class/infiniband"} / device;
}

}  // namespace

sdk::Result<std::vector<Nic>> list_nics() {
    ::ifaddrs* raw = nullptr;
    if (::getifaddrs(&raw) != 0) {
        return sdk::Error{sdk::Code::Unavailable,
                          std::string{"list network interfaces: "} + std::strerror(errno), errno};
    }
    const std::unique_ptr<::ifaddrs, IfaddrsFreer> list{raw};
    std::vector<Nic> nics;
    for (const ::ifaddrs* entry = raw; entry != nullptr; entry = entry->ifa_next) {
        if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0) continue;
        Nic nic;
        nic.iface = entry->ifa_name;
        if (entry->ifa_addr->sa_family == AF_INET) {
            const auto* v4 = reinterpret_cast<const ::sockaddr_in*>(entry->ifa_addr);
            nic.address = to_text(AF_INET, &v4->sin_addr);
        } else if (entry->ifa_addr->sa_family == AF_INET6) {
            const auto* v6 = reinterpret_cast<const ::sockaddr_in6*>(entry->ifa_addr);
            nic.address = to_text(AF_INET6, &v6->sin6_addr);
            nic.link_local = IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
            nic.is_v6 = true;
        }
        if (!nic.address.empty()) nics.push_back(std::move(nic));
    }
    return nics;
}

std::string canonical_address(const std::string& text) {
    ::in_addr v4{};
    if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) return to_text(AF_INET, &v4);
    ::in6_addr v6{};
    if (::inet_pton(AF_INET6, text.c_str(), &v6) == 1) return to_text(AF_INET6, &v6);
    return {};
}

std::string to_text(std::span<const Nic> nics) {
    std::map<std::string, std::string> addresses;
    for (const Nic& nic : nics) {
        std::string& list = addresses[nic.iface];
        if (!list.empty()) list += ", ";
        list += nic.address;
    }
    std::string text;
    for (const auto& [iface, list] : addresses) {
        if (!text.empty()) text += ", ";
        text += iface;
        if (!list.empty()) text += " (" + list + ")";
    }
    return text;
}

std::string rdma_device_of(const std::string& iface) {
    std::error_code failed;
    const std::filesystem::path folder =
        std::filesystem::path{"/sys/class/net"} / iface / "device/infiniband";
    for (const auto& entry : std::filesystem::directory_iterator{folder, failed}) {
        return entry.path().filename();
    }
    return {};
}

std::uint32_t link_mbps_of(const std::string& device) {
    const std::int64_t mbps = number_in(folder_of(device) / "speed", 0);
    return mbps > 0 ? static_cast<std::uint32_t>(mbps) : 0;
}

std::int32_t numa_node_of(const std::string& device) {
    return static_cast<std::int32_t>(number_in(folder_of(device) / "device/numa_node", -1));
}

}  // namespace godwit::transport_libfabric
