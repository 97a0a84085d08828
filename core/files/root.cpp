#include "files/root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "base/bytes.h"
#include "files/attributes.h"
#include "files/follow.h"
#include "files/publish.h"

namespace godwit::files {
namespace {

using base::UniqueFd;

constexpr std::uint64_t kBeneath = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
// A rename somewhere in the system makes a confined lookup give up with EAGAIN; it is worth
// another try, not an endless one.
constexpr int kLookupTries = 256;
constexpr std::uint32_t kParentMode = 0777;

UniqueFd open_confined(int directory, const std::string& path, std::uint64_t flags,
                       std::uint64_t resolve) {
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    how.resolve = resolve;
    for (int attempt = 0; attempt < kLookupTries; ++attempt) {
        const long fd = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof(how));
        if (fd >= 0) return UniqueFd{static_cast<int>(fd)};
        if (errno != EAGAIN && errno != EINTR) break;
    }
    return {};
}

// Paths that the kernel takes in one piece end below PATH_MAX; longer ones are walked in several.
UniqueFd open_in_pieces(int directory, std::string_view path, std::uint64_t flags,
                        std::uint64_t resolve) {
    UniqueFd at;
    while (path.size() >= PATH_MAX) {
        const std::size_t cut = path.rfind('/', PATH_MAX - 1);
        if (cut == std::string_view::npos) {
            errno = ENAMETOOLONG;
            return {};
        }
        UniqueFd next = open_confined(at ? at.get() : directory, std::string{path.substr(0, cut)},
                                      O_PATH | O_DIRECTORY, resolve);
        if (!next) return {};
        at = std::move(next);
        path.remove_prefix(cut + 1);
    }
    return open_confined(at ? at.get() : directory, std::string{path}, flags, resolve);
}

UniqueFd open_to_read(int directory, const char* name, int flags, bool keep_atime) {
    flags |= O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    if (keep_atime) {
        UniqueFd fd{::openat(directory, name, flags | O_NOATIME)};
        if (fd || errno != EPERM) return fd;
    }
    return UniqueFd{::openat(directory, name, flags)};
}

bool is_same_inode(const Attributes& a, const Attributes& b) noexcept {
    return a.device == b.device && a.inode == b.inode;
}

// "/s" and "/s/a/b" are "a/b".
std::string_view below(const std::string& storage_path, const std::string& path) {
    const std::size_t skip = storage_path == "/" ? 1 : storage_path.size() + 1;
    return std::string_view{path}.substr(std::min(skip, path.size()));
}

}  // namespace

