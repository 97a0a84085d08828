// Entries that are written in one go: small files, links, device nodes, attributes alone.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "files/granularity.h"
#include "files/listing.h"
#include "files/nodes.h"
#include "transfer/destination.h"
#include "transfer/medium.h"

namespace godwit::transfer {
namespace {

using files::Applied;
using files::NewFile;

// A file is not to take longer because its folder is a long one.
constexpr std::size_t kEntriesSweptMax = 65'536;

Error bad_message(const std::string& what) {
    return {Code::InvalidArgument, what};
}

Error changed() {
    return {Code::Conflict, "the file changed while it was copied"};
}

peer::Losses losses_of(const Applied& applied, peer::Losses losses) {
    losses.set_owner(losses.owner() || !applied.owner_kept);
    return losses;
}

void add(peer::Losses& sum, const peer::Losses& more) {
    sum.set_owner(sum.owner() || more.owner());
    sum.set_xattrs(sum.xattrs() || more.xattrs());
    sum.set_acls(sum.acls() || more.acls());
}

Written unchanged() {
    Written written;
    written.unchanged = true;
    return written;
}

// It becomes, or stays, a file of its own.
Result<Written> no_link(const work::FileEntry& entry) {
    if (entry.stands()) return unchanged();
    return Error{Code::Conflict, "what it was to be linked to is not there"};
}

// A Conflict that no system call made: the source is to be planned anew.
base::FileCode code_of_entry(const Error& error) {
    const bool plan_anew = error.code == Code::Conflict && error.native == 0;
    return plan_anew ? base::FileCode::SourceChanged : files::destination_code(error);
}

}  // namespace

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
            if (auto status = check_wanted(); !status) return std::move(status).error();
            const std::size_t size = has_content(entry) ? entry.attributes().size() : 0;
            const auto written =
                directory ? write_entry(directory->get(), entry, data.subspan(offset, size))
                          : Result<Written>{directory.error()};
            offset += size;
            if (written) {
                add(*done.mutable_losses(), written->losses);
                if (written->unchanged) done.add_unchanged(index);
            } else if (written.error().code == Code::Internal && written.error().native == EIO &&
                       manner_.readback()) {
                return written.error();
            } else {
                peer::FileProblem& problem = *done.add_problems();
                problem.set_index(index);
                *problem.mutable_failure() =
                    to_message(code_of_entry(written.error()), written.error());
            }
            ++index;
        }
    }
    return done;
}

Result<Written> Destination::write_entry(int directory, const work::FileEntry& entry, Bytes data) {
    const std::string name = target_name(entry.name());
    auto written = replacing(directory, name, Kind::Other, [&]() -> Result<Written> {
        if (!entry.link_to().empty()) return make_link(directory, name, entry);
        if (entry.attributes_only()) return set_attributes(directory, name, entry);
        if (entry.type() == work::FILE) return write_content(directory, name, entry, data);
        Written written;
        const files::Attributes wanted =
            from_message(entry.attributes(), from_message(entry.type()));
        const files::Finish finish = finish_of(entry.xattrs(), written.losses);
        const auto applied =
            entry.type() == work::SYMLINK
                ? files::publish_symlink(directory, name, entry.link_target(), wanted, nonce_,
                                         finish, times())
                : files::publish_node(directory, name, wanted, nonce_, finish, times());
        if (!applied) return applied.error();
        written.losses = losses_of(*applied, written.losses);
        return written;
    });
    const bool is_synced = entry.type() == work::FILE && entry.link_to().empty();
    if (!written || written->unchanged || is_synced) return written;
    if (auto status = sync_folder(directory); !status) return std::move(status).error();
    return written;
}

Result<NewFile> Destination::new_file(int directory, const std::string& name, std::uint64_t size) {
    if (manner_.inplace()) return NewFile::open_in_place(directory, name, size);
    return NewFile::create(directory, files::temporary_name(name, nonce_));
}

Result<Written> Destination::write_content(int directory, const std::string& name,
                                           const work::FileEntry& entry, Bytes data) {
    auto file = new_file(directory, name, data.size());
    if (!file) return std::move(file).error();
    if (auto status = file->write_at(data, 0); !status) return std::move(status).error();
    if (manner_.readback()) {
        if (auto status = check_on_medium(file->fd(), 0, data); !status) {
            return wrap(std::move(status).error(), "'" + base::printable(name) + "'");
        }
    }
    return publish_file(std::move(*file), directory, name, entry);
}

