#include "files/attributes.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <limits>

#include "base/bytes.h"
#include "base/unique_fd.h"

namespace godwit::files {
namespace {

using base::FileCode;

constexpr std::uint32_t kSetIdBits = S_ISUID | S_ISGID;
constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
constexpr std::uint64_t kBlockBytes = 512;  // What statx(2) counts in, whatever the file system's.

// A file system may hold times that nanoseconds cannot count (beyond 1677 and 2262): the nearest.
std::int64_t nanos_of(const statx_timestamp& time) {
    std::int64_t nanos = 0;
    if (__builtin_mul_overflow(time.tv_sec, kNanosPerSecond, &nanos) ||
        __builtin_add_overflow(nanos, time.tv_nsec, &nanos)) {
        return time.tv_sec < 0 ? std::numeric_limits<std::int64_t>::min()
                               : std::numeric_limits<std::int64_t>::max();
    }
    return nanos;
}

// Rounds towards the past, so that the nanoseconds are never negative.
timespec timespec_of(std::int64_t nanos) {
    std::int64_t seconds = nanos / kNanosPerSecond;
    std::int64_t rest = nanos % kNanosPerSecond;
    if (rest < 0) {
        --seconds;
        rest += kNanosPerSecond;
    }
    return {seconds, rest};
}

EntryType type_of(std::uint32_t mode) {
    switch (mode & S_IFMT) {
    case S_IFDIR: return EntryType::Directory;
    case S_IFLNK: return EntryType::Symlink;
    case S_IFIFO: return EntryType::Fifo;
    case S_IFSOCK: return EntryType::Socket;
    case S_IFBLK: return EntryType::BlockDevice;
    case S_IFCHR: return EntryType::CharDevice;
    default: return EntryType::File;
    }
}

Result<Attributes> stat_path(int fd, const char* name, int flags) {
    struct statx info {};
    if (::statx(fd, name, flags, STATX_BASIC_STATS, &info) != 0) {
        return base::errno_error("examine '" + base::printable(name) + "'");
    }
    Attributes attributes;
    attributes.type = type_of(info.stx_mode);
    attributes.mode = info.stx_mode & 07777;
    attributes.uid = info.stx_uid;
    attributes.gid = info.stx_gid;
    attributes.size = info.stx_size;
    attributes.mtime_ns = nanos_of(info.stx_mtime);
    attributes.ctime_ns = nanos_of(info.stx_ctime);
    attributes.atime_ns = nanos_of(info.stx_atime);
    attributes.inode = info.stx_ino;
    attributes.device = gnu_dev_makedev(info.stx_dev_major, info.stx_dev_minor);
    attributes.device_number = gnu_dev_makedev(info.stx_rdev_major, info.stx_rdev_minor);
    attributes.sparse = S_ISREG(info.stx_mode) && info.stx_blocks < info.stx_size / kBlockBytes;
    attributes.links = info.stx_nlink;
    return attributes;
}

// How to reach the inode: by a real descriptor, or by one that was opened with O_PATH.
struct Target {
    int fd = -1;
    bool path_only = false;