Result<UniqueFd> open_storage(const std::string& storage_path) {
    UniqueFd fd{::open(storage_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (!fd) return base::errno_error("open storage path '" + base::printable(storage_path) + "'");
    return fd;
}

Result<Tree> Tree::open(const std::string& storage_path, const std::string& path, Links links) {
    auto storage = open_storage(storage_path);
    if (!storage) return std::move(storage).error();
    auto opened = open(storage->get(), storage_path, path);
    if (links != Links::Follow) return opened;
    // An absolute link is outside to the kernel, wherever it leads: it is followed by hand.
    if (!opened && opened.error().native != EXDEV) return opened;
    Tree tree = opened ? std::move(*opened) : Tree{UniqueFd{}};
    tree.links_ = links;
    tree.storage_ = std::move(*storage);
    tree.storage_path_ = storage_path;
    tree.prefix_ = below(storage_path, path);
    if (!opened) {
        const auto real = tree.open_real("");
        if (!real) return real.error();
        tree.fd_.reset(::openat(real->get(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!tree.fd_) return base::errno_error("open '" + base::printable(path) + "'");
    }
    return tree;
}

Result<Tree> Tree::open(int storage, const std::string& storage_path, const std::string& path) {
    const std::string_view relative = below(storage_path, path);
    UniqueFd fd =
        open_in_pieces(storage, relative.empty() ? "." : relative, O_PATH | O_DIRECTORY, kBeneath);
    if (!fd) return base::errno_error("open '" + base::printable(path) + "'");
    return Tree{std::move(fd)};
}

Result<Tree> Tree::open_or_make(const std::string& storage_path, const std::string& path) {
    const auto storage = open_storage(storage_path);
    if (!storage) return storage.error();
    return open_or_make(storage->get(), storage_path, path);
}

Result<Tree> Tree::open_or_make(int storage, const std::string& storage_path,
                                const std::string& path) {
    auto tree = open(storage, storage_path, path);
    if (tree || tree.error().code != Code::NotFound) return tree;
    const std::string_view relative = below(storage_path, path);
    if (relative.empty()) return tree;
    const SplitPath split = files::split(path);
    auto parent = open_or_make(storage, storage_path,
                               std::string{split.directory.empty() ? "/" : split.directory});
    if (!parent) return parent;
    auto made = make_directory(parent->fd(), std::string{split.name}, kParentMode);
    if (!made) return wrap(std::move(made).error(), "make '" + base::printable(path) + "'");
    return open(storage, storage_path, path);
}

Result<std::string> Tree::real_path(std::string_view relative) const {
    std::string path = relative.empty() ? prefix_ : join(prefix_, relative);
    return follow_links(storage_.get(), storage_path_, path);
}

Result<UniqueFd> Tree::open_real(std::string_view relative) const {
    const auto real = real_path(relative);
    if (!real) return real.error();
    if (real->empty()) return open_beneath(storage_.get(), "");
    const SplitPath split = files::split(*real);
    const auto folder = open_beneath(storage_.get(), split.directory);
    if (!folder) return folder.error();
    UniqueFd fd{
        ::openat(folder->get(), std::string{split.name}.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
    if (!fd) return base::errno_error("open '" + base::printable(relative) + "'");
    return fd;
}

Result<UniqueFd> open_beneath(int directory, std::string_view relative) {
    UniqueFd fd = open_in_pieces(directory, relative.empty() ? "." : relative, O_PATH | O_DIRECTORY,
                                 kBeneath | RESOLVE_NO_SYMLINKS);
    if (!fd) return base::errno_error("open directory '" + base::printable(relative) + "'");
    return fd;
}

Result<UniqueFd> Tree::open_directory(std::string_view relative) const {
    if (follows()) {
        const auto real = open_real(relative);
        if (!real) return real.error();
        // An O_PATH descriptor leads to the directory, and to nothing else.
        UniqueFd fd{::openat(real->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        if (!fd) return base::errno_error("open directory '" + base::printable(relative) + "'");
        return fd;
    }
    UniqueFd fd = open_in_pieces(fd_.get(), relative.empty() ? "." : relative,
                                 O_RDONLY | O_DIRECTORY, kBeneath | RESOLVE_NO_SYMLINKS);
    if (!fd) return base::errno_error("open directory '" + base::printable(relative) + "'");
    return fd;
}

bool is_within(int directory, int other) {
    const auto wanted = stat_of(other);
    auto here = stat_of(directory);
    UniqueFd at;
    while (wanted && here) {
        if (is_same_inode(*here, *wanted)) return true;
        at = UniqueFd{::openat(at ? at.get() : directory, "..", O_PATH | O_DIRECTORY | O_CLOEXEC)};
        const auto above = at ? stat_of(at.get()) : Result<Attributes>{base::errno_error("climb")};
        // The root is its own parent.
        if (!above || is_same_inode(*above, *here)) return false;
        here = above;
    }
    return false;
}

Result<UniqueFd> open_file_at(int directory, const std::string& name, bool keep_atime) {
    UniqueFd fd = open_to_read(directory, name.c_str(), O_NOFOLLOW, keep_atime);
    if (!fd) return base::errno_error("open '" + base::printable(name) + "'");
    return fd;
}

Result<UniqueFd> reopen_file(int path_fd, bool keep_atime) {
    // The link in /proc leads to the file that is open, whatever its name is by now.
    const std::string link = "/proc/self/fd/" + std::to_string(path_fd);
    UniqueFd fd = open_to_read(AT_FDCWD, link.c_str(), 0, keep_atime);
    if (!fd) return base::errno_error("open a file");
    return fd;
}

SplitPath split(std::string_view relative) noexcept {
    const std::size_t slash = relative.rfind('/');
    if (slash == std::string_view::npos) return {"", relative};
    return {relative.substr(0, slash), relative.substr(slash + 1)};
}

std::string join(std::string_view directory, std::string_view name) {
    std::string path{directory};
    if (!path.empty()) path += '/';
    return path += name;
}

}  // namespace godwit::files
