// How random trees are made; random_mutations.cpp changes them.
#include "support/random_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "support/tree.h"

namespace godwit::test_support {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kNanoseconds = 1'000'000'000;
constexpr std::size_t kDepthMax = 6;
constexpr std::size_t kNameBytesMax = 255;
constexpr std::size_t kPathBytesMax = 3500;  // rsync and the oracle stop at PATH_MAX.

void check(bool done, const std::string& what, const fs::path& path) {
    if (done) return;
    throw std::runtime_error{"cannot " + what + " " + path.string() + ": " + std::strerror(errno)};
}

// As the kernel takes ACLs, so that no setfacl is needed: a version, then tag, permissions and id
// of each entry, in the order of their tags.
std::string acl_of(std::uint16_t permissions, std::uint32_t user, std::uint32_t group) {
    std::string acl;
    const auto put = [&acl](std::uint32_t value, int bytes) {
        for (int i = 0; i < bytes; ++i) acl += static_cast<char>(value >> (8 * i));
    };
    const auto entry = [&](std::uint32_t tag, std::uint32_t bits, std::uint32_t id) {
        put(tag, 2);
        put(bits & 7U, 2);
        put(id, 4);
    };
    constexpr std::uint32_t kNobody = 0xffffffff;
    put(2, 4);
    entry(0x01, permissions >> 6U, kNobody);  // the owner
    entry(0x02, permissions >> 9U, user);
    entry(0x04, permissions >> 3U, kNobody);  // the group
    entry(0x08, permissions >> 12U, group);
    entry(0x10, permissions >> 4U, kNobody);  // the mask
    entry(0x20, permissions, kNobody);        // others
    return acl;
}

}  // namespace

std::vector<fs::path> RandomTree::folders() const {
    std::vector<Path> found{root_};
    for (const auto& entry : fs::recursive_directory_iterator{root_}) {
        if (fs::is_directory(entry.symlink_status())) found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());  // The file system's order is none.
    return found;
}

