#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

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
bool reflink(int from, int to, std::uint64_t offset, std::uint64_t length) {
    if (offset != 0) return false;
    const auto source = stat_of(from);
    return source && source->size == length && length != 0 && ::ioctl(to, FICLONE, from) == 0;
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

Result<std::uint64_t> copy_by_hand(int from, int to, std::uint64_t offset, std::uint64_t length) {
    std::vector<char> buffer(std::min<std::uint64_t>(kCopyBufferBytes, length));
    std::uint64_t done = 0;
    while (done < length) {
        const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), length - done);
        const ssize_t got = ::pread(from, buffer.data(), wanted, static_cast<off_t>(offset + done));
        if (got == 0) break;
        if (got < 0) {
            if (errno == EINTR) continue;
            return base::errno_error("read");
        }
        for (ssize_t written = 0; written < got;) {
            const ssize_t count =
                ::pwrite(to, buffer.data() + written, static_cast<std::size_t>(got - written),
                         static_cast<off_t>(offset + done) + written);
            if (count > 0) {
                written += count;
            } else if (count == 0 || errno != EINTR) {
                return base::errno_error("write", count == 0 ? EIO : errno);
            }
        }
        done += static_cast<std::uint64_t>(got);
    }
    return done;
}

}  // namespace

Result<std::uint64_t> copy_bytes(int from, int to, std::uint64_t offset, std::uint64_t length) {
    if (length == 0) return std::uint64_t{0};
    if (reflink(from, to, offset, length)) return length;
    if (auto copied = copy_in_kernel(from, to, offset, length)) return std::move(*copied);
    return copy_by_hand(from, to, offset, length);
}

}  // namespace godwit::files
