#include "files/long_directories.h"

#include <utility>

#include "files/attributes.h"
#include "files/listing.h"

namespace godwit::files {

Result<std::shared_ptr<const NameList>> LongDirectories::names_in(int directory, bool goes_on) {
    // Before the names are read: what changes while they are must show as a change.
    const auto attributes = stat_of(directory);
    if (!attributes) return attributes.error();
    if (goes_on) {
        const std::lock_guard lock{mutex_};
        if (kept_ && kept_->device == attributes->device && kept_->inode == attributes->inode &&
            kept_->ctime_ns == attributes->ctime_ns) {
            return kept_->names;
        }
    }
    auto read = files::names_in(directory);
    if (!read) return std::move(read).error();
    auto names = std::make_shared<const NameList>(std::move(*read));
    if (names->size() >= names_min_) {
        const std::lock_guard lock{mutex_};
        kept_ = {attributes->device, attributes->inode, attributes->ctime_ns, names};
    }
    return names;
}

void LongDirectories::leave(int directory) {
    const std::lock_guard lock{mutex_};
    if (!kept_) return;
    const auto attributes = stat_of(directory);
    if (attributes && kept_->device == attributes->device && kept_->inode == attributes->inode) {
        kept_.reset();
    }
}

}  // namespace godwit::files
