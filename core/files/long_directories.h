// The names of a directory too long for one reading of it to be used up at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "base/result.h"
#include "files/name_list.h"

namespace godwit::files {

// Keeps the names of the last long directory, for whoever goes on in it: read anew for each part, a
// directory of a million entries is read sixty times. Thread-safe.
class LongDirectories {
public:
    // One with fewer names is read faster than it is kept.
    explicit LongDirectories(std::size_t names_min = 16'384) : names_min_{names_min} {}

    // What names_in(directory) gives; `goes_on` where its beginning was read before, so that names
    // which are as old will do. They are read again when the directory has changed since. Views
    // into the list live as long as the caller keeps it.
    Result<std::shared_ptr<const NameList>> names_in(int directory, bool goes_on);

    // The caller has come to the end of this directory: its names are forgotten.
    void leave(int directory);

private:
    struct Kept {
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        std::int64_t ctime_ns = 0;
        std::shared_ptr<const NameList> names;
    };

    std::size_t names_min_;
    std::mutex mutex_;
    std::optional<Kept> kept_;  // guarded by mutex_
};

}  // namespace godwit::files
