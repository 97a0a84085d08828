// Waiting for a descriptor, a deadline and an interruption at once.
#pragma once

#include "base/result.h"
#include "base/time.h"

namespace godwit::http {

// Blocks until `fd` has one of `events` (as poll(2) names them) or an error, and returns what it
// has. Cancelled: `interrupt_fd` is readable, which is looked at first. TimedOut: it is `until`.
Result<short> wait_for(int fd, short events, base::Deadline until, int interrupt_fd) noexcept;

}  // namespace godwit::http
