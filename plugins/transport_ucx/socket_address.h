// An IP address and a port. A value type; thread-compatible.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

#include "godwit/sdk/transport.h"

namespace godwit::transport_ucx {

class SocketAddress {
public:
    // 0.0.0.0:0
    SocketAddress() noexcept;

    // "10.0.0.1" or "fd00::1"; nothing for anything else.
    static std::optional<SocketAddress> parse(const std::string& text);
    // 4 or 16 bytes in network order; nothing for another count.
    static std::optional<SocketAddress> from_bytes(sdk::ByteView ip, std::uint16_t port) noexcept;
    // Nothing: another family.
    static std::optional<SocketAddress> from(const sockaddr* address) noexcept;

    bool is_v6() const noexcept { return storage_.ss_family == AF_INET6; }
    bool is_link_local() const noexcept;
    std::uint16_t port() const noexcept;
    SocketAddress with_port(std::uint16_t port) const noexcept;
    sdk::ByteView ip_bytes() const noexcept;
    std::string ip_text() const;

    // For the socket calls of UCX.
    const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
    socklen_t size() const noexcept;

    // The IPv4 address inside of an IPv6 one (::ffff:a.b.c.d), which is how a GID holds it.
    SocketAddress unmapped() const noexcept;

    bool has_same_ip(const SocketAddress& other) const noexcept;

private:
    sockaddr_storage storage_{};
};

}  // namespace godwit::transport_ucx
