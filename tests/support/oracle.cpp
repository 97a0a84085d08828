#include "support/oracle.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>

#include "support/process.h"

namespace godwit::test_support {
namespace {

constexpr std::size_t kDifferencesMax = 40;
// File systems round up to blocks, and may keep a few more for themselves.
constexpr blkcnt_t kBlocksSpare = 128;
// Of st_blocks.
constexpr off_t kBlockBytes = 512;
// A hole shorter than this may be filled, see `sparse` in docs/options.md.
constexpr off_t kSmallestHoleBytes = 64 << 10;

std::runtime_error failure(const std::string& what, const std::string& path) {
    return std::runtime_error{"cannot " + what + " " + path + ": " + std::strerror(errno)};
}

struct stat status_of(const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) throw failure("examine", path);
    return info;
}

std::set<std::string> names_in(const std::string& path) {
    std::set<std::string> names;
    const std::unique_ptr<DIR, int (*)(DIR*)> stream{::opendir(path.c_str()), ::closedir};
    if (!stream) throw failure("read", path);
    while (const dirent* entry = ::readdir(stream.get())) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..") names.insert(name);
    }
    return names;
}

bool is_special(const struct stat& info) {
    return !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode) && !S_ISLNK(info.st_mode);
}

std::string target_of(const std::string& path) {
    std::string target(4096, '\0');
    const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
    if (length < 0) throw failure("read the link", path);
    target.resize(static_cast<std::size_t>(length));
    return target;
}

class OpenFile {
public:
    explicit OpenFile(const std::string& path)
        : path_{path}, fd_{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NOATIME)} {
        if (fd_ < 0) throw failure("open", path);
    }
    ~OpenFile() { ::close(fd_); }
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;

    // Where its data goes on at or behind `offset`; the end when there is only a hole.
    off_t data_after(off_t offset, off_t size) const {
        const off_t at = ::lseek(fd_, offset, SEEK_DATA);
        return at < 0 ? size : at;
    }
    off_t hole_after(off_t offset, off_t size) const {
        const off_t at = ::lseek(fd_, offset, SEEK_HOLE);
        return at < 0 ? size : at;
    }
    std::size_t read(char* buffer, std::size_t length, off_t offset) const {
        const ssize_t got = ::pread(fd_, buffer, length, offset);
        if (got < 0) throw failure("read", path_);
        return static_cast<std::size_t>(got);
    }

private:
    const std::string path_;
    int fd_;
};

// What the file takes when its short holes are filled.
blkcnt_t blocks_with_short_holes(const std::string& path, off_t size) {
    const OpenFile file{path};
    off_t bytes = 0;
    for (off_t at = 0; at < size;) {
        const off_t data = file.data_after(at, size);
        if (data - at < kSmallestHoleBytes) bytes += data - at;
        at = file.hole_after(data, size);
        bytes += at - data;
    }
    return bytes / kBlockBytes;
}

// Passes over what is a hole on both sides, so that huge sparse files are compared at once.
bool same_content(const std::string& a, const std::string& b, off_t size) {
    const OpenFile first{a};
    const OpenFile second{b};
    std::vector<char> left(1 << 20);
    std::vector<char> right(1 << 20);
    for (off_t at = 0; at < size;) {
        at = std::min(first.data_after(at, size), second.data_after(at, size));
        if (at >= size) break;
        const auto length = std::min<std::size_t>(left.size(), static_cast<std::size_t>(size - at));
        const std::size_t got = first.read(left.data(), length, at);
        if (got == 0 || second.read(right.data(), got, at) != got) return false;
        if (std::memcmp(left.data(), right.data(), got) != 0) return false;
        at += static_cast<off_t>(got);
    }
    return true;
}

std::map<std::string, std::string> xattrs_of(const std::string& path, const Look& look) {
    std::map<std::string, std::string> found;
    std::string names(64 << 10, '\0');
    const ssize_t length = ::llistxattr(path.c_str(), names.data(), names.size());
    if (length < 0) return found;
    names.resize(static_cast<std::size_t>(length));
    std::istringstream list{names};
    for (std::string name; std::getline(list, name, '\0');) {
        const bool acl = name.starts_with("system.posix_acl_");
        if (acl ? !look.acls : !look.xattrs || name.starts_with("system.")) continue;
        std::string value(64 << 10, '\0');
        const ssize_t size = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
        if (size < 0) throw failure("read " + name + " of", path);
        value.resize(static_cast<std::size_t>(size));
        found.emplace(name, value);
    }
    return found;
}

class Comparison {
public:
    Comparison(std::string source, std::string destination, const Look& look)
        : source_{std::move(source)}, destination_{std::move(destination)}, look_{look} {}

    std::vector<std::string> run() {
        compare("");
        if (look_.hardlinks) compare_links();
        return std::move(found_);
    }

private:
    std::string source(const std::string& path) const {
        return path.empty() ? source_ : source_ + "/" + path;
    }
    std::string destination(const std::string& path) const {
        return path.empty() ? destination_ : destination_ + "/" + path;
    }

