#include "agent/bookkeeper.h"

#include <algorithm>

#include "files/listing.h"
#include "transfer/messages.h"

namespace godwit::agent {
namespace {

using base::FileCode;
using sdk::Count;
using transfer::Trouble;

// A file that changes while it is copied, or is lost before it is published, is planned anew this
// often, then it is given up.
constexpr std::uint32_t kReplansMax = 2;

}  // namespace

std::int64_t bytes_of(const work::FileEntry& entry) {
    return transfer::has_content(entry) ? static_cast<std::int64_t>(entry.attributes().size()) : 0;
}

Bookkeeper::Bookkeeper(WorkContext& context, const files::Tree& source)
    : context_{context},
      source_{source},
      units_{context.work.roots(), context.assignment.chunk_bytes, effects_} {}

void Bookkeeper::copied(const work::FileEntry& entry) {
    effects_.counters[Count::FilesCopied] += 1;
    effects_.counters[Count::BytesPublished] += bytes_of(entry);
    if (!entry.link_to().empty()) effects_.counters[Count::FilesLinked] += 1;
}

void Bookkeeper::unchanged(const work::FileEntry&) {
    effects_.counters[Count::FilesSkipped] += 1;
}

void Bookkeeper::vanished(const std::string& directory, const work::FileEntry& entry) {
    effects_.counters[Count::FilesVanished] += 1;
    effects_.counters[Count::BytesVanished] += bytes_of(entry);
    record(directory, entry,
           {FileCode::SourceVanished, "it was gone before it was copied", ENOENT});
}

void Bookkeeper::failed(const std::string& directory, const work::FileEntry& entry,
                        const Trouble& trouble) {
    effects_.counters[Count::FilesFailed] += 1;
    effects_.counters[Count::BytesFailed] += bytes_of(entry);
    record(directory, entry, trouble);
}

void Bookkeeper::changed(const std::string& path, const work::FileEntry& entry) {
    plan_once_more(path, entry, Trouble::changed());
}

void Bookkeeper::written_in_vain(const std::string& path, const work::FileEntry& entry,
                                 const Trouble& trouble) {
    plan_once_more(path, entry, trouble);
}

void Bookkeeper::plan_once_more(const std::string& path, const work::FileEntry& entry,
                                const Trouble& trouble) {
    const auto folder = transfer::SourceFolder::open(source_, path);
    const auto now =
        folder ? folder->stat(entry.name()) : Result<files::Attributes>{folder.error()};
    if (!now && now.error().code == Code::NotFound) {
        vanished(path, entry);
    } else if (!now) {
        failed(path, entry, Trouble::of_listed(now.error()));
    } else if (now->type != transfer::from_message(entry.type())) {
        failed(path, entry, Trouble::changed());
    } else if (entry.replans() >= kReplansMax) {
        failed(path, entry, trouble);
    } else {
        plan_anew(*folder, entry, *now);
    }
}

void Bookkeeper::plan_anew(const transfer::SourceFolder& folder, const work::FileEntry& entry,
                           const files::Attributes& now) {
    work::FileEntry anew = entry;
    *anew.mutable_attributes() = transfer::to_message(now);
    anew.set_sparse(now.sparse);
    anew.set_replans(entry.replans() + 1);
    // What it was to be linked to is not there: it is copied itself.
    anew.clear_link_to();
    anew.clear_stands();
    // One that is gone again shows when it is sent.
    const auto target = now.type == files::EntryType::Symlink
                            ? files::read_link(folder.fd(), entry.name())
                            : Result<std::string>{entry.link_target()};
    if (target) anew.set_link_target(*target);
    if (entry.attributes_only()) copy_whole(folder, anew, entry.attributes().size());
    const std::int64_t more = bytes_of(anew) - bytes_of(entry);
    effects_.counters[Count::BytesPlanned] += more;
    effects_.counters[Count::BytesDiscovered] += more;
    if (!units_.is_large(anew)) return units_.add_file(folder.path(), anew);
    Trouble ignored;
    const auto file = transfer::SourceFile::open(folder, anew, false, ignored);
    units_.add_large_file(
        folder.path(), anew,
        file ? data_map(file->fd(), anew, context_.assignment.options) : all_data());
}

// Its content was the same when it was compared, and passed over; nothing is known of it any more.
void Bookkeeper::copy_whole(const transfer::SourceFolder& folder, work::FileEntry& entry,
                            std::uint64_t bytes_passed_over) {
    entry.clear_attributes_only();
    // A new file changes the times of its folder, which attributes alone do not.
    if (const auto attributes = files::stat_of(folder.fd())) {
        units_.add_directory(folder.path(), transfer::to_message(*attributes));
    }
    if (entry.type() != work::FILE) return;
    const auto bytes = static_cast<std::int64_t>(bytes_passed_over);
    effects_.counters[Count::BytesSkipped] -= bytes;
    effects_.counters[Count::BytesDiscovered] -= bytes;
}

sdk::Effects Bookkeeper::take() {
    units_.finish();
    return std::move(effects_);
}

void Bookkeeper::record(const std::string& directory, const work::FileEntry& entry,
                        const Trouble& trouble) {
    effects_.errors.push_back(file_error(path_of(directory, entry.name()), trouble));
}

}  // namespace godwit::agent
