// Confined access to a storage path: everything beneath it is opened by descriptor, and nothing
// outside of it can be, whatever symlinks lie in the way (openat2(2), Linux 5.6).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/unique_fd.h"

namespace godwit::files {

// What becomes of symlinks below the root of a request.
enum class Links : std::uint8_t {
    Refuse,  // Every component is a real directory, or an error (ELOOP in `native`).
    Follow,  // As long as they stay beneath the storage path (EXDEV in `native`).
};

// A directory that a request works in, and the only way to what lies beneath it.
// Thread-safe: all methods are const and work on descriptors.
class Tree {
public:
    // `storage_path` is absolute and trusted (configuration); symlinks in it are followed. `path`
    // is storage_path or beneath it; symlinks in the rest of it may not lead out of the storage
    // path. NotFound; InvalidArgument with ENOTDIR in `native` when it is no directory, with EXDEV
    // when it leads outside.
    static Result<Tree> open(const std::string& storage_path, const std::string& path,
                             Links links = Links::Refuse);
    // Makes the directory, and its missing parents beneath the storage path (mode 0777 & ~umask),
    // first.
    static Result<Tree> open_or_make(const std::string& storage_path, const std::string& path);
    // Both, beneath what open_storage() opened, whatever is mounted on the storage path by now.
    static Result<Tree> open(int storage, const std::string& storage_path, const std::string& path);
    static Result<Tree> open_or_make(int storage, const std::string& storage_path,
                                     const std::string& path);

    // For *at() calls; opened with O_PATH.
    int fd() const noexcept { return fd_.get(); }

    // `relative` is "" for the tree itself, else "a/b", without "." or ".." components. Works
    // beyond PATH_MAX. Opened for reading.
    Result<base::UniqueFd> open_directory(std::string_view relative) const;

    bool follows() const noexcept { return links_ == Links::Follow; }
    // Only where links are followed: what `relative` leads to, by a path beneath the storage path
    // that has no link in it.
    Result<std::string> real_path(std::string_view relative) const;
    // What stands at the end of all links, opened with O_PATH.
    Result<base::UniqueFd> open_real(std::string_view relative) const;

private:
    explicit Tree(base::UniqueFd fd) noexcept : fd_{std::move(fd)} {}

    base::UniqueFd fd_;
    Links links_ = Links::Refuse;
    // Where links are followed:
    base::UniqueFd storage_;
    std::string storage_path_;
    std::string prefix_;  // Of the tree, beneath the storage path.
};

// For Tree; opened with O_PATH.
Result<base::UniqueFd> open_storage(const std::string& storage_path);

// A directory beneath another, "" being that itself, through no link. Opened with O_PATH.
Result<base::UniqueFd> open_beneath(int directory, std::string_view relative);

// Whether the directory is `other` or lies beneath it, whatever symlinks and mounts lead to either.
// Of one that is mounted elsewhere (a bind mount) only the part beneath its mount is seen. False,
// too, when it cannot be found out. Descriptors that O_PATH opened will do.
bool is_within(int directory, int other);

// Opens a file of the directory for reading. Never through a symlink (ELOOP), never blocking on a
// FIFO; whether it is a regular file, stat_of() tells. `keep_atime`: reading it does not count as
// an access, where that is allowed (to the owner, or with CAP_FOWNER).
Result<base::UniqueFd> open_file_at(int directory, const std::string& name,
                                    bool keep_atime = false);
// The same of what O_PATH opened.
Result<base::UniqueFd> reopen_file(int path_fd, bool keep_atime = false);

// Splits "a/b/c" into "a/b" and "c"; "c" into "" and "c".
struct SplitPath {
    std::string_view directory;
    std::string_view name;
};
SplitPath split(std::string_view relative) noexcept;
std::string join(std::string_view directory, std::string_view name);

}  // namespace godwit::files
