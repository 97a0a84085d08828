// The end of a request at the destination: attributes of directories, leftovers, deletes.
#include <fcntl.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "files/listing.h"
#include "files/removal.h"
#include "transfer/destination.h"

namespace godwit::transfer {
namespace {

Error bad_message(const std::string& what) {
    return {Code::InvalidArgument, what};
}

}  // namespace

peer::DirectoriesDone Destination::set_directories(const peer::Directories& directories) {
    peer::DirectoriesDone done;
    for (int i = 0; i < directories.directories_size() && check_wanted(); ++i) {
        const auto losses = set_directory(directories.directories(i));
        if (losses) {
            peer::Losses& sum = *done.mutable_losses();
            sum.set_owner(sum.owner() || losses->owner());
            sum.set_xattrs(sum.xattrs() || losses->xattrs());
            sum.set_acls(sum.acls() || losses->acls());
            continue;
        }
        peer::FileProblem& problem = *done.add_problems();
        problem.set_index(static_cast<std::uint32_t>(i));
        *problem.mutable_failure() =
            to_message(files::destination_code(losses.error()), losses.error());
    }
    return done;
}

Result<peer::Losses> Destination::set_directory(const work::DirectoryAttributes& wanted) {
    if (!is_plain_path(wanted.path())) return bad_message("a path that is not plain");
    auto directory = open_directory(wanted.path());
    if (!directory) return std::move(directory).error();
    // All copies are done, and no other request works in here: temporaries are orphans.
    if (auto status = sweep(directory->get()); !status) return std::move(status).error();
    peer::Losses losses;
    const auto applied = files::apply_to_file(
        directory->get(), from_message(wanted.attributes(), files::EntryType::Directory));
    if (!applied) return applied.error();
    if (const auto finish = finish_of(wanted.xattrs(), losses)) {
        if (auto status = finish(directory->get()); !status) return std::move(status).error();
    }
    if (auto status = sync_folder(directory->get()); !status) return std::move(status).error();
    losses.set_owner(!applied->owner_kept);
    return losses;
}

Status Destination::sweep(int directory) {
    const auto orphans = files::temporaries_in(directory);
    if (!orphans) return orphans.status();
    for (const std::string& orphan : *orphans) {
        // The registry of links is a directory.
        if (auto removed = files::remove_tree(directory, orphan); !removed) return removed.status();
    }
    return {};
}

// No listing names the temporaries that keep a surplus directory from being empty.
Status Destination::sweep_below(int directory, const std::string& name) {
    const base::UniqueFd below{
        ::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!below) return base::errno_error("enter '" + base::printable(name) + "'");
    const auto orphans = files::temporaries_in(below.get());
    if (orphans && orphans->empty()) return {};
    open_up(below.get());
    return sweep(below.get());
}

peer::Removed Destination::remove(const peer::Remove& remove) {
    peer::Removed removed;
    std::uint32_t index = 0;
    for (const peer::Removal& removal : remove.removals()) {
        const auto directory = is_plain_path(removal.directory())
                                   ? open_directory(removal.directory())
                                   : bad_message("a path that is not plain");
        for (const std::string& name : removal.names()) {
            if (!check_wanted()) return removed;
            const Status status =
                directory ? remove_one(directory->get(), name, removed) : directory.status();
            if (!status && status.error().code != Code::NotFound) {
                peer::FileProblem& problem = *removed.add_problems();
                problem.set_index(index);
                *problem.mutable_failure() =
                    to_message(files::destination_code(status.error()), status.error());
            }
            ++index;
        }
    }
    return removed;
}

Status Destination::remove_one(int directory, const std::string& name, peer::Removed& removed) {
    if (!is_plain_name(name)) return bad_message("a name that is not plain");
    if (manner_.look_only()) return bad_message("a dry run removes nothing");
    const auto attributes = files::stat_at(directory, name);
    if (!attributes) return attributes.status();
    const bool is_directory = attributes->type == files::EntryType::Directory;
    const auto unlink = [&] {
        return ::unlinkat(directory, name.c_str(), is_directory ? AT_REMOVEDIR : 0) == 0;
    };
    bool is_removed = unlink();
    if (!is_removed && errno == EACCES && open_up(directory)) is_removed = unlink();
    if (!is_removed && errno == ENOTEMPTY) {
        if (auto status = sweep_below(directory, name); !status) return status;
        is_removed = unlink();
    }
    if (!is_removed) return base::errno_error("remove '" + base::printable(name) + "'");
    removed.set_entries(removed.entries() + 1);
    if (attributes->type == files::EntryType::File) {
        removed.set_bytes(removed.bytes() + attributes->size);
    }
    return {};
}

}  // namespace godwit::transfer
