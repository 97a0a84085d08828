#include "files/removal.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "files/attributes.h"
#include "files/listing.h"

namespace godwit::files {
namespace {

using base::UniqueFd;

// Who adds entries as fast as they are removed wants them there.
constexpr int kPassesMax = 8;

// -1 with errno set: EXDEV for what is mounted there, a bind mount too.
UniqueFd open_within(int directory, const std::string& name, std::uint64_t flags) {
    open_how how{};
    how.flags = flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    for (;;) {
        const long fd = ::syscall(SYS_openat2, directory, name.c_str(), &how, sizeof(how));
        if (fd >= 0) return UniqueFd{static_cast<int>(fd)};
        if (errno != EINTR) return {};
    }
}

// Goes down a tree and up again with a descriptor of the place where it is, and with the names of
// what is still to be visited above it. The way up is "..", checked to be where it came from:
// whoever moves a directory while it is removed does not make this work elsewhere.
class TreeRemover {
public:
    TreeRemover(int directory, const RemovalProgress& progress)
        : base_{directory}, progress_{progress} {}

    Result<Removed> run(const std::string& name) {
        remove_entry(name, DT_UNKNOWN);
        while (!levels_.empty() && removed_.complete && !is_lost_) {
            Level& level = levels_.back();
            if (level.next < level.subdirectories.size()) {
                enter_next(level);
            } else {
                leave();
            }
        }
        if (progress_) progress_(removed_);
        if (problem_ && removed_.complete) return *std::move(problem_);
        return removed_;
    }

private:
    struct Level {
        std::string name;
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        NameList subdirectories;
        std::size_t next = 0;  // Of these.
        int passes = 1;
        bool keeps_something = false;  // That is a problem already.
    };

    int here() const noexcept { return levels_.empty() ? base_ : here_.get(); }

    bool may_go_on() {
        if (progress_ && removed_.complete) removed_.complete = progress_(removed_);
        return removed_.complete;
    }

    // ------------------------------------------------------------------------------------- entries

    // A file goes at once; a directory is entered when it is the root, else noted.
    void remove_entry(const std::string& name, unsigned char kind) {
        if (kind == DT_DIR) return note_directory(name);
        const auto attributes = stat_at(here(), name);
        if (!attributes) {
            if (attributes.error().code != Code::NotFound) note(name, attributes.error());
            return;
        }
        if (attributes->type == EntryType::Directory) return note_directory(name);
        if (!may_go_on()) return;
        if (::unlinkat(here(), name.c_str(), 0) == 0) {
            removed_.files += 1;
            if (attributes->type == EntryType::File) removed_.bytes += attributes->size;
        } else if (errno != ENOENT) {
            note(name, base::errno_error("remove"));
        }
    }

    void note_directory(const std::string& name) {
        if (levels_.empty()) {
            enter(name, 1);
        } else {
            levels_.back().subdirectories.add(name);
        }
    }

    // -----------------------------------------------------------------------------------
    // directories

    void enter_next(Level& level) {
        const std::string name{level.subdirectories[level.next++]};
        // In a deep tree all levels above have nothing left, and take no room for it.
        if (level.next == level.subdirectories.size()) {
            level.subdirectories = {};
            level.next = 0;
        }
        enter(name, 1);
    }

    void enter(const std::string& name, int passes) {
        UniqueFd fd = open_within(here(), name, O_RDONLY);
        if (!fd && errno == EACCES && allow(name)) fd = open_within(here(), name, O_RDONLY);
        if (!fd) {
            const int error_number = errno;
            // It was replaced by something else, or is gone: what there is now is removed.
            if (error_number == ENOENT) return;
            if (error_number == ENOTDIR || error_number == ELOOP) return remove_entry(name, DT_REG);
            return note(name, base::errno_error("enter", error_number));
        }
        auto attributes = stat_of(fd.get());
        if (!attributes) return note(name, attributes.error());
        // A subvolume is no mount, but another file system all the same.
        if (levels_.empty()) {
            device_ = attributes->device;
        } else if (attributes->device != device_) {
            return note(name, base::errno_error("enter", EXDEV));
        }
        if ((attributes->mode & S_IRWXU) != S_IRWXU && attributes->uid == ::geteuid()) {
            ::fchmod(fd.get(), attributes->mode | S_IRWXU);
        }
        levels_.push_back({name, attributes->device, attributes->inode, {}, 0, passes, false});
        here_ = std::move(fd);
        remove_entries();
    }

    void remove_entries() {
        const auto status = for_each_entry(here(), [&](const char* name, unsigned char kind) {
            remove_entry(name, kind);
            return removed_.complete;
        });
        // Removed by somebody else, it cannot be read any more.
        if (!status && status.error().code != Code::NotFound) note("", status.error());
    }

    // Gives the owner of a directory the rights to it that it denies.
    bool allow(const std::string& name) const {
        const UniqueFd fd = open_within(here(), name, O_PATH);
        const auto attributes = fd ? stat_of(fd.get()) : Result<Attributes>{Error{}};
        if (!attributes || attributes->uid != ::geteuid()) return false;
        const std::string link = "/proc/self/fd/" + std::to_string(fd.get());
        return ::chmod(link.c_str(), attributes->mode | S_IRWXU) == 0;
    }

    void leave() {
        if (!may_go_on()) return;
        const Level left = std::move(levels_.back());
        levels_.pop_back();
        if (!levels_.empty() && !go_up()) return;
        if (left.keeps_something) return keep();
        if (::unlinkat(here(), left.name.c_str(), AT_REMOVEDIR) == 0) {
            removed_.directories += 1;
        } else if ((errno == ENOTEMPTY || errno == EEXIST) && left.passes < kPassesMax) {
            enter(left.name, left.passes + 1);  // Something was added meanwhile.
        } else if (errno != ENOENT) {
            note(left.name, base::errno_error("remove"));
        }
    }

    bool go_up() {
        UniqueFd parent{::openat(here_.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC)};
        const auto attributes = parent ? stat_of(parent.get()) : Result<Attributes>{Error{}};
        const Level& expected = levels_.back();
        is_lost_ = !attributes || attributes->inode != expected.inode ||
                   attributes->device != expected.device;
        if (is_lost_) note("", base::errno_error("go up: moved meanwhile", ESTALE));
        here_ = std::move(parent);
        return !is_lost_;
    }

    // ------------------------------------------------------------------------------------ problems

    void keep() {
        if (!levels_.empty()) levels_.back().keeps_something = true;
    }

    void note(const std::string& name, Error error) {
        keep();
        if (problem_) return;
        std::string path;
        for (const Level& level : levels_) path += level.name + "/";
        problem_ = wrap(std::move(error), "remove '" + base::printable(path + name) + "'");
    }

    const int base_;
    const RemovalProgress& progress_;
    std::uint64_t device_ = 0;
    UniqueFd here_;
    std::vector<Level> levels_;
    Removed removed_;
    std::optional<Error> problem_;
    bool is_lost_ = false;
};

}  // namespace

Result<Removed> remove_tree(int directory, const std::string& name,
                            const RemovalProgress& progress) {
    return TreeRemover{directory, progress}.run(name);
}

}  // namespace godwit::files
