#include "poller.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace godwit::transport_libfabric {
namespace {

sdk::Error system_error(const char* what) {
    return {sdk::Code::Unavailable, std::string{what} + ": " + std::strerror(errno), errno};
}

}  // namespace

sdk::Result<Poller> Poller::open() {
    const int epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0) return system_error("epoll_create1");
    const int timer_fd = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    Poller made{epoll_fd, timer_fd};
    if (timer_fd < 0) return system_error("timerfd_create");
    if (auto status = made.add(timer_fd, nullptr); !status) return std::move(status).error();
    return made;
}

Poller::Poller(Poller&& other) noexcept
    : epoll_fd_{std::exchange(other.epoll_fd_, -1)},
      timer_fd_{std::exchange(other.timer_fd_, -1)},
      timer_is_set_{other.timer_is_set_},
      readable_{std::move(other.readable_)} {}

Poller::~Poller() {
    if (timer_fd_ >= 0) ::close(timer_fd_);
    if (epoll_fd_ >= 0) ::close(epoll_fd_);
}

sdk::Status Poller::add(int fd, void* owner) {
    ::epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = owner;
    if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) return system_error("epoll_ctl");
    return {};
}

void Poller::remove(int fd) {
    ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
}

const std::vector<void*>& Poller::readable() {
    std::array<::epoll_event, 64> events{};
    readable_.clear();
    const int count = ::epoll_wait(epoll_fd_, events.data(), events.size(), 0);
    for (int i = 0; i < count; ++i) {
        if (events[i].data.ptr != nullptr) readable_.push_back(events[i].data.ptr);
    }
    return readable_;
}

void Poller::set_timer(std::optional<std::chrono::nanoseconds> delay) {
    if (!delay && !timer_is_set_) return;
    ::itimerspec when{};  // All zero: never.
    if (delay) {
        const auto whole = std::chrono::duration_cast<std::chrono::seconds>(*delay);
        when.it_value.tv_sec = whole.count();
        when.it_value.tv_nsec = std::max<std::int64_t>(1, (*delay - whole).count());
    }
    ::timerfd_settime(timer_fd_, 0, &when, nullptr);
    timer_is_set_ = delay.has_value();
}

}  // namespace godwit::transport_libfabric