    int chown(uid_t uid, gid_t gid) const {
        return ::fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
    }
    int chmod(mode_t mode) const {
        return path_only ? ::chmod(proc_name().c_str(), mode) : ::fchmod(fd, mode);
    }
    // fchmod() and friends refuse O_PATH descriptors; their links in /proc lead to the same inode.
    std::string proc_name() const { return "/proc/self/fd/" + std::to_string(fd); }
};

Result<Applied> apply(const Target& target, const Attributes& wanted) {
    const auto now = stat_of(target.fd);
    if (!now) return now.error();
    Applied applied;
    bool chowned = false;
    if (now->uid != wanted.uid || now->gid != wanted.gid) {
        chowned = target.chown(wanted.uid, wanted.gid) == 0;
        if (!chowned && errno != EPERM && errno != EINVAL)
            return base::errno_error("set the owner");
        if (!chowned) {
            applied.owner_kept = false;
            // Who may not give a file away may still set a group that it belongs to.
            if (now->gid != wanted.gid) {
                const auto keep = static_cast<uid_t>(-1);
                chowned = target.chown(keep, wanted.gid) == 0;
            }
        }
    }
    if (wanted.type == EntryType::Symlink) return applied;
    const std::uint32_t mode = applied.owner_kept ? wanted.mode : wanted.mode & ~kSetIdBits;
    // chown() clears setuid and setgid.
    const bool cleared = chowned && (mode & kSetIdBits) != 0;
    if ((now->mode != mode || cleared) && target.chmod(mode) != 0) {
        return base::errno_error("set the mode");
    }
    return applied;
}

std::array<timespec, 2> times_of(const Attributes& wanted, Times times) {
    const bool accessed = times == Times::ModifiedAndAccessed;
    return {{accessed ? timespec_of(wanted.atime_ns) : timespec{0, UTIME_OMIT},
             timespec_of(wanted.mtime_ns)}};
}

// What both sides' errors mean alike.
FileCode common_code(const Error& error) noexcept {
    switch (error.native) {
    case EACCES:
    case EPERM:
    case EXDEV: return FileCode::PermissionDenied;  // EXDEV: it leads out of the storage path.
    case ENAMETOOLONG: return FileCode::NameTooLong;
    case EROFS: return FileCode::ReadOnly;
    case EMLINK: return FileCode::TooManyLinks;
    case ENOSPC:
    case EDQUOT: return FileCode::NoSpace;
    case EFBIG:
    case E2BIG: return FileCode::TooLarge;  // E2BIG: of extended attributes.
    case ETIMEDOUT: return FileCode::TimedOut;
    case ENODEV: return FileCode::NoWorker;
    case EBUSY:
    case ETXTBSY:
    case EIO:
    case ESTALE:
    case EREMOTEIO:
    case ENOTCONN:
    case ESHUTDOWN: return FileCode::InputOutput;
    case EILSEQ:  // Of a name that the file system has no characters for.
    case ENOSYS:
    case EOPNOTSUPP: return FileCode::Unsupported;
    default: break;
    }
    if (error.code == Code::TimedOut) return FileCode::TimedOut;
    if (error.code == Code::PeerLost) return FileCode::PeerLost;
    return FileCode::Internal;
}

}  // namespace

Result<Attributes> stat_of(int fd) {
    return stat_path(fd, "", AT_EMPTY_PATH);
}

Result<Attributes> stat_at(int directory, const std::string& name) {
    return stat_path(directory, name.c_str(), AT_SYMLINK_NOFOLLOW);
}

Result<Applied> apply_to_file(int fd, const Attributes& wanted, Times times) {
    auto applied = apply({fd, false}, wanted);
    if (applied && ::futimens(fd, times_of(wanted, times).data()) != 0) {
        return base::errno_error("set the times");
    }
    return applied;
}

bool may_set_owners() noexcept {
    // The bounding of capabilities is what counts, not the user: a service may have kept this one.
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
    if (::syscall(SYS_capget, &header, data.data()) != 0) return ::geteuid() == 0;
    return (data[0].effective & (1U << CAP_CHOWN)) != 0;
}

Result<Applied> apply_at(int directory, const std::string& name, const Attributes& wanted,
                         const std::function<Status(int fd)>& finish, Times times) {
    const base::UniqueFd fd{::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
    if (!fd) return base::errno_error("open '" + base::printable(name) + "'");
    const auto now = stat_of(fd.get());
    if (!now) return now.error();
    if (now->type != wanted.type) {
        return Error{Code::InvalidArgument,
                     "'" + base::printable(name) + "' is of another type now", ENOTDIR};
    }
    const Target target{fd.get(), true};
    auto applied = apply(target, wanted);
    if (!applied) return applied;
    const bool symlink = wanted.type == EntryType::Symlink;
    const auto stamps = times_of(wanted, times);
    const int failed =
        symlink ? ::utimensat(directory, name.c_str(), stamps.data(), AT_SYMLINK_NOFOLLOW)
                : ::utimensat(AT_FDCWD, target.proc_name().c_str(), stamps.data(), 0);
    if (failed != 0) return base::errno_error("set the times of '" + base::printable(name) + "'");
    if (finish) {
        if (auto status = finish(fd.get()); !status) return std::move(status).error();
    }
    return applied;
}

FileCode source_code(const Error& error) noexcept {
    switch (error.native) {
    case ENOENT: return FileCode::SourceMissing;
    case ENOTDIR:
    case EISDIR: return FileCode::TypeConflict;
    case ELOOP: return FileCode::SymlinkLoop;
    default: return common_code(error);
    }
}

FileCode destination_code(const Error& error) noexcept {
    switch (error.native) {
    // What was there a moment ago is gone: a retry makes it anew.
    case ENOENT: return FileCode::InputOutput;
    // Something else is in the way, a symlink included: below the root none is followed.
    case ENOTDIR:
    case EISDIR:
    case EEXIST:
    case ELOOP:
    case ENOTEMPTY: return FileCode::TypeConflict;
    default: return common_code(error);
    }
}

}  // namespace godwit::files