Result<Written> Destination::publish_file(NewFile file, int directory, const std::string& name,
                                          const work::FileEntry& entry) {
    Written written;
    const files::Attributes wanted = from_message(entry.attributes(), files::EntryType::File);
    const auto applied =
        file.prepare(wanted, durability_, finish_of(entry.xattrs(), written.losses), times());
    if (!applied) return applied.error();
    // Flushing takes its time, and this process may have been stopped at any.
    if (auto status = check_wanted(); !status) return std::move(status).error();
    const Status seen =
        replacing(directory, name, Kind::Other, [&] { return file.appear(name, durability_); });
    if (!seen) return seen.error();
    if (!is_tree_) sweep_around(directory, name);
    written.losses = losses_of(*applied, written.losses);
    return written;
}

// The folder of a single file is never finished as those of a tree are, and others may work in it:
// what earlier requests have left for this file goes, for nobody else writes it now.
void Destination::sweep_around(int directory, const std::string& name) const {
    std::vector<std::string> orphans;
    std::size_t seen = 0;
    const auto status =
        files::for_each_entry(directory, [&](const char* entry, unsigned char kind) {
            if (kind != DT_DIR && files::is_temporary_of(entry, name)) orphans.emplace_back(entry);
            return ++seen < kEntriesSweptMax;
        });
    // They are in nobody's way: a later request tries again.
    if (!status) return;
    for (const std::string& orphan : orphans) (void)files::remove_temporary(directory, orphan);
}

Result<Written> Destination::set_attributes(int directory, const std::string& name,
                                            const work::FileEntry& entry) {
    Written written;
    const files::Attributes wanted = from_message(entry.attributes(), from_message(entry.type()));
    const auto applied = files::apply_at(directory, name, wanted,
                                         finish_of(entry.xattrs(), written.losses), times());
    if (!applied) return applied.error();
    written.losses = losses_of(*applied, written.losses);
    return written;
}

// As far as looks tell: it may have failed, or have been left alone, and be something else.
bool Destination::is_as_listed(int directory, const std::string& name,
                               const files::Attributes& there, const work::FileEntry& entry) const {
    const work::Attributes& listed = entry.attributes();
    if (there.type != from_message(entry.type()) || there.size != listed.size() ||
        there.device_number != listed.device_number() ||
        !files::is_same_time(there.mtime_ns, listed.mtime_ns(),
                             static_cast<std::int64_t>(opened_.time_granularity_ns()))) {
        return false;
    }
    if (there.type != files::EntryType::Symlink) return true;
    const auto target = files::read_link(directory, name);
    return target && *target == entry.link_target();
}

// Conflict: what it is to be linked to is not there, so this one needs content of its own.
Result<Written> Destination::make_link(int directory, const std::string& name,
                                       const work::FileEntry& entry) {
    const files::SplitPath split = files::split(entry.link_to());
    const std::string carrier{split.name};
    if (!is_plain_path(entry.link_to())) return bad_message("a path that is not plain");
    const auto opened = tree();
    if (!opened) return opened.error();
    const auto folder = (*opened)->open_directory(split.directory);
    const auto there =
        folder ? files::stat_at(folder->get(), carrier) : Result<files::Attributes>{folder.error()};
    if (!there || !is_as_listed(folder->get(), carrier, *there, entry)) return no_link(entry);
    const auto own = files::stat_at(directory, name);
    if (own && own->inode == there->inode && own->device == there->device) return unchanged();
    auto linked = files::publish_link(folder->get(), carrier, directory, name, nonce_);
    if (linked) return Written{};
    // The file can have no more names, or none on another mount.
    const int why = linked.error().native;
    if (why == EMLINK || why == EXDEV) return no_link(entry);
    return std::move(linked).error();
}

Result<Written> Destination::copy_file(const std::string& path, const work::FileEntry& entry,
                                       const SourceFile* source) {
    if (auto status = check_wanted(); !status) return std::move(status).error();
    auto directory = enter(path);
    if (!directory) return std::move(directory).error();
    if (source == nullptr) return write_entry(directory->get(), entry, {});
    const std::string name = target_name(entry.name());
    return replacing(directory->get(), name, Kind::Other, [&]() -> Result<Written> {
        const std::uint64_t size = entry.attributes().size();
        auto file = new_file(directory->get(), name, size);
        if (!file) return std::move(file).error();
        const auto copied = source->copy_to(file->fd(), 0, size, manner_.sparse());
        if (!copied) return copied.error();
        if (*copied != size || !source->is_unchanged()) return changed();
        if (manner_.readback()) {
            auto status = source->compare_with(file->fd(), 0, size);
            if (!status) return std::move(status).error();
        }
        return publish_file(std::move(*file), directory->get(), name, entry);
    });
}

}  // namespace godwit::transfer
