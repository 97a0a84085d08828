// What may happen to a random tree.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <set>
#include <stdexcept>

#include "support/process.h"
#include "support/random_tree.h"
#include "support/tree.h"

namespace godwit::test_support {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kNanoseconds = 1'000'000'000;

struct stat status_of(const fs::path& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) throw std::runtime_error{"gone: " + path.string()};
    return info;
}

std::int64_t mtime_of(const fs::path& path) {
    const struct stat info = status_of(path);
    return info.st_mtim.tv_sec * kNanoseconds + info.st_mtim.tv_nsec;
}

bool is_file(const fs::path& path) {
    return fs::is_regular_file(fs::symlink_status(path));
}
bool is_folder(const fs::path& path) {
    return fs::is_directory(fs::symlink_status(path));
}
bool is_a_fifo(const fs::path& path) {
    return fs::is_fifo(fs::symlink_status(path));
}

}  // namespace

void RandomTree::remove_fifos() {
    for (const Path& path : entries()) {
        if (is_a_fifo(path)) fs::remove(path);
    }
}

void RandomTree::mutate(const Mutations& mutations, int changes) {
    // Two changes of a file could undo what the first promised, e.g. that its size is new.
    std::set<std::pair<dev_t, ino_t>> changed;
    mutating_ = true;
    for (int i = 0; i < changes; ++i) {
        const std::vector<Path> all = entries();
        if (all.empty()) return make_entry({root_});
        const Path path = random_.pick(all);
        const struct stat info = status_of(path);
        if (changed.count({info.st_dev, info.st_ino}) != 0) continue;
        if (!change(path, mutations, all)) continue;
        changed.insert({info.st_dev, info.st_ino});
        if (fs::exists(fs::symlink_status(path))) {
            const struct stat now = status_of(path);
            changed.insert({now.st_dev, now.st_ino});
        }
    }
    // Never empty: then nothing would ever be deleted.
    make_file(fresh_name(root_));
}

bool RandomTree::change(const Path& path, const Mutations& mutations,
                        const std::vector<Path>& all) {
    switch (random_.below(12)) {
    case 0: make_entry(folders()); return false;
    case 1: {
        // A surplus folder, with something in it.
        const Path folder = fresh_name(random_.pick(folders()));
        make_folder(folder);
        make_file(fresh_name(folder));
        give_attributes(folder);
        return false;
    }
    case 2:
    case 3: return change_names(path, all);
    case 4: return mutations.contents && change_links(path, random_.pick(all), mutations);
    case 5: return mutations.contents && mutations.types && change_type(path, mutations);
    case 6:
    case 7:
        if (mutations.contents) change_attributes(path);
        return mutations.contents;
    default: return mutations.contents && change_content(path, mutations);
    }
}

bool RandomTree::change_names(const Path& path, const std::vector<Path>& all) {
    if (random_.chance(50)) {
        // Not most of it at once: there would be little left to look at.
        if (is_folder(path) && random_.chance(60)) return false;
        fs::remove_all(path);
        return false;
    }
    const Path folder = random_.chance(50) ? path.parent_path() : random_.pick(all);
    // Not into itself.
    if (!is_folder(folder) || (folder.native() + "/").starts_with(path.native() + "/"))
        return false;
    if (folder.native().size() > 2000) return false;
    const Path name = fresh_name(folder);
    if (is_folder(path) && name.native().size() > path.native().size() + 300) return false;
    fs::rename(path, name);
    return false;
}

bool RandomTree::change_links(const Path& path, const Path& other, const Mutations& mutations) {
    if (!is_file(path)) return false;
    if (status_of(path).st_nlink > 1) {
        // A copy in its place, which may look alike. With the same holes, which are no difference.
        const Path copy = fresh_name(path.parent_path());
        if (run({"/bin/cp", "-a", "--sparse=auto", "--", path, copy}).exit_code != 0) {
            throw std::runtime_error{"cannot copy " + path.string()};
        }
        fs::rename(copy, path);
        if (!mutations.alike || random_.chance(50)) edit(path, mutations);
        return true;
    }
    if (!mutations.swaps || !is_file(other) || fs::equivalent(path, other)) return false;
    // Empty files are the same whatever their names, and attributes cannot be kept apart.
    if (fs::file_size(path) == 0 || fs::file_size(other) == 0) return false;
    if (settings_.hardlinks && random_.chance(50)) {
        fs::remove(path);
        fs::create_hard_link(other, path);
    } else {
        const Path aside = fresh_name(path.parent_path());
        fs::rename(path, aside);
        fs::rename(other, path);
        fs::rename(aside, other);
    }
    return true;
}

