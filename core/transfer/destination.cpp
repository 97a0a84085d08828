#include "transfer/destination.h"

#include <fcntl.h>

#include <shared_mutex>
#include <utility>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/path.h"
#include "files/listing.h"
#include "godwit/sdk/types.h"

namespace godwit::transfer {
namespace {

using base::UniqueFd;
using files::Applied;
using files::NewFile;

constexpr std::uint32_t kParentMode = 0777;

const base::Log kLog{"peer"};

Error too_late() {
    return {Code::Conflict, "the file was published or given up meanwhile"};
}

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

// What stands at `path`, found without following a symlink in the last place.
Result<peer::Opened::Found> look_at(const std::string& storage_path, const std::string& path) {
    if (path == storage_path) return peer::Opened::DIRECTORY;
    const files::SplitPath split = files::split(path);
    const std::string parent = split.directory.empty() ? "/" : std::string{split.directory};
    auto tree = files::Tree::open(storage_path, parent);
    if (!tree) {
        if (tree.error().code == Code::NotFound) return peer::Opened::NOTHING;
        return std::move(tree).error();
    }
    const auto attributes = files::stat_at(tree->fd(), std::string{split.name});
    if (attributes) {
        if (attributes->type != files::EntryType::Symlink) return found_of(attributes->type);
        // A link to a directory inside of the storage path will do as a root.
        return files::Tree::open(storage_path, path) ? peer::Opened::DIRECTORY
                                                     : peer::Opened::OTHER;
    }
    if (attributes.error().code == Code::NotFound) return peer::Opened::NOTHING;
    return attributes.error();
}

std::string key_of(const std::string& directory, const std::string& name, std::uint64_t temporary) {
    return base::to_hex(temporary) + directory + "/" + name;
}

}  // namespace

Result<std::shared_ptr<Destination>> Destination::open(const peer::Open& open,
                                                       std::span<const std::string> storage_paths,
                                                       Ledger& ledger) {
    auto path = base::normalise_path(open.destination_path());
    if (!path) return wrap(std::move(path).error(), "destination path");
    std::shared_ptr<Destination> made{new Destination};
    sdk::Worker self;
    self.storage_paths.assign(storage_paths.begin(), storage_paths.end());
    made->storage_path_ = sdk::mount_of(self, *path);
    if (made->storage_path_.empty()) {
        return Error{Code::InvalidArgument,
                     "'" + base::printable(*path) + "' lies beneath no storage path of this worker",
                     ENODEV};
    }
    auto found = look_at(made->storage_path_, *path);
    if (!found) return wrap(std::move(found).error(), "look at '" + base::printable(*path) + "'");
    made->found_ = *found;
    made->root_ = *path;
    if (open.roots() == work::FILE_TO_FILE) {
        const files::SplitPath split = files::split(*path);
        made->renamed_ = split.name;
        made->root_ = split.directory.empty() ? "/" : std::string{split.directory};
        if (!sdk::is_beneath(made->root_, made->storage_path_)) {
            return bad_message("a storage path itself cannot be replaced by a file");
        }
    }
    made->request_ = {open.request_id(), open.generation()};
    made->durability_ = durability_of(open.durability());
    made->nonce_ = base::random_u64();
    made->ledger_ = &ledger;
    return made;
}

Result<const files::Tree*> Destination::tree() {
    const std::lock_guard lock{mutex_};
    if (!tree_) {
        auto opened = files::Tree::open(storage_path_, root_);
        if (!opened && opened.error().code == Code::NotFound) {
            root_was_there_ = false;
            opened = files::Tree::open_or_make(storage_path_, root_);
        }
        if (!opened) return std::move(opened).error();
        tree_ = std::move(*opened);
    }
    return &*tree_;
}

Result<UniqueFd> Destination::enter(const std::string& path, std::uint32_t mode, bool& created) {
    created = false;
    const auto opened = tree();
    if (!opened) return opened.error();
    auto directory = (*opened)->open_directory(path);
    if (directory) {
        const std::lock_guard lock{mutex_};
        if (path.empty() && !root_was_there_) {
            created = true;
            root_was_there_ = true;  // Created for the first who asks.
        }
        return directory;
    }
    if (directory.error().code != Code::NotFound || path.empty()) return directory;

    const files::SplitPath split = files::split(path);
    auto parent = enter(std::string{split.directory}, kParentMode, created);
    if (!parent) return parent;
    const auto made = files::make_directory(parent->get(), std::string{split.name}, mode);
    if (!made) return made.error();
    created = *made == files::Made::Created;
    return (*opened)->open_directory(path);
}

Result<UniqueFd> Destination::enter(const std::string& path) {
    bool created = false;
    return enter(path, kParentMode, created);
}

std::string Destination::target_name(const std::string& name) const {
    return renamed_.empty() ? name : renamed_;
}

// ---------------------------------------------------------------------------------------- planning

peer::Viewed Destination::view(const peer::View& view) {
    peer::Viewed viewed;
    for (const peer::DirectoryQuestion& question : view.directories()) {
        *viewed.add_directories() = answer(question);
    }
    return viewed;
}

peer::DirectoryAnswer Destination::answer(const peer::DirectoryQuestion& question) {
    peer::DirectoryAnswer answer;
    if (!is_plain_path(question.path())) {
        *answer.mutable_failure() =
            to_message(base::FileCode::Internal, bad_message("a path that is not plain"));
        return answer;
    }
    bool created = false;
    auto directory = enter(question.path(), question.mode(), created);
    if (!directory) {
        *answer.mutable_failure() =
            to_message(files::destination_code(directory.error()), directory.error());
        return answer;
    }
    answer.set_created(created);
    if (created) return answer;
    const auto attributes = files::stat_of(directory->get());
    if (attributes) *answer.mutable_attributes() = to_message(*attributes);
    look_up(directory->get(), question, answer);
    return answer;
}

void Destination::look_up(int directory, const peer::DirectoryQuestion& question,
                          peer::DirectoryAnswer& answer) {
    for (int i = 0; i < question.names_size(); ++i) {
        const std::string name = target_name(question.names(i));
        if (!is_plain_name(name)) continue;
        const auto attributes = files::stat_at(directory, name);
        if (!attributes) continue;  // Not there; what else is wrong shows when it is written.
        peer::FoundEntry& found = *answer.add_entries();
        found.set_index(static_cast<std::uint32_t>(i));
        found.set_type(static_cast<std::uint32_t>(attributes->type));
        *found.mutable_attributes() = to_message(*attributes);
        if (attributes->type == files::EntryType::Symlink) {
            if (auto target = files::read_link(directory, name)) {
                found.set_link_target(std::move(*target));
            }
        }
    }
}

// ------------------------------------------------------------------------------------- whole files

Result<peer::FilesDone> Destination::write_files(const peer::Files& files, Bytes data) {
    std::uint64_t wanted = 0;
    for (const work::DirectoryFiles& directory : files.directories()) {
        if (!is_plain_path(directory.path())) return bad_message("a path that is not plain");
        for (const work::FileEntry& entry : directory.files()) {
            if (!is_plain_name(entry.name())) return bad_message("a name that is not plain");
            if (has_content(entry)) wanted += entry.attributes().size();
            if (wanted > data.size()) return bad_message("files longer than their segment");
        }
    }
    if (wanted != data.size()) return bad_message("files shorter than their segment");

    peer::FilesDone done;
    std::uint32_t index = 0;
    std::size_t offset = 0;
    for (const work::DirectoryFiles& files_of : files.directories()) {
        const auto directory = enter(files_of.path());
        for (const work::FileEntry& entry : files_of.files()) {
            const std::size_t size = has_content(entry) ? entry.attributes().size() : 0;
            const auto applied =
                directory ? write_one(directory->get(), entry, data.subspan(offset, size))
                          : Result<Applied>{directory.error()};
            offset += size;
            if (!applied) {
                peer::FileProblem& problem = *done.add_problems();
                problem.set_index(index);
                *problem.mutable_failure() =
                    to_message(files::destination_code(applied.error()), applied.error());
            } else if (!applied->owner_kept) {
                done.set_owner_dropped(true);
            }
            ++index;
        }
    }
    return done;
}

Result<Applied> Destination::write_one(int directory, const work::FileEntry& entry, Bytes data) {
    const std::string name = target_name(entry.name());
    const files::Attributes wanted = from_message(entry.attributes(), from_message(entry.type()));
    if (entry.attributes_only()) return files::apply_at(directory, name, wanted);
    if (entry.type() == work::SYMLINK) {
        return files::publish_symlink(directory, name, entry.link_target(), wanted, nonce_);
    }
    auto file = NewFile::create(directory, files::temporary_name(name, nonce_));
    if (!file) return std::move(file).error();
    if (auto status = file->write_at(data, 0); !status) return std::move(status).error();
    return file->publish(name, wanted, durability_);
}

Result<Applied> Destination::copy_file(const std::string& path, const work::FileEntry& entry,
                                       const SourceFile* source) {
    auto directory = enter(path);
    if (!directory) return std::move(directory).error();
    if (source == nullptr) return write_one(directory->get(), entry, {});
    const std::string name = target_name(entry.name());
    const files::Attributes wanted = from_message(entry.attributes(), files::EntryType::File);
    auto file = NewFile::create(directory->get(), files::temporary_name(name, nonce_));
    if (!file) return std::move(file).error();
    const auto copied = files::copy_bytes(source->fd(), file->fd(), 0, wanted.size);
    if (!copied) return copied.error();
    if (*copied != wanted.size || !source->is_unchanged()) {
        return Error{Code::Conflict, "the file changed while it was copied"};
    }
    return file->publish(name, wanted, durability_);
}

// ------------------------------------------------------------------------------------- large files

TemporaryPlace Destination::place_of(const std::string& directory, const std::string& name,
                                     std::uint64_t temporary) const {
    return {storage_path_, root_, directory, files::temporary_name(target_name(name), temporary)};
}

Result<std::shared_ptr<Destination::SharedFile>> Destination::shared_file(
    const peer::Range& range) {
    if (!is_plain_path(range.directory()) || !is_plain_name(range.name())) {
        return bad_message("a path that is not plain");
    }
    const std::string key = key_of(range.directory(), range.name(), range.temporary());
    {
        const std::lock_guard lock{mutex_};
        if (const auto found = shared_.find(key); found != shared_.end()) return found->second;
    }
    const TemporaryPlace place = place_of(range.directory(), range.name(), range.temporary());
    auto opened = std::make_shared<SharedFile>();
    opened->place = place;
    opened->alone = range.alone();
    opened->temporary = ledger_->temporary(request_, place);
    auto entered = enter(range.directory());
    if (!entered) return std::move(entered).error();
    opened->directory = std::move(*entered);
    {
        const std::shared_lock writing{opened->temporary->mutex};
        if (opened->temporary->sealed) return too_late();
        auto file = NewFile::open_shared(opened->directory.get(), place.name, range.file_size());
        if (!file) return std::move(file).error();
        opened->file = std::move(*file);
    }
    const std::lock_guard lock{mutex_};
    return shared_.emplace(key, std::move(opened)).first->second;
}

std::shared_ptr<Destination::SharedFile> Destination::take_shared_file(const std::string& directory,
                                                                       const std::string& name,
                                                                       std::uint64_t temporary) {
    const std::lock_guard lock{mutex_};
    auto node = shared_.extract(key_of(directory, name, temporary));
    return node ? std::move(node.mapped()) : nullptr;
}

Destination::~Destination() {
    for (const auto& [key, shared] : shared_) {
        if (!shared->alone) continue;  // Other assignments go on with it.
        const std::lock_guard lock{shared->temporary->mutex};
        if (std::exchange(shared->temporary->sealed, true)) continue;
        ledger_->retire(request_, shared->place);
        if (auto status = files::remove_temporary(shared->directory.get(), shared->place.name);
            !status) {
            kLog.warning("temporary not removed",
                         {{"request", request_.id}, {"reason", status.error().message}});
        }
    }
}

Status Destination::write_range(const peer::Range& range, Bytes data) {
    if (range.offset() > range.file_size() || data.size() > range.file_size() - range.offset()) {
        return bad_message("a range beyond the end of its file");
    }
    auto shared = shared_file(range);
    if (!shared) return std::move(shared).error();
    const std::shared_lock writing{(*shared)->temporary->mutex};
    if (!(*shared)->file->is_in_place()) return too_late();
    return (*shared)->file->write_at(data, range.offset());
}

Result<std::uint64_t> Destination::copy_range(const peer::Range& range, std::uint64_t length,
                                              int source) {
    auto shared = shared_file(range);
    if (!shared) return std::move(shared).error();
    const std::shared_lock writing{(*shared)->temporary->mutex};
    if (!(*shared)->file->is_in_place()) return too_late();
    return files::copy_bytes(source, (*shared)->file->fd(), range.offset(), length);
}

Status Destination::flush(const peer::Flush& flush) {
    // Closed when the last writer lets go of it: NFS shows it to other agents from then on.
    const auto shared = take_shared_file(flush.directory(), flush.name(), flush.temporary());
    if (!shared) return bad_message("a flush of what was not written");
    // The store will count this range as written, whatever happens to this machine afterwards.
    return shared->file->sync_data();
}

Result<Applied> Destination::publish(const peer::Publish& publish) {
    const std::string name = target_name(publish.file().name());
    if (!is_plain_path(publish.directory()) || !is_plain_name(name)) {
        return bad_message("a path that is not plain");
    }
    const TemporaryPlace place =
        place_of(publish.directory(), publish.file().name(), publish.temporary());
    take_shared_file(publish.directory(), publish.file().name(), publish.temporary());
    const auto temporary = ledger_->temporary(request_, place);
    const std::lock_guard sealing{temporary->mutex};
    // Asked again, since the answer or the master's word of it was lost.
    if (temporary->published) return *temporary->published;
    auto directory = enter(publish.directory());
    if (!directory) return std::move(directory).error();
    if (publish.discard()) {
        temporary->sealed = true;
        ledger_->retire(request_, place);
        auto removed = files::remove_temporary(directory->get(), place.name);
        if (!removed) return std::move(removed).error();
        return Applied{};
    }
    const files::Attributes wanted =
        from_message(publish.file().attributes(), files::EntryType::File);
    auto file = NewFile::open_existing(directory->get(), place.name, wanted.size);
    if (!file) return std::move(file).error();
    temporary->sealed = true;
    ledger_->retire(request_, place);
    auto applied = file->publish(name, wanted, durability_);
    if (applied) temporary->published = *applied;
    return applied;
}

// ------------------------------------------------------------------------------------- directories

peer::DirectoriesDone Destination::set_directories(const peer::Directories& directories) {
    peer::DirectoriesDone done;
    for (int i = 0; i < directories.directories_size(); ++i) {
        const auto applied = set_directory(directories.directories(i));
        if (applied) {
            if (!applied->owner_kept) done.set_owner_dropped(true);
            continue;
        }
        peer::FileProblem& problem = *done.add_problems();
        problem.set_index(static_cast<std::uint32_t>(i));
        *problem.mutable_failure() =
            to_message(files::destination_code(applied.error()), applied.error());
    }
    return done;
}

Result<Applied> Destination::set_directory(const work::DirectoryAttributes& wanted) {
    if (!is_plain_path(wanted.path())) return bad_message("a path that is not plain");
    const auto opened = tree();
    if (!opened) return opened.error();
    auto directory = (*opened)->open_directory(wanted.path());
    if (!directory) return std::move(directory).error();
    // All copies are done, and no other request works in here: temporaries are orphans.
    const auto orphans = files::temporaries_in(directory->get());
    if (!orphans) return orphans.error();
    for (const std::string& orphan : *orphans) {
        if (auto removed = files::remove_temporary(directory->get(), orphan); !removed) {
            return std::move(removed).error();
        }
    }
    return files::apply_to_file(directory->get(),
                                from_message(wanted.attributes(), files::EntryType::Directory));
}

}  // namespace godwit::transfer
