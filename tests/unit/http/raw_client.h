// A client that sends whatever it is told, and shows what comes back, byte by byte.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "http/answer_reader.h"

namespace godwit::http {

inline constexpr base::Millis kPatience{10'000};  // After which a test has failed.

// Asks again and again, until it is so or patience ends.
template <class Condition>
bool eventually(Condition&& condition) {
    const auto until = base::SteadyClock::now() + kPatience;
    while (!condition()) {
        if (base::SteadyClock::now() > until) return false;
        ::poll(nullptr, 0, 1);
    }
    return true;
}

class RawClient {
public:
    explicit RawClient(std::uint16_t port, int receive_buffer_bytes = 0) {
        socket_ = base::UniqueFd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        if (receive_buffer_bytes > 0) {
            ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                         sizeof receive_buffer_bytes);
        }
        const int yes = 1;
        ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const auto* raw = reinterpret_cast<const sockaddr*>(&address);
        is_connected_ = ::connect(socket_.get(), raw, sizeof address) == 0;
    }

    bool is_connected() const { return is_connected_; }

    // False: the server takes no more.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (count <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(count));
        }
        return true;
    }
    void send_no_more() { ::shutdown(socket_.get(), SHUT_WR); }
    void hang_up() { socket_.reset(); }
    // Closes with a reset instead of an end.
    void reset() {
        const linger now{1, 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
        socket_.reset();
    }

    // The next answer; nothing when the connection ends before, or it is none.
    std::optional<Answer> answer(bool no_body = false, base::Millis patience = kPatience) {
        AnswerReader reader{no_body, 256U << 20};
        const auto until = base::SteadyClock::now() + patience;
        for (;;) {
            // Byte by byte: what follows belongs to the next answer.
            std::size_t used = 0;
            while (used < read_.size() && !reader.is_whole()) {
                if (!reader.take(std::string_view{read_}.substr(used++, 1))) return {};
            }
            read_.erase(0, used);
            if (reader.is_whole()) return std::move(reader).take_answer();
            if (!receive(until)) return {};
        }
    }
    // Up to the next blank line, as it came; nothing when there is none.
    std::string head() {
        const auto until = base::SteadyClock::now() + kPatience;
        while (read_.find("\r\n\r\n") == std::string::npos && receive(until)) {
        }
        if (read_.find("\r\n\r\n") == std::string::npos) return {};
        const std::size_t end = read_.find("\r\n\r\n") + 4;
        std::string head = read_.substr(0, end);
        read_.erase(0, end);
        return head;
    }
    int status() {
        const auto got = answer();
        return got ? got->status : 0;
    }

    // Everything until the server closes; nothing when it does not, or resets the connection.
    std::optional<std::string> rest() {
        const auto until = base::SteadyClock::now() + kPatience;
        while (receive(until)) {
        }
        if (!ended_) return {};
        return std::move(read_);
    }
    bool is_closed() {
        const auto left = rest();
        return left && left->empty();
    }
    // Whether nothing can be read right now, and the connection stands.
    bool is_silent() {
        pollfd fd{socket_.get(), POLLIN, 0};
        return read_.empty() && ::poll(&fd, 1, 0) == 0;
    }

private:
    bool receive(base::Deadline until) {
        const auto left = std::chrono::ceil<base::Millis>(until - base::SteadyClock::now());
        pollfd fd{socket_.get(), POLLIN, 0};
        if (left.count() <= 0 || ::poll(&fd, 1, static_cast<int>(left.count())) != 1) return false;
        char buffer[16 << 10];
        const ssize_t count = ::recv(socket_.get(), buffer, sizeof buffer, 0);
        ended_ |= count == 0;
        if (count <= 0) return false;
        read_.append(buffer, static_cast<std::size_t>(count));
        return true;
    }

    base::UniqueFd socket_;
    std::string read_;
    bool ended_ = false;
    bool is_connected_ = false;
};

// "GET /x HTTP/1.1" with a Host, the header lines given, and the body with its length.
inline std::string request_text(std::string_view line, std::string_view headers = {},
                                std::optional<std::string_view> body = {}) {
    std::string text{line};
    text += " HTTP/1.1\r\nHost: test\r\n";
    text += headers;
    if (body) text += "Content-Length: " + std::to_string(body->size()) + "\r\n";
    text += "\r\n";
    if (body) text += *body;
    return text;
}

}  // namespace godwit::http
