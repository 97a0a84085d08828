#include "transfer/destination.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <shared_mutex>
#include <utility>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/path.h"
#include "files/granularity.h"
#include "files/listing.h"
#include "files/removal.h"
#include "godwit/sdk/types.h"

namespace godwit::transfer {
namespace {

using base::UniqueFd;

constexpr std::uint32_t kParentMode = 0777;

const base::Log kLog{"peer"};

Error bad_message(const std::string& what) {
    return {Code::InvalidArgument, what};
}

files::Durability durability_of(peer::Durability durability) {
    switch (durability) {
    case peer::FILE_DATA: return files::Durability::File;
    case peer::FILE_AND_DIRECTORY: return files::Durability::FileAndDirectory;
    default: return files::Durability::None;
    }
}

peer::Opened::Found found_of(files::EntryType type) {
    switch (type) {
    case files::EntryType::Directory: return peer::Opened::DIRECTORY;
    case files::EntryType::File: return peer::Opened::FILE;
    default: return peer::Opened::OTHER;
    }
}

void describe(int directory, peer::Opened& opened) {
    opened.set_found(peer::Opened::DIRECTORY);
    opened.set_time_granularity_ns(
        static_cast<std::uint64_t>(files::time_granularity_ns(directory)));
}

// Of a directory that was to be opened.
bool is_in_the_way(const Error& why) noexcept {
    return why.native == ENOTDIR || why.native == ELOOP;
}

// What stands at `path`, found without following a symlink in the last place. `opened` also says
// what the nearest directory above can do, so that a dry run knows.
Status look_at(int storage, const std::string& storage_path, const std::string& path,
               peer::Opened& opened) {
    const auto whole = files::Tree::open(storage, storage_path, path);
    if (whole) {
        // A link to a directory inside of the storage path will do as a root.
        describe(whole->fd(), opened);
        return {};
    }
    if (path == storage_path) return whole.status();
    const files::SplitPath split = files::split(path);
    const std::string parent = split.directory.empty() ? "/" : std::string{split.directory};
    const auto folder = files::Tree::open(storage, storage_path, parent);
    if (!folder) {
        if (folder.error().code != Code::NotFound) return folder.status();
        auto status = look_at(storage, storage_path, parent, opened);
        opened.set_found(peer::Opened::NOTHING);
        return status;
    }
    describe(folder->fd(), opened);
    opened.set_found(peer::Opened::NOTHING);
    const auto attributes = files::stat_at(folder->fd(), std::string{split.name});
    if (!attributes)
        return attributes.error().code == Code::NotFound ? Status{} : attributes.status();
    opened.set_found(found_of(attributes->type));
    return {};
}

}  // namespace

Result<std::shared_ptr<Destination>> Destination::open(const peer::Open& open,
                                                       std::span<const std::string> storage_paths,
                                                       Ledger& ledger, IsGivenUp is_given_up) {
    auto path = base::normalise_path(open.destination_path());
    if (!path) return wrap(std::move(path).error(), "destination path");
    std::shared_ptr<Destination> made{new Destination};
    sdk::Worker self;
    self.storage_paths.assign(storage_paths.begin(), storage_paths.end());
    made->storage_path_ = sdk::mount_of(self, *path);
    if (made->storage_path_.empty()) {
        return Error{Code::InvalidArgument,
                     "'" + base::printable(*path) +
                         "' lies beneath no storage path that is mounted on this worker",
                     ENODEV};
    }
    auto storage = files::open_storage(made->storage_path_);
    if (!storage) return std::move(storage).error();
    made->storage_ = std::move(*storage);
    if (auto status = look_at(made->storage_.get(), made->storage_path_, *path, made->opened_);
        !status) {
        return wrap(std::move(status).error(), "look at '" + base::printable(*path) + "'");
    }
    made->opened_.set_sets_owners(files::may_set_owners());
    made->root_ = *path;
    made->is_tree_ = open.roots() == work::TREES;
    if (open.roots() == work::FILE_TO_FILE) {
        const files::SplitPath split = files::split(*path);
        made->renamed_ = split.name;
        made->root_ = split.directory.empty() ? "/" : std::string{split.directory};
        if (!sdk::is_beneath(made->root_, made->storage_path_)) {
            return bad_message("a storage path itself cannot be replaced by a file");
        }
    }
    made->request_ = {open.request_id(), open.generation()};
    made->manner_ = open.manner();
    made->durability_ = durability_of(open.manner().durability());
    made->nonce_ = base::random_u64();
    made->ledger_ = &ledger;
    made->is_given_up_ = std::move(is_given_up);
    return made;
}

Destination::~Destination() {
    for (const auto& [key, shared] : shared_) {
        if (!shared->alone) continue;  // Other assignments go on with it.
        const std::lock_guard lock{shared->temporary->mutex};
        if (std::exchange(shared->temporary->sealed, true)) continue;
        ledger_->retire(request_, shared->place);
        if (shared->place.is_final) continue;
        if (auto status = files::remove_temporary(shared->directory.get(), shared->place.name);
            !status) {
            kLog.warning("temporary not removed",
                         {{"request", request_.id}, {"reason", status.error().message}});
        }
    }
}

Status Destination::check_wanted() const {
    if (!is_given_up_ || !is_given_up_()) return {};
    return Error{Code::Cancelled, "whoever had it written was given up"};
}

Result<const files::Tree*> Destination::tree() {
    const std::lock_guard lock{mutex_};
    if (!tree_) {
        auto opened = files::Tree::open(storage_.get(), storage_path_, root_);
        if (!opened && opened.error().code == Code::NotFound) {
            root_was_there_ = false;
            if (!manner_.look_only()) {
                opened = files::Tree::open_or_make(storage_.get(), storage_path_, root_);
                auto synced = opened ? sync_above_root() : Status{};
                if (!synced) return std::move(synced).error();
            }
        }
        if (!opened) return std::move(opened).error();
        tree_ = std::move(*opened);
        storage_.reset();
    }
    return &*tree_;
}

Result<Destination::Entered> Destination::enter(const std::string& path, std::uint32_t mode,
                                                bool make) {
    const auto opened = tree();
    if (!opened) return opened.error();
    auto directory = make ? open_directory(path) : (*opened)->open_directory(path);
    if (directory) {
        const std::lock_guard lock{mutex_};
        // Created for the first who asks.
        const bool created = path.empty() && !std::exchange(root_was_there_, true);
        return Entered{std::move(*directory), created};
    }
    const bool in_the_way = is_in_the_way(directory.error());
    const bool missing = directory.error().code == Code::NotFound;
    if (!make || path.empty() || manner_.look_only() ||
        !(missing || (in_the_way && manner_.replace_type()))) {
        return std::move(directory).error();
    }
    const files::SplitPath split = files::split(path);
    auto parent = enter(std::string{split.directory}, kParentMode, true);
    if (!parent) return parent;
    const auto made = make_directory(parent->directory.get(), std::string{split.name}, mode);
    if (!made) return made.error();
    directory = (*opened)->open_directory(path);
    if (!directory) return std::move(directory).error();
    return Entered{std::move(*directory), *made == files::Made::Created};
}

Result<UniqueFd> Destination::open_directory(const std::string& path) {
    const auto opened = tree();
    if (!opened) return opened.error();
    auto directory = (*opened)->open_directory(path);
    if (directory || directory.error().native != EACCES) return directory;
    const auto closed = files::open_beneath((*opened)->fd(), path);
    if (!closed || !open_up(closed->get())) return directory;
    return (*opened)->open_directory(path);
}

bool Destination::open_up(int directory) const {
    if (!is_tree_ || manner_.look_only()) return false;
    const auto there = files::stat_of(directory);
    const bool denies = there && (there->mode & S_IRWXU) != S_IRWXU;
    if (!denies || there->uid != ::geteuid()) return false;
    // It may be O_PATH.
    const std::string link = "/proc/self/fd/" + std::to_string(directory);
    return ::chmod(link.c_str(), there->mode | S_IRWXU) == 0;
}

Result<UniqueFd> Destination::enter(const std::string& path) {
    auto entered = enter(path, kParentMode, true);
    if (!entered) return std::move(entered).error();
    return std::move(entered->directory);
}

Result<files::Made> Destination::make_directory(int parent, const std::string& name,
                                                std::uint32_t mode) {
    auto made = replacing(parent, name, Kind::Directory,
                          [&] { return files::make_directory(parent, name, mode); });
    if (made && *made == files::Made::Created) {
        if (auto status = sync_folder(parent); !status) return std::move(status).error();
    }
    return made;
}

Status Destination::sync_folder(int directory) const {
    if (durability_ != files::Durability::FileAndDirectory || ::fsync(directory) == 0) return {};
    return base::errno_error("write the directory to the medium");
}

Status Destination::sync_above_root() const {
    if (durability_ != files::Durability::FileAndDirectory) return {};
    for (std::string path = root_; path != storage_path_;) {
        const std::string_view above = files::split(path).directory;
        path = above.empty() ? "/" : std::string{above};
        const auto tree = files::Tree::open(storage_path_, path);
        const auto folder = tree ? tree->open_directory("") : Result<UniqueFd>{tree.error()};
        // What may be passed through and not be read cannot be flushed.
        if (!folder && folder.error().native == EACCES) continue;
        if (!folder) return folder.status();
        if (auto status = sync_folder(folder->get()); !status) return status;
    }
    return {};
}

bool Destination::gives_way(const Error& why) const noexcept {
    const bool in_the_way = why.native == ENOTDIR || why.native == EISDIR || why.native == ELOOP ||
                            why.native == EEXIST || why.native == ENOTEMPTY;
    return manner_.replace_type() && in_the_way;
}

bool Destination::would_be_made(const Error& why) const noexcept {
    if (!manner_.look_only()) return false;
    return why.code == Code::NotFound || (manner_.replace_type() && is_in_the_way(why));
}

Result<std::string> Destination::put_aside(int directory, const std::string& name,
                                           Kind kind) const {
    // Assignments of this agent look and rename one after the other; those of others may come
    // between.
    static std::mutex one_at_a_time;
    const std::lock_guard lock{one_at_a_time};
    const auto is_of_another_kind = [&](const std::string& entry) {
        const auto there = files::stat_at(directory, entry);
        return there && (there->type == files::EntryType::Directory) != (kind == Kind::Directory);
    };
    // Others of this request may have replaced it already,
    if (!is_of_another_kind(name)) return std::string{};
    std::string aside = files::temporary_name(name, base::random_u64());
    if (::renameat(directory, name.c_str(), directory, aside.c_str()) != 0) return std::string{};
    // or just now: then what went aside is theirs, with all that is in it.
    if (is_of_another_kind(aside)) return aside;
    if (put_back(directory, name, aside, kind)) return std::string{};
    return base::errno_error("'" + base::printable(name) +
                             "' is what another agent has brought; it is '" + aside +
                             "' now, and cannot be renamed");
}

bool Destination::put_back(int directory, const std::string& name, const std::string& aside,
                           Kind kind) {
    if (::renameat2(directory, aside.c_str(), directory, name.c_str(), RENAME_NOREPLACE) == 0) {
        return true;
    }
    // Network file systems know no such flag. What a directory replaces is an empty one.
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) return false;
    if (kind == Kind::Directory) {
        return ::renameat(directory, aside.c_str(), directory, name.c_str()) == 0;
    }
    return ::linkat(directory, aside.c_str(), directory, name.c_str(), 0) == 0 &&
           ::unlinkat(directory, aside.c_str(), 0) == 0;
}

