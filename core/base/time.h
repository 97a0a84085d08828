// Wall time as the REST documents print it, and steady time for deadlines.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "godwit/sdk/types.h"

namespace godwit::base {

using SteadyClock = std::chrono::steady_clock;
using Deadline = SteadyClock::time_point;
using sdk::Millis;
using sdk::WallTime;

WallTime wall_now() noexcept;

// Measures from when it was made.
class Stopwatch {
public:
    std::uint64_t elapsed_us() const noexcept {
        return static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(SteadyClock::now() - start_)
                .count());
    }

private:
    SteadyClock::time_point start_ = SteadyClock::now();
};

// "2026-11-24T09:30:00.250Z" (RFC 3339, UTC, milliseconds)
std::string to_rfc3339(WallTime time);
// Also takes no fraction, up to nanoseconds of it, and a numeric offset in the place of Z.
std::optional<WallTime> from_rfc3339(std::string_view text);

}  // namespace godwit::base