bool RandomTree::change_type(const Path& path, const Mutations& mutations) {
    const bool folder = is_folder(path);
    if (folder && (!mutations.folders || random_.chance(50))) return false;
    if (is_a_fifo(path) && !mutations.fifos) return false;
    const bool file = is_file(path);
    fs::remove_all(path);
    switch (random_.below(3)) {
    case 0:
        if (mutations.folders && !folder) {
            make_folder(path);
            while (random_.chance(60)) make_entry({path});
            give_attributes(path);
            return true;
        }
        break;
    case 1:
        if (mutations.fifos) {
            make_fifo(path);
            return true;
        }
        break;
    default: break;
    }
    file ? make_link(path) : make_file(path);
    return true;
}

bool RandomTree::change_content(const Path& path, const Mutations& mutations) {
    const std::int64_t before = mtime_of(path);
    if (is_file(path) && random_.chance(75)) {
        edit(path, mutations);
    } else if (fs::is_symlink(fs::symlink_status(path)) && random_.chance(75)) {
        fs::remove(path);
        make_link(path);
        age(path, before, mutations);
    } else {
        age(path, before, mutations);  // Touched only.
    }
    return true;
}

void RandomTree::edit(const Path& path, const Mutations& mutations) {
    const std::int64_t before = mtime_of(path);
    const auto size = static_cast<off_t>(fs::file_size(path));
    const int fd = ::open(path.c_str(), O_WRONLY | O_NOFOLLOW);
    if (fd < 0) throw std::runtime_error{"cannot open " + path.string()};
    const std::string piece = std::to_string(random_.next());
    const auto length = static_cast<off_t>(piece.size());
    bool done = true;
    switch (random_.below(mutations.new_size ? 3 : 5)) {
    case 0: done = ::pwrite(fd, piece.data(), piece.size(), size) == length; break;
    case 1: done = ::ftruncate(fd, size + random_.between(1, 100'000)) == 0; break;
    case 2: done = ::ftruncate(fd, size > 0 ? random_.between(0, size - 1) : size + 1) == 0; break;
    default:
        // Within, when it is large enough.
        done = ::pwrite(fd, piece.data(), piece.size(),
                        size > length ? random_.between(0, size - length) : 0) == length;
    }
    ::close(fd);
    if (!done) throw std::runtime_error{"cannot change " + path.string()};
    age(path, before, mutations);
}

// A new time, or with `unseen` perhaps the old one.
void RandomTree::age(const Path& path, std::int64_t from, const Mutations& mutations) {
    constexpr std::int64_t kStepMax = std::int64_t{1} << 28;
    if (mutations.unseen && random_.chance(30)) return set_mtime(path, from);
    const std::int64_t step =
        random_.chance(30) ? 1
                           : random_.between(1, kStepMax) * kNanoseconds + random_.between(0, 9);
    const bool older =
        mutations.aging == Aging::Older || (mutations.aging == Aging::Any && random_.chance(50));
    set_mtime(path, older ? from - step : from + step);
}

void RandomTree::change_attributes(const Path& path) {
    const std::int64_t before = mtime_of(path);
    if (settings_.xattrs && !fs::is_symlink(fs::symlink_status(path)) && random_.chance(30)) {
        for (int i = 0; i < 8; ++i) {
            ::removexattr(path.c_str(), ("user.name-" + std::to_string(i)).c_str());
        }
    }
    if (settings_.acls && !fs::is_symlink(fs::symlink_status(path)) && random_.chance(30)) {
        ::removexattr(path.c_str(), "system.posix_acl_access");
        if (is_folder(path)) ::removexattr(path.c_str(), "system.posix_acl_default");
    }
    give_attributes(path);
    set_mtime(path, before);
}

}  // namespace godwit::test_support
