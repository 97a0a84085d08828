// A master that does to its clients whatever a test tells it to.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace godwit::http {

// Each accepted connection is handed to the next of `scripts`, the last one again and again, on one
// thread. Scripts must end when the connection does, or when the master goes.
class MisbehavingMaster {
public:
    class Peer {
    public:
        Peer(int fd, int end) : fd_{fd}, end_{end} {}

        // Up to the blank line and `body_bytes` behind it; what came when there is no more.
        std::string read_request(std::size_t body_bytes = 0) {
            std::string text;
            while (text.find("\r\n\r\n") == std::string::npos ||
                   text.size() < text.find("\r\n\r\n") + 4 + body_bytes) {
                if (!read_some(text)) break;
            }
            return text;
        }
        void send(std::string_view bytes) {
            while (!bytes.empty()) {
                const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
                if (count <= 0) return;
                bytes.remove_prefix(static_cast<std::size_t>(count));
            }
        }
        // Reads on without a word until the client, or the master, goes.
        void ignore() {
            std::string text;
            while (read_some(text)) text.clear();
        }
        // Takes nothing, until the client, or the master, goes.
        void hold() { stands_for(10'000); }
        // Whether the client, and the master, still stand after that time.
        bool stands_for(int milliseconds) {
            pollfd fds[] = {{fd_, POLLRDHUP, 0}, {end_, POLLIN, 0}};
            return ::poll(fds, 2, milliseconds) == 0;
        }
        void reset() {
            const linger now{1, 0};
            ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        }

    private:
        bool read_some(std::string& text) {
            pollfd fds[] = {{fd_, POLLIN, 0}, {end_, POLLIN, 0}};
            if (::poll(fds, 2, 10'000) <= 0 || fds[1].revents != 0) return false;
            char buffer[4096];
            const ssize_t count = ::recv(fd_, buffer, sizeof buffer, 0);
            if (count <= 0) return false;
            text.append(buffer, static_cast<std::size_t>(count));
            return true;
        }

        int fd_;
        int end_;
    };
    using Script = std::function<void(Peer&)>;

    explicit MisbehavingMaster(std::vector<Script> scripts) : scripts_{std::move(scripts)} {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        end_ = base::UniqueFd{ends[0]};
        end_seen_ = base::UniqueFd{ends[1]};
        listener_ = base::UniqueFd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        auto* const raw = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(listener_.get(), raw, length), 0);
        EXPECT_EQ(::listen(listener_.get(), 16), 0);
        EXPECT_EQ(::getsockname(listener_.get(), raw, &length), 0);
        port_ = ntohs(address.sin_port);
        thread_ = std::jthread{[this] { run(); }};
    }
    explicit MisbehavingMaster(Script script)
        : MisbehavingMaster{std::vector<Script>{std::move(script)}} {}
    ~MisbehavingMaster() { end_.reset(); }

    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    int connections() const { return connections_; }

private:
    void run() {
        for (;;) {
            pollfd fds[] = {{listener_.get(), POLLIN, 0}, {end_seen_.get(), POLLIN, 0}};
            if (::poll(fds, 2, -1) < 0 || fds[1].revents != 0) return;
            const base::UniqueFd client{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
            const auto index = static_cast<std::size_t>(connections_++);
            Peer peer{client.get(), end_seen_.get()};
            scripts_[std::min(index, scripts_.size() - 1)](peer);
        }
    }

    const std::vector<Script> scripts_;
    base::UniqueFd end_;
    base::UniqueFd end_seen_;
    base::UniqueFd listener_;
    std::uint16_t port_ = 0;
    std::atomic<int> connections_{0};
    std::jthread thread_;
};

}  // namespace godwit::http
