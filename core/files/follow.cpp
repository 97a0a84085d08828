#include "files/follow.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <vector>

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "files/listing.h"
#include "files/root.h"
#include "godwit/sdk/types.h"

namespace godwit::files {
namespace {

constexpr int kLinksMax = 40;  // As the kernel's (path_resolution(7)).

// Components still to be looked up, the next one last.
class Agenda {
public:
    void put(std::string_view path) {
        while (!path.empty()) {
            const std::size_t slash = path.rfind('/');
            const std::string_view name =
                slash == std::string_view::npos ? path : path.substr(slash + 1);
            if (!name.empty() && name != ".") names_.emplace_back(name);
            path = path.substr(0, slash == std::string_view::npos ? 0 : slash);
        }
    }
    bool empty() const noexcept { return names_.empty(); }
    std::string take() {
        std::string name = std::move(names_.back());
        names_.pop_back();
        return name;
    }

private:
    std::vector<std::string> names_;
};

Error outside(std::string_view path) {
    return base::errno_error("follow '" + base::printable(path) + "'", EXDEV);
}

}  // namespace

Result<std::string> follow_links(int storage, const std::string& storage_path,
                                 std::string_view path) {
    Agenda agenda;
    agenda.put(path);
    std::string at;
    int links = 0;
    while (!agenda.empty()) {
        const std::string name = agenda.take();
        if (name == "..") {
            if (at.empty()) return outside(path);
            at = split(at).directory;
            continue;
        }
        const auto folder = open_beneath(storage, at);
        if (!folder) return folder.error();
        const auto attributes = stat_at(folder->get(), name);
        if (!attributes) return attributes.error();
        if (attributes->type != EntryType::Symlink) {
            at = join(at, name);
            continue;
        }
        if (++links > kLinksMax) {
            return base::errno_error("follow '" + base::printable(path) + "'", ELOOP);
        }
        const auto target = read_link(folder->get(), name);
        if (!target) return target.error();
        if (!target->starts_with('/')) {
            agenda.put(*target);
            continue;
        }
        if (!sdk::is_beneath(*target, storage_path)) return outside(path);
        at.clear();
        agenda.put(std::string_view{*target}.substr(storage_path == "/" ? 1 : storage_path.size()));
    }
    return at;
}

}  // namespace godwit::files
