#include "files/xattrs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/unique_fd.h"

namespace godwit::files {
namespace {

// The kernel's bounds (XATTR_NAME_MAX, XATTR_SIZE_MAX, XATTR_LIST_MAX).
constexpr std::size_t kNameBytesMax = 255;
constexpr std::size_t kValueBytesMax = 64 << 10;
constexpr std::size_t kListBytesMax = 64 << 10;

const std::string kAccessAcl = "system.posix_acl_access";
const std::string kDefaultAcl = "system.posix_acl_default";

constexpr std::array<std::string_view, 3> kNamespaces = {"user.", "trusted.", "security."};
// Beginnings of the names that are left alone; the header says why.
constexpr std::array<std::string_view, 21> kNotOurs = {
    // Lustre
    "trusted.lov", "trusted.lma", "trusted.lmv", "trusted.link", "trusted.fid", "trusted.som",
    "trusted.hsm", "trusted.dmv", "trusted.version",
    // Gluster
    "trusted.gfid", "trusted.glusterfs.", "trusted.afr.", "trusted.ec.",
    // overlayfs, XFS
    "trusted.overlay.", "user.overlay.", "trusted.SGI_",
    // Of the machine
    "security.evm", "security.selinux", "security.SMACK64", "security.apparmor", "security.sehash"};

bool is_acl(std::string_view name) noexcept {
    return name == kAccessAcl || name == kDefaultAcl;
}

bool is_selected(std::string_view name, XattrSelection selection) noexcept {
    if (is_acl(name)) return selection.acls;
    const auto begins_name = [&](std::string_view prefix) { return name.starts_with(prefix); };
    return selection.xattrs && std::any_of(kNamespaces.begin(), kNamespaces.end(), begins_name) &&
           std::none_of(kNotOurs.begin(), kNotOurs.end(), begins_name);
}

// An access ACL without any entry but owner, group and others: the mode says it all. (A default ACL
// of that kind does mean something: it takes the place of the umask.)
bool says_no_more_than_the_mode(const Xattr& xattr) noexcept {
    constexpr std::size_t kHeaderBytes = 4;  // Of struct posix_acl_xattr_header (acl(5), linux).
    constexpr std::size_t kEntryBytes = 8;
    return xattr.name == kAccessAcl && xattr.value.size() <= kHeaderBytes + 3 * kEntryBytes;
}

// The calls for one inode, however it is open: those for descriptors refuse O_PATH, whose links in
// /proc lead to the inode itself, be it a symlink.
class Inode {
public:
    explicit Inode(int fd) : fd_{fd} {
        const int flags = ::fcntl(fd, F_GETFL);
        if (flags >= 0 && (flags & O_PATH) != 0) link_ = "/proc/self/fd/" + std::to_string(fd);
    }

