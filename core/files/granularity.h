// How finely a file system keeps times: what was copied to a coarser one looks older than its
// source.
#pragma once

#include <cstdint>

namespace godwit::files {

// Whether two times are the same, as well as a file system with this step can tell.
bool is_same_time(std::int64_t a_ns, std::int64_t b_ns, std::int64_t step_ns) noexcept;

// The step of mtimes, in nanoseconds, on the file system that holds the directory (which may be
// O_PATH): 1, 100 (NTFS, SMB), 1'000, …, 1'000'000'000 (ext3, Lustre), 2'000'000'000 (FAT). Found
// by trying, with a file that never has a name; where that cannot be done, by what is known of such
// file systems; 1 where nothing is. Tried once for each file system. Thread-safe.
std::int64_t time_granularity_ns(int directory);

}  // namespace godwit::files
