#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "files/extents.h"
#include "files/publish.h"

namespace godwit::files {
namespace {

constexpr std::size_t kCopyBufferBytes = 1 << 20;
// The kernel cuts longer requests anyway (MAX_RW_COUNT is just below 2 GiB).
constexpr std::uint64_t kCopyStep = 1 << 30;

// What the kernel answers where it, or the file systems, cannot copy by themselves.
bool is_unsupported(int error_number) noexcept {
    switch (error_number) {
    case EXDEV:
    case EINVAL:
    case EOPNOTSUPP:
    case ENOSYS:
    case ENOTTY:
    case EPERM:
    case EBADF: return true;
    default: return false;
    }
}

// The whole file in one step, sharing its blocks.
bool reflink(int from, int to) {
    return ::ioctl(to, FICLONE, from) == 0;
}

// Nothing: the kernel cannot do it here, nothing was copied.
std::optional<Result<std::uint64_t>> copy_in_kernel(int from, int to, std::uint64_t offset,
                                                    std::uint64_t length) {
    std::uint64_t done = 0;
    while (done < length) {
        auto from_offset = static_cast<off_t>(offset + done);
        off_t to_offset = from_offset;
        const ssize_t count = ::copy_file_range(from, &from_offset, to, &to_offset,
                                                std::min(kCopyStep, length - done), 0);
        if (count > 0) {
            done += static_cast<std::uint64_t>(count);
        } else if (count < 0 && errno == EINTR) {
            continue;
        } else if (done == 0 && (count == 0 || is_unsupported(errno))) {
            return std::nullopt;  // Some file systems say 0 instead of an error.
        } else if (count == 0) {
            break;
        } else {
            return base::errno_error("copy");
        }
    }
    return done;
}

Status write_all(int to, const char* bytes, std::size_t count, std::uint64_t offset) {
    while (count > 0) {
        const ssize_t written = ::pwrite(to, bytes, count, static_cast<off_t>(offset));
        if (written > 0) {
            bytes += written;
            count -= static_cast<std::size_t>(written);
            offset += static_cast<std::uint64_t>(written);
        } else if (written == 0 || errno != EINTR) {
            return base::errno_error("write", written == 0 ? EIO : errno);
        }
    }
    return {};
}

// -1 with errno set, as pread(); never EINTR.
ssize_t read_some(int from, char* bytes, std::size_t count, std::uint64_t offset) {
    for (;;) {
        const ssize_t got = ::pread(from, bytes, count, static_cast<off_t>(offset));
        if (got >= 0 || errno != EINTR) return got;
    }
}

Result<std::uint64_t> copy_by_hand(int from, int to, std::uint64_t offset, std::uint64_t length) {
    std::vector<char> buffer(std::min<std::uint64_t>(kCopyBufferBytes, length));
    std::uint64_t done = 0;
    while (done < length) {
        const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), length - done);
        const ssize_t got = read_some(from, buffer.data(), wanted, offset + done);
        if (got == 0) break;
        if (got < 0) return base::errno_error("read");
        const auto count = static_cast<std::size_t>(got);
        if (auto status = write_all(to, buffer.data(), count, offset + done); !status) {
            return std::move(status).error();
        }
        done += count;
    }
    return done;
}

Result<std::uint64_t> copy_data(int from, int to, std::uint64_t offset, std::uint64_t length) {
    if (auto copied = copy_in_kernel(from, to, offset, length)) return std::move(*copied);
    return copy_by_hand(from, to, offset, length);
}

// --------------------------------------------------------------------------------------- holes

bool reserve(int fd, int mode, const Extent& range) {
    for (;;) {
        const int failed = ::fallocate(fd, mode, static_cast<off_t>(range.begin),
                                       static_cast<off_t>(range.end - range.begin));
        if (failed == 0 || errno != EINTR) return failed == 0;
    }
}

enum class Zeros { Everywhere, WhereThereIsSomethingElse };

Status write_zeros(int to, const Extent& range, Zeros zeros) {
    const std::uint64_t length = range.end - range.begin;
    const std::vector<char> none(std::min<std::uint64_t>(kCopyBufferBytes, length));
    std::vector<char> there(zeros == Zeros::Everywhere ? 0 : none.size());
    for (std::uint64_t done = 0; done < length;) {
        std::size_t count = std::min<std::uint64_t>(none.size(), length - done);
        const std::uint64_t offset = range.begin + done;
        const ssize_t got = there.empty() ? -1 : read_some(to, there.data(), count, offset);
        if (got > 0) count = static_cast<std::size_t>(got);
        const bool is_zero =
            got > 0 && std::equal(there.begin(), there.begin() + got, none.begin());
        auto status = is_zero ? Status{} : write_all(to, none.data(), count, offset);
        if (!status) return status;
        done += count;
    }
    return {};
}

// Only what lies in the file as it was can have something else than a hole in the range.
Status make_hole(int to, const Extent& range) {
    const auto before = stat_of(to);
    if (!before) return before.error();
    if (before->size < range.end && ::ftruncate(to, static_cast<off_t>(range.end)) != 0) {
        return base::errno_error("size");
    }
    const Extent old{range.begin, std::min(range.end, before->size)};
    const auto data = next_data(to, old.begin, old.end, 0);
    if (!data) return data.error();
    if (!*data || reserve(to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, old)) return {};
    if (!is_unsupported(errno)) return base::errno_error("make a hole");
    // Such a file system often does not know its holes either.
    return write_zeros(to, old, Zeros::WhereThereIsSomethingElse);
}

Status fill_hole(int to, const Extent& range) {
    if (reserve(to, FALLOC_FL_ZERO_RANGE, range)) return {};
    if (!is_unsupported(errno)) return base::errno_error("reserve space");
    return write_zeros(to, range, Zeros::Everywhere);
}

Result<std::uint64_t> copy_around_holes(int from, int to, const Extent& range, bool sparse) {
    for (std::uint64_t at = range.begin; at < range.end;) {
        const auto next = next_data(from, at, range.end, sparse ? kSmallestHoleBytes : 0);
        if (!next) return next.error();
        const Extent data = next->value_or(Extent{range.end, range.end});
        if (at < data.begin) {
            const Extent hole{at, data.begin};
            auto status = sparse ? make_hole(to, hole) : fill_hole(to, hole);
            if (!status) return std::move(status).error();
        }
        if (data.begin < data.end) {
            const auto copied = copy_data(from, to, data.begin, data.end - data.begin);
            if (!copied) return copied.error();
            if (*copied < data.end - data.begin) return data.begin + *copied - range.begin;
        }
        at = data.end;
    }
    return range.end - range.begin;
}

}  // namespace

Result<std::uint64_t> copy_bytes(int from, int to, std::uint64_t offset, std::uint64_t length,
                                 bool sparse) {
    if (length == 0) return std::uint64_t{0};
    const auto source = stat_of(from);
    if (!source) return source.error();
    const bool holes = has_holes(from, *source);
    const bool whole = offset == 0 && length == source->size;
    if (whole && (sparse || !holes) && reflink(from, to)) return length;
    if (!holes) return copy_data(from, to, offset, length);
    // A file with holes ends where its size says; others, in /proc say, may have none.
    if (offset >= source->size) return std::uint64_t{0};
    return copy_around_holes(from, to, {offset, offset + std::min(length, source->size - offset)},
                             sparse);
}

}  // namespace godwit::files
