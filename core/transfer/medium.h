// Reading back what was written (options.verify: readback).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace godwit::transfer {

// What is read next of a range whose data is on the medium comes from there, not from the page
// cache.
void forget_cached(int fd, std::uint64_t offset, std::uint64_t length) noexcept;

// Whether the medium gives back what was written there: the data is brought to it, dropped from the
// page cache, and read again. Internal with EIO in `native`: it gives back something else. (Where a
// file system lives in the page cache, tmpfs say, this reads that.)
Status check_on_medium(int fd, std::uint64_t offset, std::span<const std::byte> wanted);

}  // namespace godwit::transfer