// Should it stay, it goes as orphans do.
void Destination::end_aside(int directory, const std::string& name, const std::string& aside,
                            bool replaced) const {
    Status status;
    if (replaced) {
        if (auto removed = files::remove_tree(directory, aside); !removed)
            status = removed.status();
    } else if (::renameat(directory, aside.c_str(), directory, name.c_str()) != 0) {
        status = base::errno_error("put back '" + base::printable(name) + "'");
    }
    if (status) return;
    kLog.warning("what gave way to another kind of entry is left under a hidden name",
                 {{"request", request_.id}, {"name", aside}, {"reason", status.error().message}});
}

// Of a single file that gets the destination's name, what stands there in its place may be a
// directory.
std::string Destination::target_path(const std::string& path) const {
    if (renamed_.empty() || path.empty()) return path;
    const std::size_t slash = path.find('/');
    return renamed_ + (slash == std::string::npos ? "" : path.substr(slash));
}

std::string Destination::target_name(const std::string& name) const {
    return renamed_.empty() ? name : renamed_;
}

files::XattrSelection Destination::xattr_selection() const noexcept {
    return {manner_.xattrs(), manner_.acls()};
}

files::Times Destination::times() const noexcept {
    return manner_.atime() ? files::Times::ModifiedAndAccessed : files::Times::Modified;
}

files::Finish Destination::finish_of(const google::protobuf::RepeatedPtrField<work::Xattr>& xattrs,
                                     peer::Losses& losses) const {
    const files::XattrSelection selection = xattr_selection();
    if (!selection.any()) return {};
    return [selection, &xattrs, &losses](int fd) -> Status {
        const auto applied = files::apply_xattrs(fd, from_message(xattrs), selection);
        if (!applied) return applied.status();
        losses.set_xattrs(losses.xattrs() || !applied->xattrs_kept);
        losses.set_acls(losses.acls() || !applied->acls_kept);
        return {};
    };
}

Result<LinkRegistry*> Destination::links() {
    const auto opened = tree();
    if (!opened) return opened.error();
    const std::lock_guard lock{mutex_};
    if (!links_) {
        auto root = (*opened)->open_directory("");
        if (!root) return std::move(root).error();
        links_root_ = std::move(*root);
        // Should the request end before its last step, the folder goes as temporaries go.
        ledger_->temporary(request_, {storage_path_, root_, "",
                                      LinkRegistry::folder_name(request_.generation), false});
        links_.emplace(links_root_.get(), request_.generation);
    }
    return &*links_;
}

}  // namespace godwit::transfer
