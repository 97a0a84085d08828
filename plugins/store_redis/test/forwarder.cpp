#include "forwarder.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace godwit::store_redis {
namespace {

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

// Whether there was something, and it went out whole.
bool pass_on(int from, int to) {
    std::array<char, 65'536> buffer;
    const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
    if (got <= 0) return false;
    for (ssize_t done = 0; done < got;) {
        const ssize_t sent =
            ::send(to, buffer.data() + done, static_cast<std::size_t>(got - done), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        done += sent;
    }
    return true;
}

}  // namespace

struct Forwarder::Link {
    int client = -1;
    int server = -1;
    ~Link() {
        ::close(client);
        ::close(server);
    }
};

Forwarder::Forwarder(int server_port)
    : server_port_{server_port}, listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, generic, &size) != 0) {
        throw std::runtime_error{"cannot listen for the forwarder"};
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
}

Forwarder::~Forwarder() {
    thread_.request_stop();
    thread_.join();
    ::close(listener_);
}

std::string Forwarder::url() const {
    return "redis://127.0.0.1:" + std::to_string(port_) + "/0";
}

void Forwarder::run(const std::stop_token& stop) {
    constexpr int kLookMs = 20;  // For the stop.
    while (!stop.stop_requested()) {
        std::vector<pollfd> watched{{.fd = listener_, .events = POLLIN, .revents = 0}};
        for (const auto& link : links_) {
            watched.push_back({.fd = link->client, .events = POLLIN, .revents = 0});
            watched.push_back({.fd = link->server, .events = POLLIN, .revents = 0});
        }
        if (::poll(watched.data(), watched.size(), kLookMs) <= 0) continue;
        for (std::size_t i = links_.size(); i-- > 0;) {
            bool alive = true;
            if (watched[i * 2 + 1].revents != 0) alive = forward(*links_[i]);
            if (alive && watched[i * 2 + 2].revents != 0) alive = return_answer(*links_[i]);
            if (!alive) links_.erase(links_.begin() + static_cast<std::ptrdiff_t>(i));
        }
        if (watched[0].revents != 0) accept_one();
    }
}

void Forwarder::accept_one() {
    auto link = std::make_unique<Link>();
    link->client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    link->server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(server_port_);
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (::connect(link->server, generic, sizeof(address)) == 0) links_.push_back(std::move(link));
}

bool Forwarder::forward(Link& link) {
    return pass_on(link.client, link.server);
}

bool Forwarder::return_answer(Link& link) {
    int countdown = countdown_;
    while (countdown > 0 && !countdown_.compare_exchange_weak(countdown, countdown - 1)) {
    }
    if (countdown != 1) return pass_on(link.server, link.client);
    ++lost_;
    return false;
}

}  // namespace godwit::store_redis
