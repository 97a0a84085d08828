#include "files/extents.h"

#include <unistd.h>

#include <algorithm>

namespace godwit::files {
namespace {

// What lseek() says of a file system, or a kind of file, without SEEK_DATA and SEEK_HOLE.
bool is_unknown(int error_number) noexcept {
    return error_number == EINVAL || error_number == EOPNOTSUPP || error_number == ENOSYS ||
           error_number == ESPIPE;
}

// -1 with errno set, as lseek(). ENXIO: nothing of the kind up to the end of the file.
std::int64_t seek(int fd, std::uint64_t offset, int whence) noexcept {
    return ::lseek(fd, static_cast<off_t>(offset), whence);
}

// Where the hole begins that ends the data at `offset`, at most at `end`.
Result<std::uint64_t> end_of_data(int fd, std::uint64_t offset, std::uint64_t end) {
    const std::int64_t hole = seek(fd, offset, SEEK_HOLE);
    // The file was cut meanwhile: whoever reads it will notice.
    if (hole < 0 && errno != ENXIO) return base::errno_error("look for a hole");
    // Behind the offset in any case: what was data a moment ago may have become a hole.
    return hole < 0 ? end : std::clamp(static_cast<std::uint64_t>(hole), offset + 1, end);
}

}  // namespace

Result<std::optional<Extent>> next_data(int fd, std::uint64_t begin, std::uint64_t end,
                                        std::uint64_t hole_bytes_min) {
    std::optional<Extent> found;
    while (begin < end) {
        const std::int64_t data = seek(fd, begin, SEEK_DATA);
        if (data < 0 && is_unknown(errno)) return std::optional{Extent{begin, end}};
        if (data < 0 && errno != ENXIO) return base::errno_error("look for data");
        const auto offset = static_cast<std::uint64_t>(data);
        if (data < 0 || offset >= end) break;
        if (found && offset - found->end >= hole_bytes_min) break;
        const auto hole = end_of_data(fd, offset, end);
        if (!hole) return hole.error();
        if (!found) found = Extent{offset, *hole};
        found->end = *hole;
        begin = *hole;
    }
    return found;
}

bool has_holes(int fd, const Attributes& attributes) {
    if (!attributes.sparse) return false;
    const std::int64_t hole = seek(fd, 0, SEEK_HOLE);
    return hole >= 0 && static_cast<std::uint64_t>(hole) < attributes.size;
}

}  // namespace godwit::files