    void compare(const std::string& path) {
        const struct stat a = status_of(source(path));
        const struct stat b = status_of(destination(path));
        if ((a.st_mode & S_IFMT) != (b.st_mode & S_IFMT)) return note("kind", path);
        if (!S_ISLNK(a.st_mode) && a.st_mode != b.st_mode) note("mode", path);
        if (look_.owners && (a.st_uid != b.st_uid || a.st_gid != b.st_gid)) note("owner", path);
        const bool timed = S_ISDIR(a.st_mode) ? look_.directory_times : look_.times;
        if (timed && !same(a.st_mtim, b.st_mtim)) note("mtime", path);
        // Of folders and links it changes with every look at them.
        const bool kept = !S_ISDIR(a.st_mode) && !S_ISLNK(a.st_mode);
        if (look_.atime && kept && !same(a.st_atim, b.st_atim)) note("atime", path);
        if ((look_.xattrs || look_.acls) &&
            xattrs_of(source(path), look_) != xattrs_of(destination(path), look_)) {
            note("xattrs", path);
        }
        if (!S_ISDIR(a.st_mode)) {
            inodes_[{a.st_dev, a.st_ino}].insert(path);
            inodes_there_[{b.st_dev, b.st_ino}].insert(path);
        }
        if (S_ISREG(a.st_mode)) {
            compare_files(path, a, b);
        } else if (S_ISLNK(a.st_mode)) {
            if (target_of(source(path)) != target_of(destination(path))) note("link target", path);
        } else if (S_ISDIR(a.st_mode)) {
            compare_folders(path);
        } else if (a.st_rdev != b.st_rdev) {
            note("device", path);
        }
    }

    void compare_files(const std::string& path, const struct stat& a, const struct stat& b) {
        if (a.st_size != b.st_size) {
            note("size", path);
        } else if (!same_content(source(path), destination(path), a.st_size)) {
            note("content", path);
        }
        if (look_.holes && b.st_blocks > a.st_blocks + kBlocksSpare &&
            b.st_blocks > blocks_with_short_holes(source(path), a.st_size) + kBlocksSpare) {
            note("holes filled (" + std::to_string(b.st_blocks) + " blocks for " +
                     std::to_string(a.st_blocks) + ", " + std::to_string(a.st_size) + " bytes)",
                 path);
        }
    }

    void compare_folders(const std::string& path) {
        std::set<std::string> there = names_in(destination(path));
        for (const std::string& name : names_in(source(path))) {
            const std::string below = path.empty() ? name : path + "/" + name;
            const bool special = is_special(status_of(source(below)));
            const bool left_out =
                (special && !look_.special) || (look_.left_out && look_.left_out(below));
            const bool present = there.erase(name) != 0;
            if (left_out) {
                if (present && look_.surplus) note("should be missing", below);
            } else if (!present) {
                note("missing", below);
            } else {
                compare(below);
            }
        }
        if (!look_.surplus) return;
        for (const std::string& name : there) {
            note("surplus", path.empty() ? name : path + "/" + name);
        }
    }

    // Names are one file at the destination exactly where they are at the source.
    void compare_links() {
        for (const auto& [inode, paths] : inodes_) {
            std::set<std::pair<dev_t, ino_t>> there;
            for (const std::string& path : paths) {
                const struct stat info = status_of(destination(path));
                there.insert({info.st_dev, info.st_ino});
            }
            if (there.size() > 1) note("not linked", *paths.begin());
        }
        for (const auto& [inode, paths] : inodes_there_) {
            std::set<std::pair<dev_t, ino_t>> here;
            for (const std::string& path : paths) {
                const struct stat info = status_of(source(path));
                here.insert({info.st_dev, info.st_ino});
            }
            if (here.size() > 1) note("wrongly linked", *paths.begin());
        }
    }

    static bool same(const timespec& a, const timespec& b) {
        return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
    }

    void note(const std::string& what, const std::string& path) {
        if (found_.size() < kDifferencesMax) found_.push_back(what + ": " + destination(path));
    }

    const std::string source_;
    const std::string destination_;
    const Look& look_;
    std::map<std::pair<dev_t, ino_t>, std::set<std::string>> inodes_;
    std::map<std::pair<dev_t, ino_t>, std::set<std::string>> inodes_there_;
    std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> differences(const std::string& source, const std::string& destination,
                                     const Look& look) {
    try {
        return Comparison{source, destination, look}.run();
    } catch (const std::exception& thrown) {
        return {thrown.what()};
    }
}

std::vector<std::string> rsync_differences(const std::string& source,
                                           const std::string& destination,
                                           const std::string& flags) {
    std::vector<std::string> command{"/usr/bin/rsync", "-niac", "--delete", "--modify-window=-1"};
    if (!flags.empty()) command.push_back(flags);
    command.insert(command.end(), {source + "/", destination + "/"});
    const Ran ran = run(command, {}, Seconds{600});
    std::vector<std::string> lines;
    std::istringstream output{ran.output};
    for (std::string line; std::getline(output, line);) lines.push_back(line);
    if (ran.exit_code != 0) lines.push_back("rsync ended with " + std::to_string(ran.exit_code));
    return lines;
}

}  // namespace godwit::test_support
