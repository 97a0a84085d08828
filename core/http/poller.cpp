#include "http/poller.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

namespace godwit::http {

Result<Poller> Poller::open() {
    base::UniqueFd epoll{::epoll_create1(EPOLL_CLOEXEC)};
    if (!epoll) return base::errno_error("create an epoll instance");
    base::UniqueFd wake_up{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    if (!wake_up) return base::errno_error("create an event descriptor");
    Poller poller{std::move(epoll), std::move(wake_up)};
    if (auto added = poller.add(poller.wake_up_.get(), kWakeKey, EPOLLIN); !added) {
        return std::move(added).error();
    }
    return poller;
}

Status Poller::add(int fd, std::uint64_t key, std::uint32_t events) noexcept {
    epoll_event event{};
    event.events = events | EPOLLET;
    event.data.u64 = key;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
        return base::errno_error("watch a socket");
    }
    return {};
}

std::span<const epoll_event> Poller::wait(base::Deadline until) noexcept {
    using std::chrono::ceil;
    using std::chrono::milliseconds;
    constexpr milliseconds kLongest{60'000};
    const auto left =
        std::clamp(until - base::SteadyClock::now(), base::SteadyClock::duration::zero(),
                   base::SteadyClock::duration{kLongest});
    const int count = ::epoll_wait(epoll_.get(), events_, kEventsMax,
                                   static_cast<int>(ceil<milliseconds>(left).count()));
    if (count <= 0) return {};  // Interrupted by a signal: as good as a time-out.
    const auto woken = [](const epoll_event& event) { return event.data.u64 == kWakeKey; };
    auto* const end = std::remove_if(events_, events_ + count, woken);
    if (end != events_ + count) {
        std::uint64_t times = 0;
        [[maybe_unused]] const auto bytes = ::read(wake_up_.get(), &times, sizeof times);
    }
    return {events_, end};
}

void Poller::wake() noexcept {
    const std::uint64_t once = 1;
    [[maybe_unused]] const auto bytes = ::write(wake_up_.get(), &once, sizeof once);
}

}  // namespace godwit::http
