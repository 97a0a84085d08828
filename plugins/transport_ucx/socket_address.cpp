#include "socket_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace godwit::transport_ucx {
namespace {

sockaddr_in& v4(sockaddr_storage& storage) {
    return reinterpret_cast<sockaddr_in&>(storage);
}
const sockaddr_in& v4(const sockaddr_storage& storage) {
    return reinterpret_cast<const sockaddr_in&>(storage);
}
sockaddr_in6& v6(sockaddr_storage& storage) {
    return reinterpret_cast<sockaddr_in6&>(storage);
}
const sockaddr_in6& v6(const sockaddr_storage& storage) {
    return reinterpret_cast<const sockaddr_in6&>(storage);
}

}  // namespace

SocketAddress::SocketAddress() noexcept {
    storage_.ss_family = AF_INET;
}

std::optional<SocketAddress> SocketAddress::parse(const std::string& text) {
    std::array<std::byte, sizeof(in6_addr)> ip{};
    if (::inet_pton(AF_INET, text.c_str(), ip.data()) == 1) {
        return from_bytes({ip.data(), sizeof(in_addr)}, 0);
    }
    if (::inet_pton(AF_INET6, text.c_str(), ip.data()) == 1) return from_bytes(ip, 0);
    return std::nullopt;
}

std::optional<SocketAddress> SocketAddress::from_bytes(sdk::ByteView ip,
                                                       std::uint16_t port) noexcept {
    SocketAddress address;
    if (ip.size() == sizeof(in_addr)) {
        std::memcpy(&v4(address.storage_).sin_addr, ip.data(), ip.size());
    } else if (ip.size() == sizeof(in6_addr)) {
        address.storage_.ss_family = AF_INET6;
        std::memcpy(&v6(address.storage_).sin6_addr, ip.data(), ip.size());
    } else {
        return std::nullopt;
    }
    return address.with_port(port);
}

std::optional<SocketAddress> SocketAddress::from(const sockaddr* address) noexcept {
    if (address == nullptr) return std::nullopt;
    SocketAddress copy;
    if (address->sa_family == AF_INET) {
        std::memcpy(&copy.storage_, address, sizeof(sockaddr_in));
    } else if (address->sa_family == AF_INET6) {
        std::memcpy(&copy.storage_, address, sizeof(sockaddr_in6));
    } else {
        return std::nullopt;
    }
    return copy;
}

bool SocketAddress::is_link_local() const noexcept {
    if (is_v6()) return IN6_IS_ADDR_LINKLOCAL(&v6(storage_).sin6_addr);
    constexpr std::uint32_t kPrefix = 0xa9fe'0000;  // 169.254/16
    return (ntohl(v4(storage_).sin_addr.s_addr) & 0xffff'0000) == kPrefix;
}

std::uint16_t SocketAddress::port() const noexcept {
    return ntohs(is_v6() ? v6(storage_).sin6_port : v4(storage_).sin_port);
}

SocketAddress SocketAddress::with_port(std::uint16_t port) const noexcept {
    SocketAddress copy = *this;
    if (is_v6()) {
        v6(copy.storage_).sin6_port = htons(port);
    } else {
        v4(copy.storage_).sin_port = htons(port);
    }
    return copy;
}

sdk::ByteView SocketAddress::ip_bytes() const noexcept {
    if (is_v6()) return std::as_bytes(std::span{&v6(storage_).sin6_addr, 1});
    return std::as_bytes(std::span{&v4(storage_).sin_addr, 1});
}

std::string SocketAddress::ip_text() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(storage_.ss_family, ip_bytes().data(), text.data(), text.size());
    return text.data();
}

socklen_t SocketAddress::size() const noexcept {
    return is_v6() ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

SocketAddress SocketAddress::unmapped() const noexcept {
    if (!is_v6() || !IN6_IS_ADDR_V4MAPPED(&v6(storage_).sin6_addr)) return *this;
    return *from_bytes(ip_bytes().last(sizeof(in_addr)), port());
}

bool SocketAddress::has_same_ip(const SocketAddress& other) const noexcept {
    return std::ranges::equal(ip_bytes(), other.ip_bytes());
}

}  // namespace godwit::transport_ucx
