// The one descriptor that a rail sleeps on, over those of its endpoints and a timer.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "godwit/sdk/result.h"

namespace godwit::transport_libfabric {

// Owned by the rail's thread.
class Poller {
public:
    static sdk::Result<Poller> open();
    Poller(Poller&& other) noexcept;
    Poller& operator=(Poller&&) = delete;
    ~Poller();

    int fd() const noexcept { return epoll_fd_; }

    // Until remove(), which must come before the descriptor is closed.
    sdk::Status add(int fd, void* owner);
    void remove(int fd);

    // The owners of what is readable now, some of them where there are very many.
    const std::vector<void*>& readable();

    // Makes fd() readable after `delay`, and not before; nothing: never.
    void set_timer(std::optional<std::chrono::nanoseconds> delay);

private:
    Poller(int epoll_fd, int timer_fd) : epoll_fd_{epoll_fd}, timer_fd_{timer_fd} {}

    int epoll_fd_;
    int timer_fd_;
    bool timer_is_set_ = false;
    std::vector<void*> readable_;
};

}  // namespace godwit::transport_libfabric
