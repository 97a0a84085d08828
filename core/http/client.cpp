#include "http/client.h"

#include <Poco/Exception.h>
#include <Poco/Net/StreamSocket.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>

#include "base/unique_fd.h"
#include "http/answer_reader.h"
#include "http/host_address.h"
#include "http/text.h"
#include "http/wait.h"

namespace godwit::http {
namespace {

using Poco::Net::SocketAddress;
using Poco::Net::StreamSocket;

constexpr std::size_t kReadBytes = 64 << 10;

std::string millis_text(base::Millis time) {
    return std::to_string(time.count()) + " ms";
}

bool is_sendable(std::string_view method, std::string_view target, const Headers& headers) {
    const auto sound = [](const auto& header) {
        return is_token(header.first) &&
               std::none_of(header.second.begin(), header.second.end(), is_control);
    };
    return is_token(method) && target.starts_with('/') &&
           std::all_of(target.begin(), target.end(), is_visible_ascii) &&
           std::all_of(headers.begin(), headers.end(), sound);
}

}  // namespace

std::string percent_encode(std::string_view text) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size());
    for (const char c : text) {
        if (is_unreserved(c)) {
            encoded += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            encoded += {'%', kDigits[byte >> 4], kDigits[byte & 0xF]};
        }
    }
    return encoded;
}

std::optional<std::string_view> Answer::header(std::string_view name) const noexcept {
    return header_in(headers, name);
}

class Client::Connection {
public:
    Connection(ClientSettings settings, HttpUrl url, base::UniqueFd interruption)
        : settings_{std::move(settings)},
          url_{std::move(url)},
          interruption_{std::move(interruption)} {}

    Result<Answer> send(std::string_view method, std::string_view target, std::string_view body,
                        base::Millis patience, const Headers& headers);

    void interrupt() noexcept {
        const std::uint64_t once = 1;  // Never read: it stays interrupted.
        [[maybe_unused]] const auto bytes = ::write(interruption_.get(), &once, sizeof once);
    }

private:
    // What became of a request that was sent.
    struct Outcome {
        Result<Answer> answer;
        bool closed_at_once = false;  // Instead of a first byte.
    };
    std::string request_bytes(std::string_view method, std::string_view target,
                              std::string_view body, const Headers& headers) const;
    bool is_still_open();
    Status connect();
    Status connect_to(const SocketAddress& address, base::Deadline until);
    Outcome exchange(std::string_view request, bool head_only, base::Millis patience);
    // How much of it was sent before an answer, or the end, came.
    Result<std::size_t> write(std::string_view bytes, base::Deadline until);
    Outcome read(AnswerReader& reader, bool sent_whole, base::Deadline until);

    const ClientSettings settings_;
    const HttpUrl url_;
    const base::UniqueFd interruption_;
    Resolver resolver_;
    std::optional<StreamSocket> socket_;  // Set: connected, and nothing of it is outstanding.
};

Result<Answer> Client::Connection::send(std::string_view method, std::string_view target,
                                        std::string_view body, base::Millis patience,
                                        const Headers& headers) {
    if (!is_sendable(method, target, headers)) {
        return Error{Code::InvalidArgument,
                     "send a request: method, path or headers have bytes that HTTP cannot carry"};
    }
    const std::string request = request_bytes(method, target, body, headers);
    const std::string what = std::string{method} + " http://" + url_.authority() + url_.prefix +
                             std::string{target.substr(0, target.find('?'))};
    const bool kept = socket_ && is_still_open();
    if (!kept) {
        if (auto connected = connect(); !connected) return wrap(connected.error(), what);
    }
    Outcome outcome = exchange(request, method == "HEAD", patience);
    if (kept && outcome.closed_at_once) {
        if (auto connected = connect(); !connected) return wrap(connected.error(), what);
        outcome = exchange(request, method == "HEAD", patience);
    }
    if (!outcome.answer) return wrap(std::move(outcome.answer).error(), what);
    return std::move(outcome.answer);
}

std::string Client::Connection::request_bytes(std::string_view method, std::string_view target,
                                              std::string_view body, const Headers& headers) const {
    std::string out;
    const auto append = [&](std::string_view name, std::string_view value) {
        out.append(name).append(": ").append(value).append("\r\n");
    };
    out.append(method).append(" ").append(url_.prefix).append(target).append(" HTTP/1.1\r\n");
    append("Host", url_.authority());
    if (!settings_.token.empty()) append("Authorization", "Bearer " + settings_.token.reveal());
    if (!header_in(headers, "Accept")) append("Accept", "application/json");
    if (!body.empty() && !header_in(headers, "Content-Type")) {
        append("Content-Type", "application/json");
    }
    if (!body.empty() || (method != "GET" && method != "HEAD" && method != "DELETE")) {
        append("Content-Length", std::to_string(body.size()));
    }
    for (const auto& [name, value] : headers) append(name, value);
    return out.append("\r\n").append(body);
}

// Whatever can be read between two requests is the end, or nothing that we want to hear.
bool Client::Connection::is_still_open() {
    pollfd fd{socket_->impl()->sockfd(), POLLIN, 0};
    if (::poll(&fd, 1, 0) == 0) return true;
    socket_.reset();
    return false;
}