    ssize_t list(char* names, std::size_t size) const noexcept {
        return link_.empty() ? ::flistxattr(fd_, names, size)
                             : ::listxattr(link_.c_str(), names, size);
    }
    ssize_t read(const std::string& name, char* value, std::size_t size) const noexcept {
        return link_.empty() ? ::fgetxattr(fd_, name.c_str(), value, size)
                             : ::getxattr(link_.c_str(), name.c_str(), value, size);
    }
    int set(const Xattr& xattr) const noexcept {
        const std::string& value = xattr.value;
        return link_.empty()
                   ? ::fsetxattr(fd_, xattr.name.c_str(), value.data(), value.size(), 0)
                   : ::setxattr(link_.c_str(), xattr.name.c_str(), value.data(), value.size(), 0);
    }
    int remove(const std::string& name) const noexcept {
        return link_.empty() ? ::fremovexattr(fd_, name.c_str())
                             : ::removexattr(link_.c_str(), name.c_str());
    }
    int chmod(mode_t mode) const noexcept {
        return link_.empty() ? ::fchmod(fd_, mode) : ::chmod(link_.c_str(), mode);
    }
    int fd() const noexcept { return fd_; }

private:
    int fd_;
    std::string link_;
};

Error failed_on(const char* what, const std::string& name, int error_number = errno) {
    return base::errno_error(what + (" '" + base::printable(name) + "'"), error_number);
}

// ----------------------------------------------------------------------------------------- reading

bool has_none(int error_number) noexcept {
    return error_number == EOPNOTSUPP || error_number == ENOSYS;
}

// The names that the selection means, but for ACLs, which some file systems do not list.
Result<std::vector<std::string>> names_of(const Inode& inode, XattrSelection selection) {
    std::vector<std::string> names;
    // Most files have none, which is told without a buffer.
    ssize_t length = selection.xattrs ? inode.list(nullptr, 0) : 0;
    std::string list;
    if (length > 0) {
        list.resize(kListBytesMax);
        length = inode.list(list.data(), list.size());
    }
    if (length < 0 && !has_none(errno)) return base::errno_error("list extended attributes");
    list.resize(static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
    for (std::size_t at = 0; at < list.size(); at += std::strlen(list.data() + at) + 1) {
        const std::string_view name = list.data() + at;
        if (!is_acl(name) && is_selected(name, selection)) names.emplace_back(name);
    }
    if (selection.acls) names.insert(names.end(), {kAccessAcl, kDefaultAcl});
    std::sort(names.begin(), names.end());
    return names;
}

Result<std::vector<Xattr>> read(const Inode& inode, XattrSelection selection) {
    const auto names = names_of(inode, selection);
    if (!names) return names.error();
    std::vector<Xattr> found;
    std::size_t bytes = 0;
    const auto value = std::make_unique_for_overwrite<char[]>(names->empty() ? 0 : kValueBytesMax);
    for (const std::string& name : *names) {
        const ssize_t length = inode.read(name, value.get(), kValueBytesMax);
        if (length < 0) {
            // Gone since it was listed; not there, of an ACL; or not for us.
            if (errno == ENODATA || errno == EPERM || has_none(errno)) continue;
            return failed_on("read extended attribute", name, errno == ERANGE ? E2BIG : errno);
        }
        Xattr xattr{name, {value.get(), static_cast<std::size_t>(length)}};
        if (says_no_more_than_the_mode(xattr)) continue;
        bytes += xattr.name.size() + xattr.value.size();
        if (bytes > kXattrBytesMax) return base::errno_error("read extended attributes", E2BIG);
        found.push_back(std::move(xattr));
    }
    return found;
}

// ---------------------------------------------------------------------------------------- applying

// The owner's right to read and write, given while this lives to who may give it: user.* are
// guarded by it, and a file that is to be read-only has its mode already.
class OwnersRights {
public:
    explicit OwnersRights(const Inode& inode) : inode_{inode} {}
    OwnersRights(const OwnersRights&) = delete;
    OwnersRights& operator=(const OwnersRights&) = delete;
    ~OwnersRights() {
        if (given_) inode_.chmod(mode_);
    }

    // False: they were there, or are not ours to give.
    bool give() {
        constexpr mode_t kRights = S_IRUSR | S_IWUSR;
        struct stat info {};
        if (given_ || ::fstat(inode_.fd(), &info) != 0 || S_ISLNK(info.st_mode)) return false;
        mode_ = info.st_mode & 07777;
        given_ = (mode_ & kRights) != kRights && inode_.chmod(mode_ | kRights) == 0;
        return given_;
    }
    Status take_back() {
        if (std::exchange(given_, false) && inode_.chmod(mode_) != 0) {
            return base::errno_error("set the mode");
        }
        return {};
    }

private:
    const Inode& inode_;
    mode_t mode_ = 0;
    bool given_ = false;
};

// Whether so many bytes would have fitted: then ENOSPC was said of the place for attributes beside
// an inode, not of the file system.
bool has_room_for(int fd, std::size_t bytes) noexcept {
    constexpr std::uint64_t kSpareBytes = 1 << 20;
    struct statvfs info {};
    if (::fstatvfs(fd, &info) != 0) return false;
    return std::uint64_t{info.f_bavail} * info.f_frsize > bytes + kSpareBytes;
}

class Application {
public:
    Application(int fd, std::span<const Xattr> wanted, XattrSelection selection)
        : inode_{fd}, rights_{inode_}, selection_{selection} {
        for (const Xattr& xattr : wanted) {
            if (is_selected(xattr.name, selection) && !says_no_more_than_the_mode(xattr)) {
                wanted_.push_back(&xattr);
            }
        }
    }

    Result<XattrsApplied> run() {
        auto there = read(inode_, selection_);
        if (!there && there.error().native == EACCES && rights_.give()) {
            there = read(inode_, selection_);
        }
        if (!there) return std::move(there).error();
        // ACLs last, when the mode is what it was: they bring their own.
        for (const bool acls : {false, true}) {
            if (auto status = apply(*there, acls); !status) return std::move(status).error();
            if (auto status = rights_.take_back(); !status) return std::move(status).error();
        }
        return std::move(applied_);
    }

private:
    Status apply(const std::vector<Xattr>& there, bool acls) {
        for (const Xattr* xattr : wanted_) {
            if (is_acl(xattr->name) != acls) continue;
            if (std::find(there.begin(), there.end(), *xattr) != there.end()) continue;
            if (auto status = set(*xattr); !status) return status;
        }
        for (const Xattr& xattr : there) {
            if (is_acl(xattr.name) != acls || is_wanted(xattr.name)) continue;
            if (auto status = remove(xattr.name); !status) return status;
        }
        return {};
    }

    bool is_wanted(const std::string& name) const noexcept {
        return std::any_of(wanted_.begin(), wanted_.end(),
                           [&](const Xattr* xattr) { return xattr->name == name; });
    }

    Status set(const Xattr& xattr) {
        if (xattr.name.size() > kNameBytesMax || xattr.name.find('\0') != std::string::npos) {
            return failed_on("set extended attribute", xattr.name, EINVAL);
        }
        const int error_number = attempt(xattr.name, [&] { return inode_.set(xattr); });
        if (error_number == 0 || is_not_kept(xattr.name, error_number)) return {};
        const bool too_large =
            error_number == ERANGE ||
            (error_number == ENOSPC && has_room_for(inode_.fd(), xattr.value.size()));
        return failed_on("set extended attribute", xattr.name, too_large ? E2BIG : error_number);
    }

    Status remove(const std::string& name) {
        const int error_number = attempt(name, [&] { return inode_.remove(name); });
        if (error_number == 0 || error_number == ENODATA || is_not_kept(name, error_number)) {
            return {};
        }
        return failed_on("remove extended attribute", name, error_number);
    }

    // 0, or its errno, when the owner's rights did not help either. (ACLs ask for none of them.)
    template <class Call>
    int attempt(const std::string& name, Call&& call) {
        if (call() == 0) return 0;
        const int error_number = errno;
        if (error_number != EACCES || is_acl(name) || !rights_.give()) return error_number;
        return call() == 0 ? 0 : errno;
    }

    // Whether that was for want of privileges or of attributes, which is noted.
    bool is_not_kept(const std::string& name, int error_number) {
        if (error_number != EPERM && error_number != EACCES && !has_none(error_number)) {
            return false;
        }
        (is_acl(name) ? applied_.acls_kept : applied_.xattrs_kept) = false;
        applied_.not_kept.push_back(name);
        return true;
    }

    const Inode inode_;
    OwnersRights rights_;
    const XattrSelection selection_;
    std::vector<const Xattr*> wanted_;
    XattrsApplied applied_;
};

Result<base::UniqueFd> open_at(int directory, const std::string& name) {
    base::UniqueFd fd{::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
    if (!fd) return failed_on("open", name);
    return fd;
}

void append_length(std::string& text, std::size_t length) {
    for (int shift = 0; shift < 32; shift += 8) text += static_cast<char>(length >> shift & 0xFF);
}

}  // namespace

Result<std::vector<Xattr>> read_xattrs(int fd, XattrSelection selection) {
    return read(Inode{fd}, selection);
}

Result<std::vector<Xattr>> read_xattrs_at(int directory, const std::string& name,
                                          XattrSelection selection) {
    const auto fd = open_at(directory, name);
    if (!fd) return fd.error();
    auto xattrs = read_xattrs(fd->get(), selection);
    if (!xattrs) return wrap(std::move(xattrs).error(), "'" + base::printable(name) + "'");
    return xattrs;
}

Result<XattrsApplied> apply_xattrs(int fd, std::span<const Xattr> wanted,
                                   XattrSelection selection) {
    return Application{fd, wanted, selection}.run();
}

Result<XattrsApplied> apply_xattrs_at(int directory, const std::string& name,
                                      std::span<const Xattr> wanted, XattrSelection selection) {
    const auto fd = open_at(directory, name);
    if (!fd) return fd.error();
    auto applied = apply_xattrs(fd->get(), wanted, selection);
    if (!applied) return wrap(std::move(applied).error(), "'" + base::printable(name) + "'");
    return applied;
}

std::string serialise(std::span<const Xattr> xattrs) {
    std::string text;
    for (const Xattr& xattr : xattrs) {
        for (const std::string* part : {&xattr.name, &xattr.value}) {
            append_length(text, part->size());
            text += *part;
        }
    }
    return text;
}

}  // namespace godwit::files
