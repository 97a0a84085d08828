// Where a file's data is: what lies between is a hole, reads as zeros and need not be moved.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "files/attributes.h"

namespace godwit::files {

// Holes shorter than this cost more to keep than to fill.
inline constexpr std::uint64_t kSmallestHoleBytes = 64 << 10;

// Bytes from `begin` up to, not including, `end`.
struct Extent {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;

    bool operator==(const Extent&) const = default;
};

// The first data at or behind `begin`, and before `end`, at least a byte; nothing: all of it is a
// hole. A hole shorter than `hole_bytes_min` between data counts as data, too; 0 keeps the
// smallest. All is data where the file system does not know. Preallocated space is a hole, as long
// as nothing was written to it. `end` is not to lie behind the end of the file.
//
// Moves the file's position, which nothing in this room uses: any number of threads may ask of one
// descriptor. What is written meanwhile may be missed.
Result<std::optional<Extent>> next_data(int fd, std::uint64_t begin, std::uint64_t end,
                                        std::uint64_t hole_bytes_min);

// Whether there is a hole in the file: costs nothing where the attributes say that all of it has
// space, else one question to the file system. False where it does not know. (A file system that
// compresses has fewer blocks, yet no holes.)
bool has_holes(int fd, const Attributes& attributes);

}  // namespace godwit::files
