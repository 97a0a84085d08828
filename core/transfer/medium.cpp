#include "transfer/medium.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace godwit::transfer {
namespace {

constexpr std::size_t kReadbackBytes = 1 << 20;

}  // namespace

void forget_cached(int fd, std::uint64_t offset, std::uint64_t length) noexcept {
    ::posix_fadvise(fd, static_cast<off_t>(offset), static_cast<off_t>(length),
                    POSIX_FADV_DONTNEED);
}

Status check_on_medium(int fd, std::uint64_t offset, std::span<const std::byte> wanted) {
    if (::fdatasync(fd) != 0) return base::errno_error("write to the medium");
    forget_cached(fd, offset, wanted.size());
    std::vector<std::byte> buffer(std::min(kReadbackBytes, wanted.size()));
    for (std::size_t done = 0; done < wanted.size();) {
        const std::size_t length = std::min(buffer.size(), wanted.size() - done);
        const ssize_t got = ::pread(fd, buffer.data(), length, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return base::errno_error("read back");
        const bool same = got != 0 && std::memcmp(buffer.data(), wanted.data() + done,
                                                  static_cast<std::size_t>(got)) == 0;
        if (!same) {
            return Error{Code::Internal, "the medium gives back other bytes than were written",
                         EIO};
        }
        done += static_cast<std::size_t>(got);
    }
    return {};
}

}  // namespace godwit::transfer
