// The storage paths that are really there: a path whose file system went away, or changed, is not
// offered to the master, so that nobody takes an empty mount point for an empty source.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "files/file_system.h"

namespace godwit::agent {

// Thread-safe.
class Mounts {
public:
    explicit Mounts(std::vector<std::string> storage_paths);

    // Looks again, and logs what changed.
    std::vector<std::string> check();
    // As of the last look.
    std::vector<std::string> present() const;

private:
    const std::vector<std::string> storage_paths_;
    mutable std::mutex mutex_;
    std::map<std::string, files::FileSystem> file_systems_;  // guarded by mutex_; as first seen
    std::map<std::string, bool> present_;                    // guarded by mutex_
};

}  // namespace godwit::agent