std::vector<fs::path> RandomTree::entries() const {
    std::vector<Path> found;
    for (const auto& entry : fs::recursive_directory_iterator{root_}) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

fs::path RandomTree::fresh_name(const Path& folder) {
    std::string name;
    const std::uint64_t room = kPathBytesMax - std::min(kPathBytesMax, folder.native().size());
    const bool any_bytes = random_.chance(25);
    std::uint64_t length = random_.chance(8) ? kNameBytesMax : 1 + random_.below(20);
    // A new name in one of two trees must not be one that the other has had all along.
    if (mutating_) length = std::max<std::uint64_t>(length, 10);
    if (room < 2 * kNameBytesMax) length = 10;
    while (name.size() < length) {
        const char byte = any_bytes ? static_cast<char>(1 + random_.below(255))
                                    : static_cast<char>('a' + random_.below(26));
        if (byte != '/') name += byte;
    }
    const Path path = folder / name;
    if (name != "." && name != ".." && !name.starts_with(".godwit.") &&
        !fs::exists(fs::symlink_status(path))) {
        return path;
    }
    return folder / ("fresh-" + std::to_string(names_++) + "-" + std::to_string(random_.next()));
}

void RandomTree::make(int entries) {
    fs::create_directories(root_);
    std::vector<Path> into{root_};
    for (int i = 0; i < entries; ++i) {
        const Path folder = random_.pick(into);
        const bool deep =
            static_cast<std::size_t>(std::distance(folder.begin(), folder.end()) -
                                     std::distance(root_.begin(), root_.end())) >= kDepthMax;
        if (!deep && random_.chance(18)) {
            into.push_back(fresh_name(folder));
            make_folder(into.back());
        } else {
            make_entry({folder});
        }
    }
    // Last, and the deepest first: what is made in a folder changes its time.
    std::sort(into.rbegin(), into.rend());
    for (const Path& folder : into) give_attributes(folder);
}

void RandomTree::make_entry(const std::vector<Path>& folders) {
    const Path path = fresh_name(random_.pick(folders));
    const std::uint64_t kind = random_.below(100);
    if (settings_.hardlinks && kind < 15) {
        const std::vector<Path> all = entries();
        if (all.empty()) return make_file(path);
        const Path& other = random_.pick(all);
        if (fs::is_directory(fs::symlink_status(other))) return make_file(path);
        check(::link(other.c_str(), path.c_str()) == 0, "link", path);
    } else if (kind < 27) {
        make_link(path);
    } else if (settings_.fifos && kind < 31) {
        make_fifo(path);
    } else {
        make_file(path);
    }
}

void RandomTree::make_file(const Path& path) {
    const auto chunk = static_cast<std::int64_t>(settings_.chunk_bytes);
    std::int64_t size = random_.between(0, 20'000);
    const std::uint64_t kind = random_.below(100);
    if (kind < 12) size = 0;
    if (kind >= 12 && kind < 15) size = chunk * random_.between(1, 2) + random_.between(-1, 1);
    if (kind >= 15 && kind < 20) size = 4096 * random_.between(1, 64);
    if (kind == 20) size = random_.between(0, 5 * chunk / 2);
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
    check(fd >= 0, "make", path);
    write_content(fd, static_cast<std::uint64_t>(size));
    ::close(fd);
    give_attributes(path);
}

// One file in eight has holes, and may be much larger than what is in it.
void RandomTree::write_content(int fd, std::uint64_t size) {
    if (random_.chance(12)) {
        size = random_.below(4 * settings_.chunk_bytes) + 1;
        check(::ftruncate(fd, static_cast<off_t>(size)) == 0, "size", {});
        for (std::uint64_t pieces = random_.below(4); pieces > 0; --pieces) {
            const std::string piece(random_.below(9000) + 1, static_cast<char>(random_.next()));
            const std::uint64_t at = random_.below(size);
            check(::pwrite(fd, piece.data(), std::min<std::uint64_t>(piece.size(), size - at),
                           static_cast<off_t>(at)) > 0,
                  "write", {});
        }
        return;
    }
    std::vector<std::uint64_t> block(1 << 13);
    const bool zeros = random_.chance(5);
    for (std::uint64_t at = 0; at < size;) {
        if (!zeros) std::generate(block.begin(), block.end(), [&] { return random_.next(); });
        const auto count = std::min<std::uint64_t>(block.size() * 8, size - at);
        check(::pwrite(fd, block.data(), count, static_cast<off_t>(at)) ==
                  static_cast<ssize_t>(count),
              "write", {});
        at += count;
    }
}

void RandomTree::make_link(const Path& path) {
    std::string target;
    switch (random_.below(5)) {
    case 0: target = "/nowhere/" + std::to_string(random_.next()); break;
    case 1: target = path.filename().native(); break;
    case 2: target = "../" + root_.filename().native(); break;
    case 3: {
        for (std::uint64_t i = random_.below(1000) + 1; i > 0; --i) {
            target += static_cast<char>(1 + random_.below(255));
        }
        break;
    }
    default: target = random_.pick(folders()).native(); break;
    }
    check(::symlink(target.c_str(), path.c_str()) == 0, "make the link", path);
    give_attributes(path);
}

void RandomTree::make_fifo(const Path& path) {
    check(::mkfifo(path.c_str(), 0600) == 0, "make the FIFO", path);
    give_attributes(path);
}

void RandomTree::make_folder(const Path& path) {
    check(::mkdir(path.c_str(), 0700) == 0, "make the folder", path);
}

// From 1936 to 2242, half of it in whole seconds or nearly.
std::int64_t RandomTree::any_time() {
    const std::int64_t seconds = random_.between(-(std::int64_t{1} << 30), std::int64_t{1} << 33);
    constexpr std::array<std::int64_t, 4> kEdges{0, 1, kNanoseconds - 1, kNanoseconds / 2};
    return seconds * kNanoseconds + (random_.chance(50) ? kEdges[random_.below(kEdges.size())]
                                                        : random_.between(0, kNanoseconds - 1));
}

void RandomTree::give_attributes(const Path& path) {
    const fs::file_type type = fs::symlink_status(path).type();
    if (settings_.owners && random_.chance(60)) {
        check(::lchown(path.c_str(), static_cast<uid_t>(random_.below(70'000)),
                       static_cast<gid_t>(random_.below(70'000))) == 0,
              "give away", path);
    }
    if (type != fs::file_type::symlink) {
        mode_t mode = random_.chance(50) ? 0644 : static_cast<mode_t>(random_.below(010000));
        // Other than root, who made it must still be able to read it.
        if (::geteuid() != 0) mode |= type == fs::file_type::directory ? 0700 : 0600;
        check(::chmod(path.c_str(), mode) == 0, "change the mode of", path);
        if (settings_.acls && random_.chance(15)) give_acl(path, "system.posix_acl_access");
    }
    if (type == fs::file_type::directory && settings_.acls && random_.chance(15)) {
        give_acl(path, "system.posix_acl_default");
    }
    if (type == fs::file_type::directory || type == fs::file_type::regular) {
        while (settings_.xattrs && random_.chance(25)) give_xattr(path);
    }
    set_mtime(path, any_time());
}

void RandomTree::give_acl(const Path& path, const char* kind) {
    const std::string acl = acl_of(static_cast<std::uint16_t>(random_.next()),
                                   static_cast<std::uint32_t>(random_.below(70'000)),
                                   static_cast<std::uint32_t>(random_.below(70'000)));
    check(::setxattr(path.c_str(), kind, acl.data(), acl.size(), 0) == 0, "set the ACL of", path);
}

void RandomTree::give_xattr(const Path& path) {
    const std::string name = "user.name-" + std::to_string(random_.below(8));
    std::string value(random_.chance(80) ? random_.below(40) : random_.below(300), '\0');
    for (char& byte : value) byte = static_cast<char>(random_.next());
    check(::setxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) == 0,
          "set " + name + " of", path);
}

}  // namespace godwit::test_support
