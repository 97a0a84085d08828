#include "files/listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstring>
#include <memory>

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

}  // namespace

Status for_each_entry(int directory,
                      const std::function<bool(const char* name, unsigned char kind)>& take) {
    // A stream of its own: the caller's descriptor may be shared.
    const base::UniqueFd stream{::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!stream) return base::errno_error("read a directory");
    const auto buffer = std::make_unique_for_overwrite<char[]>(kReadBytes);
    for (;;) {
        const long count = ::syscall(SYS_getdents64, stream.get(), buffer.get(), kReadBytes);
        if (count == 0) return {};
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return base::errno_error("read a directory");
        for (long at = 0; at < count;) {
            DirentHead head{};
            std::memcpy(&head, buffer.get() + at, kNameOffset);
            const char* const name = buffer.get() + at + kNameOffset;
            const bool is_link_of_tree =
                std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
            if (!is_link_of_tree && !take(name, head.type)) return {};
            at += head.length;
        }
    }
}

Result<NameList> names_in(int directory) {
    NameList names;
    auto status = for_each_entry(directory, [&](const char* name, unsigned char) {
        if (!is_temporary(name)) names.add(name);
        return true;
    });
    if (!status) return std::move(status).error();
    names.sort();
    return names;
}

Result<std::vector<std::string>> temporaries_in(int directory) {
    std::vector<std::string> names;
    auto status = for_each_entry(directory, [&](const char* name, unsigned char) {
        if (is_temporary(name)) names.emplace_back(name);
        return true;
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
