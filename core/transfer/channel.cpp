#include "transfer/channel.h"

#include <Poco/Net/NetException.h>
#include <Poco/Net/SocketAddress.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>

namespace godwit::transfer {
namespace {

using base::Deadline;
using base::Millis;
using base::SteadyClock;

Poco::Timespan timespan(Millis time) {
    return Poco::Timespan{time.count() * 1000};
}

Error lost(const std::string& what) {
    return Error{Code::PeerLost, what};
}

}  // namespace

Channel::Channel(const Poco::Net::StreamSocket& socket) : socket_{socket} {
    try {
        remote_ = socket_.peerAddress().toString();
        socket_.setNoDelay(true);
        socket_.setKeepAlive(true);
        socket_.setSendTimeout(timespan(kPeerSilenceMax));
    } catch (const Poco::Exception&) {
        shut();  // The peer has gone already: the first read or write will tell.
    }
}

Channel::~Channel() {
    try {
        socket_.close();
    } catch (const Poco::Exception&) {
        // Closing what is broken: there is nobody to tell.
    }
}

Result<std::unique_ptr<Channel>> Channel::connect(const std::string& address, Millis timeout) {
    const std::string what = "connect to '" + address + "'";
    try {
        Poco::Net::StreamSocket socket;
        socket.connect(Poco::Net::SocketAddress{address}, timespan(timeout));
        return std::make_unique<Channel>(socket);
    } catch (const Poco::TimeoutException&) {
        return Error{Code::TimedOut, what + ": no answer"};
    } catch (const Poco::Net::ConnectionRefusedException&) {
        return Error{Code::Unavailable, what + ": refused: nobody listens there"};
    } catch (const Poco::LogicException&) {
        return Error{Code::InvalidArgument, what + ": not of the form host:port"};
    } catch (const Poco::Net::ServiceNotFoundException&) {
        return Error{Code::InvalidArgument, what + ": not a port"};
    } catch (const Poco::Exception& failure) {
        return Error{Code::Unavailable, what + ": " + failure.displayText()};
    }
}

Result<peer::Frame> Channel::read(Millis timeout) {
    pollfd readable{socket_.impl()->sockfd(), POLLIN, 0};
    if (shut_.load()) return lost("the connection was closed");
    const int ready = ::poll(&readable, 1, static_cast<int>(timeout.count()));
    if (ready == 0 || (ready < 0 && errno == EINTR)) return Error{Code::Again, "nothing came"};
    if (ready < 0) return base::errno_error("wait for a peer");

    const Deadline deadline = SteadyClock::now() + kPeerSilenceMax;
    std::array<char, 4> head{};
    if (auto status = read_exactly(head.data(), head.size(), deadline); !status) {
        return std::move(status).error();
    }
    std::size_t length = 0;
    for (const char byte : head) length = length << 8 | static_cast<unsigned char>(byte);
    if (length > kFrameBytesMax) {
        return Error{Code::InvalidArgument,
                     "a frame of " + std::to_string(length) + " bytes: this is no Godwit agent"};
    }
    std::string body(length, '\0');
    if (auto status = read_exactly(body.data(), body.size(), deadline); !status) {
        return std::move(status).error();
    }
    peer::Frame frame;
    if (!frame.ParseFromString(body)) {
        return Error{Code::InvalidArgument, "a damaged frame: this is no Godwit agent"};
    }
    return frame;
}

Status Channel::read_exactly(char* out, std::size_t length, Deadline deadline) {
    std::size_t done = 0;
    while (done < length) {
        const ssize_t count =
            ::recv(socket_.impl()->sockfd(), out + done, length - done, MSG_DONTWAIT);
        if (count > 0) {
            done += static_cast<std::size_t>(count);
            continue;
        }
        if (count == 0) return lost("the peer closed the connection");
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return lost(base::errno_error("read from the peer").message);
        const auto left = std::chrono::ceil<Millis>(deadline - SteadyClock::now());
        if (left.count() <= 0) return lost("the peer stopped in the middle of a frame");
        pollfd readable{socket_.impl()->sockfd(), POLLIN, 0};
        ::poll(&readable, 1, static_cast<int>(left.count()));
    }
    return {};
}

Status Channel::write(const peer::Frame& frame) {
    const std::size_t length = frame.ByteSizeLong();
    if (length > kFrameBytesMax) {
        return Error{Code::Internal, "a frame of " + std::to_string(length) + " bytes is too long"};
    }
    std::string bytes(4, '\0');
    for (int i = 0; i < 4; ++i) bytes[i] = static_cast<char>(length >> (24 - 8 * i));
    frame.AppendToString(&bytes);

    const std::lock_guard lock{write_mutex_};
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t count = ::send(socket_.impl()->sockfd(), bytes.data() + done,
                                     bytes.size() - done, MSG_NOSIGNAL);
        if (count >= 0) {
            done += static_cast<std::size_t>(count);
        } else if (errno != EINTR) {
            const Error error = lost(base::errno_error("write to the peer").message);
            shut();
            return error;
        }
    }
    return {};
}

void Channel::shut() noexcept {
    shut_.store(true);
    ::shutdown(socket_.impl()->sockfd(), SHUT_RDWR);
}

std::string join_address(const std::string& host, std::uint16_t port) {
    const bool bare_ipv6 = host.find(':') != std::string::npos && !host.starts_with('[');
    return (bare_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace godwit::transfer