Status Client::Connection::connect() {
    socket_.reset();
    const base::Deadline until = base::SteadyClock::now() + settings_.connect_timeout;
    auto addresses = resolver_.resolve(url_, until, interruption_.get());
    if (!addresses) return std::move(addresses).error();
    Status last;
    for (std::size_t left = addresses->size(); left > 0; --left) {
        // An address that swallows everything must leave time for the others.
        const auto now = base::SteadyClock::now();
        last = connect_to((*addresses)[addresses->size() - left],
                          now + (until - now) / static_cast<int>(left));
        if (last || last.error().code == Code::Cancelled) return last;
    }
    return last;
}

Status Client::Connection::connect_to(const SocketAddress& address, base::Deadline until) {
    const std::string what = "connect to " + address.toString();
    try {
        StreamSocket socket{address.family()};
        ::fcntl(socket.impl()->sockfd(), F_SETFD, FD_CLOEXEC);
        socket.connectNB(address);
        auto ready = wait_for(socket.impl()->sockfd(), POLLOUT, until, interruption_.get());
        if (!ready && ready.error().code == Code::TimedOut) {
            return Error{Code::Unavailable,
                         what + ": no answer within " + millis_text(settings_.connect_timeout)};
        }
        if (!ready) return wrap(std::move(ready).error(), what);
        if (const int failure = socket.impl()->socketError(); failure != 0) {
            return Error{Code::Unavailable, base::errno_error(what, failure).message, failure};
        }
        socket.setNoDelay(true);
        socket_ = std::move(socket);
        return {};
    } catch (const Poco::Exception& failure) {
        return Error{Code::Unavailable, what + ": " + failure.displayText(), failure.code()};
    }
}

Client::Connection::Outcome Client::Connection::exchange(std::string_view request, bool head_only,
                                                         base::Millis patience) {
    const base::Deadline until = base::SteadyClock::now() + settings_.answer_timeout + patience;
    AnswerReader reader{head_only, settings_.answer_bytes_max};
    const auto sent = write(request, until);
    Outcome outcome{sent.ok() ? Result<Answer>{Answer{}} : sent.error()};
    if (sent) outcome = read(reader, *sent == request.size(), until);
    if (!outcome.answer && outcome.answer.error().code == Code::TimedOut) {
        outcome.answer =
            Error{sent ? Code::UnknownOutcome : Code::Unavailable,
                  "no whole answer within " + millis_text(settings_.answer_timeout + patience)};
    }
    if (!outcome.answer || !reader.keeps_alive() || *sent < request.size()) socket_.reset();
    return outcome;
}

Result<std::size_t> Client::Connection::write(std::string_view bytes, base::Deadline until) {
    const int fd = socket_->impl()->sockfd();
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const auto ready = wait_for(fd, POLLOUT | POLLIN, until, interruption_.get());
        if (!ready) return ready.error();
        // An answer before its time is a refusal, of which the rest of the body changes nothing.
        if ((*ready & POLLIN) != 0) return sent;
        const ssize_t count =
            ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count >= 0) {
            sent += static_cast<std::size_t>(count);
        } else if (errno != EAGAIN && errno != EINTR) {
            return sent;  // What the other side said before it went may still be read.
        }
    }
    return sent;
}

Client::Connection::Outcome Client::Connection::read(AnswerReader& reader, bool sent_whole,
                                                     base::Deadline until) {
    const int fd = socket_->impl()->sockfd();
    const Code lost = sent_whole ? Code::UnknownOutcome : Code::Unavailable;
    std::array<char, kReadBytes> buffer;
    while (!reader.is_whole()) {
        const auto ready = wait_for(fd, POLLIN, until, interruption_.get());
        if (!ready) return {ready.error()};
        const ssize_t count = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (count < 0) {
            return {Error{lost, base::errno_error("read the answer").message, errno},
                    !reader.has_begun()};
        }
        const auto taken = count == 0
                               ? reader.end()
                               : reader.take({buffer.data(), static_cast<std::size_t>(count)});
        if (!taken) {
            return {Error{reader.has_begun() ? Code::UnknownOutcome : lost, taken.error().message},
                    !reader.has_begun()};
        }
    }
    return {std::move(reader).take_answer()};
}

Client::Client(std::unique_ptr<Connection> connection) noexcept
    : connection_{std::move(connection)} {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::open(ClientSettings settings) {
    auto url = parse_url(settings.url);
    if (!url) return std::move(url).error();
    const std::string& token = settings.token.reveal();
    if (!std::all_of(token.begin(), token.end(), is_visible_ascii)) {
        return Error{Code::InvalidArgument, "master token: it has blanks or control characters"};
    }
    base::UniqueFd interruption{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    if (!interruption) return base::errno_error("create an event descriptor");
    return Client{std::make_unique<Connection>(std::move(settings), std::move(*url),
                                               std::move(interruption))};
}

Result<Answer> Client::send(std::string_view method, std::string_view target, std::string_view body,
                            base::Millis patience, const Headers& headers) {
    return connection_->send(method, target, body, patience, headers);
}

void Client::interrupt() noexcept {
    connection_->interrupt();
}

}  // namespace godwit::http
