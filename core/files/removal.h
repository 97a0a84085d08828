// Removing whole trees, by descriptors.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"

namespace godwit::files {

struct Removed {
    std::uint64_t files = 0;  // All that is no directory.
    std::uint64_t directories = 0;
    std::uint64_t bytes = 0;  // The sizes of the regular files.
    bool complete = true;     // False: told to stop before all was gone.

    bool operator==(const Removed&) const = default;
};

// Told what is removed so far, before each entry and at the end, also of a failure. False: stop
// here, where that is not the end.
using RemovalProgress = std::function<bool(const Removed& so_far)>;

// Removes what has the plain name `name` in the directory (which may be O_PATH): a file, a symlink,
// or a directory with all that is in it, our temporaries included. Not there: nothing to do.
//
// Never follows a symlink, and never leaves the file system: what is mounted in the tree stays, and
// is an error with EXDEV in `native`. An entry that cannot be removed does not keep the others; the
// first such problem is the error in the end, with its path below the directory. Entries that
// vanish meanwhile are nobody's loss. A directory of one's own that denies its owner the rights is
// given them. Depth is bound by memory only (some hundred bytes a level, and the names of the
// subdirectories still to be removed on the way down); three descriptors are open at most.
//
// Stopped, it may be called again and begins anew. Any number of callers may work at one tree.
Result<Removed> remove_tree(int directory, const std::string& name,
                            const RemovalProgress& progress = {});

}  // namespace godwit::files
