#include "http/listener.h"

#include <Poco/Exception.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SocketAddress.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace godwit::http {
namespace {

constexpr int kBacklog = 4096;

std::string address_text(const std::string& host, std::uint16_t port) {
    const bool bare_ipv6 = host.find(':') != std::string::npos;
    return (bare_ipv6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

}  // namespace

Result<Listener> Listener::open(const std::string& host, std::uint16_t port) {
    const std::string what = "listen on " + address_text(host, port);
    try {
        const Poco::Net::SocketAddress address{host, port};
        Poco::Net::ServerSocket socket;
        // Poco would let another process share the port by default, each getting some clients.
        constexpr bool kReuseAddress = true;
        constexpr bool kReusePort = false;
        if (address.family() == Poco::Net::SocketAddress::IPv6) {
            constexpr bool kIpv6Only = false;  // "::" also takes IPv4.
            socket.bind6(address, kReuseAddress, kReusePort, kIpv6Only);
        } else {
            socket.bind(address, kReuseAddress, kReusePort);
        }
        socket.listen(kBacklog);
        socket.setBlocking(false);
        ::fcntl(socket.impl()->sockfd(), F_SETFD, FD_CLOEXEC);
        const std::uint16_t bound = socket.address().port();
        return Listener{std::move(socket), bound};
    } catch (const Poco::Net::DNSException&) {
        return Error{Code::InvalidArgument, what + ": no such host"};
    } catch (const Poco::Exception& failure) {
        if (failure.code() == EADDRINUSE) {
            return Error{Code::Conflict,
                         what + ": address in use: stop who listens there, or take another port",
                         EADDRINUSE};
        }
        return Error{Code::InvalidArgument, what + ": " + failure.displayText(), failure.code()};
    }
}

int Listener::fd() const noexcept {
    return socket_.impl()->sockfd();
}

Result<Listener::Accepted> Listener::accept() noexcept {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    const int fd = ::accept4(socket_.impl()->sockfd(), reinterpret_cast<sockaddr*>(&address),
                             &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        switch (errno) {
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM: return Error{Code::NoMemory, "accept", errno};
        default: return Error{Code::Again, "accept", errno};
        }
    }
    Accepted accepted{base::UniqueFd{fd}, "?"};
    const int yes = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    try {
        const auto* raw = reinterpret_cast<const sockaddr*>(&address);
        accepted.client = Poco::Net::SocketAddress{raw, length}.toString();
    } catch (const Poco::Exception&) {
        // An address of an unknown family is not worth a connection.
    }
    return accepted;
}

}  // namespace godwit::http
