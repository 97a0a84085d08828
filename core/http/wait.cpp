#include "http/wait.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace godwit::http {

Result<short> wait_for(int fd, short events, base::Deadline until, int interrupt_fd) noexcept {
    using std::chrono::ceil;
    constexpr base::Millis kLongest{60'000};
    for (;;) {
        const auto left =
            std::clamp(until - base::SteadyClock::now(), base::SteadyClock::duration::zero(),
                       base::SteadyClock::duration{kLongest});
        pollfd fds[] = {{interrupt_fd, POLLIN, 0}, {fd, events, 0}};
        const int count =
            ::poll(fds, std::size(fds), static_cast<int>(ceil<base::Millis>(left).count()));
        if (count < 0 && errno != EINTR) return base::errno_error("poll");
        if (count > 0 && fds[0].revents != 0) return Error{Code::Cancelled, "interrupted"};
        if (count > 0 && fds[1].revents != 0) return fds[1].revents;
        if (base::SteadyClock::now() >= until) return Error{Code::TimedOut, "timed out"};
    }
}

}  // namespace godwit::http
