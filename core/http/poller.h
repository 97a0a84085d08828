// epoll and a way to wake it from another thread, closing themselves.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"

namespace godwit::http {

// wake() is thread-safe, the rest belongs to one thread. Edge-triggered: an event says that
// something has changed, and comes once.
class Poller {
public:
    static Result<Poller> open();

    Status add(int fd, std::uint64_t key, std::uint32_t events) noexcept;
    // Blocks until there are events, somebody wakes, or it is `until`.
    std::span<const epoll_event> wait(base::Deadline until) noexcept;
    void wake() noexcept;

    static constexpr std::uint64_t kWakeKey = 0;  // wait() never shows it.

private:
    Poller(base::UniqueFd epoll, base::UniqueFd wake_up) noexcept
        : epoll_{std::move(epoll)}, wake_up_{std::move(wake_up)} {}

    static constexpr int kEventsMax = 256;
    base::UniqueFd epoll_;
    base::UniqueFd wake_up_;
    epoll_event events_[kEventsMax] = {};
};

}  // namespace godwit::http
