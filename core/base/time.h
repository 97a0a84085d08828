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

// "2026-11-24T09:30:00.250Z" (RFC 3339, UTC, milliseconds)
std::string to_rfc3339(WallTime time);
// Also takes no fraction, up to nanoseconds of it, and a numeric offset in the place of Z.
std::optional<WallTime> from_rfc3339(std::string_view text);

}  // namespace godwit::base
