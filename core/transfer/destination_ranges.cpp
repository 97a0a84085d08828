// Large files: any number of assignments write ranges of one temporary, one publishes it.
#include <shared_mutex>

#include "base/bytes.h"
#include "files/listing.h"
#include "transfer/destination.h"
#include "transfer/medium.h"

namespace godwit::transfer {
namespace {

using files::NewFile;

Error too_late() {
    return {Code::Conflict, "the file was published or given up meanwhile"};
}

Error bad_message(const std::string& what) {
    return {Code::InvalidArgument, what};
}

std::string key_of(const std::string& directory, const std::string& name, std::uint64_t temporary) {
    return base::to_hex(temporary) + directory + "/" + name;
}

}  // namespace

TemporaryPlace Destination::place_of(const std::string& directory, const std::string& name,
                                     std::uint64_t temporary) const {
    const std::string target = target_name(name);
    const bool is_final = manner_.inplace();
    return {storage_path_, root_,
            directory,     is_final ? target : files::temporary_name(target, temporary),
            is_final,      temporary};
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
    // Made anew, it would be nobody's.
    if (auto status = check_wanted(); !status) return std::move(status).error();
    auto opened = std::make_shared<SharedFile>();
    opened->place = place_of(range.directory(), range.name(), range.temporary());
    opened->alone = range.alone();
    opened->temporary = ledger_->temporary(request_, opened->place);
    auto entered = enter(range.directory());
    if (!entered) return std::move(entered).error();
    opened->directory = std::move(*entered);
    {
        const std::shared_lock writing{opened->temporary->mutex};
        if (opened->temporary->sealed) return too_late();
        const int directory = opened->directory.get();
        auto file = replacing(directory, opened->place.name, Kind::Other, [&] {
            return opened->place.is_final
                       ? NewFile::open_in_place(directory, opened->place.name, range.file_size())
                       : NewFile::open_shared(directory, opened->place.name, range.file_size());
        });
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

Status Destination::write_range(const peer::Range& range, Bytes data) {
    if (range.offset() > range.file_size() || data.size() > range.file_size() - range.offset()) {
        return bad_message("a range beyond the end of its file");
    }
    auto shared = shared_file(range);
    if (!shared) return std::move(shared).error();
    const std::shared_lock writing{(*shared)->temporary->mutex};
    if ((*shared)->temporary->sealed || !(*shared)->file->is_in_place()) return too_late();
    auto status = (*shared)->file->write_at(data, range.offset());
    if (!status || !manner_.readback()) return status;
    return check_on_medium((*shared)->file->fd(), range.offset(), data);
}

Result<std::uint64_t> Destination::copy_range(const peer::Range& range, std::uint64_t length,
                                              const SourceFile& source) {
    auto shared = shared_file(range);
    if (!shared) return std::move(shared).error();
    const std::shared_lock writing{(*shared)->temporary->mutex};
    if ((*shared)->temporary->sealed || !(*shared)->file->is_in_place()) return too_late();
    const int fd = (*shared)->file->fd();
    auto copied = source.copy_to(fd, range.offset(), length, manner_.sparse());
    if (!copied || !manner_.readback()) return copied;
    if (auto status = source.compare_with(fd, range.offset(), *copied); !status) {
        return std::move(status).error();
    }
    return copied;
}

Status Destination::flush(const peer::Flush& flush) {
    // Closed when the last writer lets go of it: NFS shows it to other agents from then on.
    const auto shared = take_shared_file(flush.directory(), flush.name(), flush.temporary());
    // The store will count this range as written, whatever happens to this machine afterwards.
    if (shared) return shared->file->sync_data();
    // All of it stems from an earlier attempt, which may not have come to this.
    if (!is_plain_path(flush.directory()) || !is_plain_name(flush.name())) {
        return bad_message("a path that is not plain");
    }
    const TemporaryPlace place = place_of(flush.directory(), flush.name(), flush.temporary());
    const auto temporary = ledger_->temporary(request_, place);
    const std::shared_lock writing{temporary->mutex};
    if (temporary->sealed) return too_late();
    const auto opened = tree();
    if (!opened) return opened.error();
    const auto directory = (*opened)->open_directory(flush.directory());
    if (!directory) return directory.error();
    // What stands in place may be longer than it is to be.
    auto file = place.is_final
                    ? NewFile::open_in_place(directory->get(), place.name, flush.file_size())
                    : NewFile::open_existing(directory->get(), place.name, flush.file_size());
    if (!file) return std::move(file).error();
    return file->sync_data();
}

Result<Written> Destination::publish(const peer::Publish& publish) {
    const std::string name = target_name(publish.file().name());
    if (!is_plain_path(publish.directory()) || !is_plain_name(name)) {
        return bad_message("a path that is not plain");
    }
    const TemporaryPlace place =
        place_of(publish.directory(), publish.file().name(), publish.temporary());
    auto shared = take_shared_file(publish.directory(), publish.file().name(), publish.temporary());
    const bool alone = shared != nullptr && shared->alone;
    shared.reset();
    const auto temporary = ledger_->temporary(request_, place);
    const std::lock_guard sealing{temporary->mutex};
    // Asked again, since the answer or the master's word of it was lost.
    if (temporary->published) return Written{*temporary->published, false};
    auto directory = enter(publish.directory());
    if (!directory) return std::move(directory).error();
    if (publish.discard()) {
        temporary->sealed = true;
        ledger_->retire(request_, place);
        if (place.is_final) return Written{};
        auto removed = files::remove_temporary(directory->get(), place.name);
        if (!removed) return std::move(removed).error();
        return Written{};
    }
    const std::uint64_t size = publish.file().attributes().size();
    auto file = replacing(directory->get(), place.name, Kind::Other, [&] {
        return place.is_final       ? NewFile::open_in_place(directory->get(), place.name, size)
               : publish.all_hole() ? NewFile::open_shared(directory->get(), place.name, size)
                                    : NewFile::open_existing(directory->get(), place.name, size);
    });
    if (!file) return std::move(file).error();
    if (alone) file->remove_unless_published();
    auto written = publish_file(std::move(*file), directory->get(), name, publish.file());
    // What is kept after a failure waits for another attempt.
    if (!written && files::stat_at(directory->get(), place.name)) return written;
    temporary->sealed = true;
    ledger_->retire(request_, place);
    if (written) temporary->published = written->losses;
    return written;
}

}  // namespace godwit::transfer
