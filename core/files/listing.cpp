#include "files/listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "files/publish.h"

namespace godwit::files {
namespace {

// Larger than libc's 32 KiB: over NFS and Lustre each call is a round trip.
constexpr std::size_t kReadBytes = 256 << 10;

// The head of the kernel's struct linux_dirent64 (getdents64(2)); the name follows it.
struct DirentHead {
    std::uint64_t inode;
    std::int64_t offset;
    std::uint16_t length;
    std::uint8_t type;
};
constexpr std::size_t kNameOffset = 19;

template <class Take>
Status for_each_name(int directory, Take&& take) {
    // A stream of its own: the caller's descriptor may be shared.
    const base::UniqueFd stream{::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!stream) return base::errno_error("read a directory");
    std::vector<char> buffer(kReadBytes);
    for (;;) {
        const long count = ::syscall(SYS_getdents64, stream.get(), buffer.data(), buffer.size());
        if (count == 0) return {};
        if (count < 0) return base::errno_error("read a directory");
        for (long at = 0; at < count;) {
            DirentHead head{};
            std::memcpy(&head, buffer.data() + at, kNameOffset);
            const std::string_view name{buffer.data() + at + kNameOffset};
            if (name != "." && name != "..") take(name);
            at += head.length;
        }
    }
}

}  // namespace

Result<std::vector<std::string>> names_in(int directory) {
    std::vector<std::string> names;
    auto status = for_each_name(directory, [&](std::string_view name) {
        if (!is_temporary(name)) names.emplace_back(name);
    });
    if (!status) return std::move(status).error();
    std::sort(names.begin(), names.end());
    return names;
}

Result<std::vector<std::string>> temporaries_in(int directory) {
    std::vector<std::string> names;
    auto status = for_each_name(directory, [&](std::string_view name) {
        if (is_temporary(name)) names.emplace_back(name);
    });
    if (!status) return std::move(status).error();
    return names;
}

Result<Entry> entry_at(int directory, std::string name) {
    auto attributes = stat_at(directory, name);
    if (!attributes) return std::move(attributes).error();
    return Entry{std::move(name), *attributes};
}

Result<std::string> read_link(int directory, const std::string& name) {
    std::string target(PATH_MAX, '\0');
    const ssize_t length = ::readlinkat(directory, name.c_str(), target.data(), target.size());
    if (length < 0) return base::errno_error("read link '" + base::printable(name) + "'");
    // Linux makes no longer ones; a file system that has one would be cut silently.
    if (static_cast<std::size_t>(length) == target.size()) {
        return base::errno_error("read link '" + base::printable(name) + "'", ENAMETOOLONG);
    }
    target.resize(static_cast<std::size_t>(length));
    return target;
}

}  // namespace godwit::files
