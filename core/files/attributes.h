// What is known of a directory entry, and setting it on another.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/file_code.h"
#include "base/result.h"

namespace godwit::files {

enum class EntryType : std::uint8_t {
    File,
    Directory,
    Symlink,
    Fifo,
    Socket,
    BlockDevice,
    CharDevice
};

// FIFOs, sockets and devices: counted, not copied.
constexpr bool is_special(EntryType type) noexcept {
    return type >= EntryType::Fifo;
}

struct Attributes {
    EntryType type = EntryType::File;
    std::uint32_t mode = 0;  // Permission bits only: 0..07777.
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint64_t size = 0;     // Bytes.
    std::int64_t mtime_ns = 0;  // Since 1970, also negative; 1677 to 2262, others at the bounds.
    std::int64_t ctime_ns = 0;
    std::int64_t atime_ns = 0;
    std::uint64_t inode = 0;
    std::uint64_t device = 0;
    std::uint64_t device_number = 0;  // Of a device node: which device it stands for.
    std::uint32_t links = 1;
    bool sparse =
        false;  // Fewer blocks than its size needs: it may have holes (has_holes() knows).

    bool operator==(const Attributes&) const = default;
};

// Of the open descriptor; one made with O_PATH will do.
Result<Attributes> stat_of(int fd);
// Of `name` in the directory, a symlink itself rather than what it points to. NotFound.
Result<Attributes> stat_at(int directory, const std::string& name);

// What could not be set, though the rest was: the caller warns once per request.
struct Applied {
    bool owner_kept =
        true;  // False: owner or group could not be set; setuid and setgid were dropped.
};

// Whether this process may give files away (CAP_CHOWN).
bool may_set_owners() noexcept;

// Which times to set. What Modified leaves alone, the kernel keeps by itself.
enum class Times : std::uint8_t { Modified, ModifiedAndAccessed };

// Owner, mode and times, in the order that loses nothing (chown clears setuid, so mode comes
// after).
Result<Applied> apply_to_file(int fd, const Attributes& wanted, Times times = Times::Modified);
// `directory` may be O_PATH; `name` is in it, and no symlink is followed. Symlinks have no mode.
// `finish` is called when all that is set, with a descriptor that O_PATH opened.
Result<Applied> apply_at(int directory, const std::string& name, const Attributes& wanted,
                         const std::function<Status(int fd)>& finish = {},
                         Times times = Times::Modified);

// The reason for a failure that touched the source, or the destination.
base::FileCode source_code(const Error& error) noexcept;
base::FileCode destination_code(const Error& error) noexcept;

}  // namespace godwit::files
