#include "transfer/link_registry.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>

#include "base/bytes.h"
#include "base/ids.h"
#include "files/listing.h"
#include "files/publish.h"

namespace godwit::transfer {
namespace {

constexpr mode_t kFolderMode = 0700;
// One symlink holds what is shorter than this, everywhere.
constexpr std::size_t kSymlinkBytesMax = 1000;

}  // namespace

LinkRegistry::LinkRegistry(int root, std::uint64_t generation)
    : root_{root}, generation_{generation} {}

std::string LinkRegistry::folder_name(std::uint64_t generation) {
    // No file has a name with a slash.
    return files::temporary_name("/links", generation);
}

Result<int> LinkRegistry::folder() {
    const std::lock_guard lock{mutex_};
    if (folder_) return folder_.get();
    const std::string name = folder_name(generation_);
    if (::mkdirat(root_, name.c_str(), kFolderMode) != 0 && errno != EEXIST) {
        return base::errno_error("make the registry of links");
    }
    folder_.reset(::openat(root_, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder_) return base::errno_error("open the registry of links");
    return folder_.get();
}

Result<std::string> LinkRegistry::elect(std::string_view key, const std::string& path) {
    return agree("k" + base::to_hex(key), path);
}

Result<bool> LinkRegistry::claim(std::uint64_t inode, std::string_view owner) {
    auto claimed = agree("i" + base::to_hex(inode), owner);
    if (!claimed) return std::move(claimed).error();
    return *claimed == owner;
}

Result<std::string> LinkRegistry::agree(const std::string& entry, std::string_view text) {
    const auto opened = folder();
    if (!opened) return opened.error();
    if (text.size() < kSymlinkBytesMax && !text.empty()) {
        const std::string target{text};
        if (::symlinkat(target.c_str(), *opened, entry.c_str()) == 0) return target;
        if (errno != EEXIST) return base::errno_error("write to the registry of links");
    } else if (auto made = make_file(entry, text); !made) {
        if (made.error().native != EEXIST) return std::move(made).error();
    }
    return read(entry);
}

// Whole, or not at all: written under another name, which becomes the entry in one step.
Status LinkRegistry::make_file(const std::string& entry, std::string_view text) {
    const auto opened = folder();
    if (!opened) return opened.status();
    const std::string draft = "d" + base::to_hex(base::random_u64());
    const base::UniqueFd file{::openat(*opened, draft.c_str(),
                                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!file) return base::errno_error("write to the registry of links");
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    Status status;
    if (written != static_cast<ssize_t>(text.size())) {
        status = base::errno_error("write to the registry of links", written < 0 ? errno : ENOSPC);
    } else if (::linkat(*opened, draft.c_str(), *opened, entry.c_str(), 0) != 0) {
        status = base::errno_error("write to the registry of links");
    }
    ::unlinkat(*opened, draft.c_str(), 0);
    return status;
}

Result<std::string> LinkRegistry::read(const std::string& entry) {
    const auto opened = folder();
    if (!opened) return opened.error();
    auto target = files::read_link(*opened, entry);
    if (target || target.error().native != EINVAL) return target;
    // It is no symlink, then.
    const base::UniqueFd file{::openat(*opened, entry.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    struct stat info {};
    if (!file || ::fstat(file.get(), &info) != 0) {
        return base::errno_error("read the registry of links");
    }
    std::string text(static_cast<std::size_t>(info.st_size), '\0');
    if (::pread(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
        return base::errno_error("read the registry of links", EIO);
    }
    return text;
}

}  // namespace godwit::transfer
