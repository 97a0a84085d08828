#include "agent/unit_builder.h"

#include <algorithm>

#include "agent/work_context.h"
#include "base/ids.h"
#include "base/log.h"
#include "files/extents.h"
#include "transfer/messages.h"
#include "transfer/payload.h"

namespace godwit::agent {
namespace {

using sdk::Count;
using sdk::UnitKind;

// Large files first: the last thing that a request waits for should not be one of them.
constexpr std::uint32_t kRangeRank = 0;
constexpr std::uint32_t kPackRank = 1;

// Whatever the chunks: a longer file goes on inside after an interruption, a shorter one is sent
// again.
constexpr std::uint64_t kWholeBytesMax = 64 << 20;

// Payloads stay far below sdk::kPayloadBytesMax, whatever the names are.
constexpr std::size_t kPathsBytesMax = 256 << 10;
constexpr std::size_t kDirectoriesPerUnit = 1024;
constexpr int kRemovalsPerUnit = 1024;
// Into how many listings the rest of one is cut, at the most.
constexpr std::size_t kRestUnits = 8;

const base::Log kLog{"planner"};

}  // namespace

std::uint32_t depth_of(const std::string& path) noexcept {
    if (path.empty()) return 0;
    const auto slashes = std::count(path.begin(), path.end(), '/');
    return std::min(static_cast<std::uint32_t>(slashes) + 1, model::kDepthMax);
}

DataMap all_data() {
    return [](std::uint64_t offset) { return std::optional{offset}; };
}

DataMap data_map(int fd, const work::FileEntry& entry, const model::RequestOptions& options) {
    // What stands where a hole should be would stay in a file that is written in place.
    if (!entry.sparse() || !options.sparse || options.inplace) return all_data();
    return [fd, size = entry.attributes().size()](
               std::uint64_t offset) -> std::optional<std::uint64_t> {
        const auto next = files::next_data(fd, offset, size, files::kSmallestHoleBytes);
        // Where it cannot be told, it is read.
        if (!next) return offset;
        if (!*next) return std::nullopt;
        return (*next)->begin;
    };
}

work::Work UnitBuilder::new_work() const {
    work::Work work;
    work.set_roots(roots_);
    return work;
}

void UnitBuilder::append(UnitKind kind, work::Work work, sdk::Unit unit) {
    auto payload = transfer::seal_payload(work);
    if (!payload) {
        // The limits above make this impossible; if they do not, the files must not be lost.
        kLog.error("a unit could not be sealed",
                   {{"label", unit.label}, {"reason", payload.error().message}});
        effects_.counters[Count::FilesFailed] += static_cast<std::int64_t>(unit.files);
        effects_.counters[Count::BytesFailed] += static_cast<std::int64_t>(unit.bytes);
        effects_.errors.push_back(
            file_error(unit.label, {base::FileCode::Internal, payload.error().message}));
        return;
    }
    unit.kind = kind;
    unit.payload = std::move(*payload);
    effects_.units.push_back(std::move(unit));
}

bool UnitBuilder::is_large(const work::FileEntry& entry) const noexcept {
    return transfer::has_content(entry) &&
           entry.attributes().size() > std::min(chunk_bytes_, kWholeBytesMax);
}

void UnitBuilder::add_file(const std::string& directory, const work::FileEntry& entry) {
    add_to(files_, directory, entry);
}

void UnitBuilder::add_link(const std::string& directory, const work::FileEntry& entry) {
    add_to(links_, directory, entry);
}

void UnitBuilder::add_to(OpenPack& open, const std::string& directory,
                         const work::FileEntry& entry) {
    const std::uint64_t bytes = transfer::has_content(entry) ? entry.attributes().size() : 0;
    const std::size_t described = directory.size() + entry.ByteSizeLong();
    if (open.files > 0 && (open.bytes + bytes > chunk_bytes_ || open.files >= kFilesPerPack ||
                           open.described + described > kPathsBytesMax)) {
        close(open);
    }
    work::Pack& pack = open.pack;
    if (pack.directories_size() == 0 ||
        pack.directories(pack.directories_size() - 1).path() != directory) {
        pack.add_directories()->set_path(directory);
    }
    *pack.mutable_directories(pack.directories_size() - 1)->add_files() = entry;
    ++open.files;
    open.bytes += bytes;
    open.described += described;
}

void UnitBuilder::close(OpenPack& open) {
    if (open.files == 0) return;
    sdk::Unit unit;
    unit.stage = open.stage;
    unit.rank = kPackRank;
    unit.files = static_cast<std::uint64_t>(open.files);
    unit.bytes = open.bytes;
    unit.label = path_of(open.pack.directories(0).path(), open.pack.directories(0).files(0).name());
    work::Work work = new_work();
    *work.mutable_pack() = std::move(open.pack);
    const std::uint32_t stage = open.stage;
    open = {};
    open.stage = stage;
    append(UnitKind::Chunk, std::move(work), std::move(unit));
}

void UnitBuilder::add_large_file(const std::string& directory, const work::FileEntry& entry,
                                 const DataMap& data) {
    const std::uint64_t size = entry.attributes().size();
    std::uint32_t parts = 0;
    std::uint64_t hole_bytes = size;
    for (std::uint64_t offset = 0; offset < size;) {
        const auto next = data(offset);
        if (!next || *next >= size) break;
        const std::uint64_t begin = *next / chunk_bytes_ * chunk_bytes_;
        ++parts;
        hole_bytes -= std::min(chunk_bytes_, size - begin);
        offset = begin + chunk_bytes_;
    }
    const std::uint64_t temporary = base::random_u64();
    sdk::Unit publication;
    publication.kind = UnitKind::Publish;
    publication.files = 1;
    publication.label = path_of(directory, entry.name());
    work::Work work = new_work();
    work::Publish& publish = *work.mutable_publish();
    publish.set_directory(directory);
    *publish.mutable_file() = entry;
    publish.set_temporary(temporary);
    publish.set_all_hole(parts == 0);
    publish.set_hole_bytes(hole_bytes);
    if (parts == 0) return append(UnitKind::Publish, std::move(work), std::move(publication));

    sdk::Group group;
    group.id = temporary;
    group.parts = parts;
    group.then = std::move(publication);
    if (auto payload = transfer::seal_payload(work)) group.then.payload = std::move(*payload);
    effects_.groups.push_back(std::move(group));
    work::FileCursor cursor;
    cursor.set_directory(directory);
    *cursor.mutable_file() = entry;
    cursor.set_group(temporary);
    cursor.set_parts_left(parts);
    continue_large_file(std::move(cursor), data);
}

// The file may have changed since its parts were counted: as many are made all the same, or its
// publication, which notices the change, would never come.
void UnitBuilder::continue_large_file(work::FileCursor cursor, const DataMap& data) {
    const std::uint64_t size = cursor.file().attributes().size();
    std::uint64_t offset = cursor.next_offset();
    while (cursor.parts_left() > 0 && !is_full()) {
        const auto next = offset < size ? data(offset) : std::nullopt;
        const bool found = next && *next < size;
        const std::uint64_t begin = found ? *next / chunk_bytes_ * chunk_bytes_ : 0;
        sdk::Unit unit;
        unit.rank = kRangeRank;
        unit.group = cursor.group();
        unit.offset = begin;
        unit.bytes = found ? std::min(chunk_bytes_, size - begin) : 0;
        unit.label = path_of(cursor.directory(), cursor.file().name());
        work::Work work = new_work();
        work::Range& range = *work.mutable_range();
        range.set_directory(cursor.directory());
        *range.mutable_file() = cursor.file();
        range.set_offset(begin);
        range.set_length(unit.bytes);
        range.set_temporary(cursor.group());
        append(UnitKind::Chunk, std::move(work), std::move(unit));
        cursor.set_parts_left(cursor.parts_left() - 1);
        offset = found ? begin + chunk_bytes_ : size;
    }
    if (cursor.parts_left() == 0) return;
    cursor.set_next_offset(offset);
    large_rest_.push_back(std::move(cursor));
}

void UnitBuilder::add_directory(const std::string& path, const work::Attributes& attributes) {
    work::DirectoryAttributes wanted;
    wanted.set_path(path);
    *wanted.mutable_attributes() = attributes;
    directories_.emplace(depth_of(path), std::move(wanted));
}

void UnitBuilder::add_delete_verdict() {
    work::Work work = new_work();
    work.mutable_removals();
    sdk::Unit unit;
    unit.stage = model::kDeleteStage;
    append(UnitKind::Listing, std::move(work), std::move(unit));
}

void UnitBuilder::add_removal(work::Removal removal) {
    const std::uint32_t depth = depth_of(removal.path());
    OpenRemovals& open = removals_[depth];
    work::Removals& removals = open.removals;
    const std::size_t described =
        removal.path().size() + removal.after().size() + removal.until().size();
    if (removals.removals_size() > 0) {
        work::Removal& last = *removals.mutable_removals(removals.removals_size() - 1);
        // The next part of the same directory, as it was then.
        if (last.path() == removal.path() && last.inode() == removal.inode()) {
            last.set_entries(last.entries() + removal.entries());
            last.set_until(removal.until());
            return;
        }
        if (removals.removals_size() >= kRemovalsPerUnit ||
            open.described + described > kPathsBytesMax) {
            close(depth, open);
        }
    }
    open.described += described;
    *open.removals.add_removals() = std::move(removal);
}

// What a directory holds is to be gone before the directory's own turn comes: each depth has a
// stage of its own.
void UnitBuilder::close(std::uint32_t depth, OpenRemovals& open) {
    work::Work work = new_work();
    *work.mutable_removals() = std::exchange(open, {}).removals;
    sdk::Unit unit;
    unit.stage = model::kRemovalStage - depth;
    unit.label = work.removals().removals(0).path();
    append(UnitKind::Directories, std::move(work), std::move(unit));
}

void UnitBuilder::add_rest(std::vector<work::DirectoryCursor> directories) {
    // A large file goes on alone: its ranges fill a result.
    for (work::FileCursor& cursor : large_rest_) {
        work::Work work = new_work();
        sdk::Unit unit;
        unit.label = path_of(cursor.directory(), cursor.file().name());
        *work.mutable_listing()->add_files() = std::move(cursor);
        append(UnitKind::Listing, std::move(work), std::move(unit));
    }
    large_rest_.clear();
    const std::size_t share = std::max<std::size_t>(1, directories.size() / kRestUnits + 1);
    work::Work work = new_work();
    std::string label;
    std::size_t bytes = 0;
    std::size_t count = 0;
    const auto close = [&] {
        if (count == 0) return;
        sdk::Unit unit;
        unit.label = label;
        append(UnitKind::Listing, std::move(work), std::move(unit));
        work = new_work();
        bytes = 0;
        count = 0;
    };
    for (work::DirectoryCursor& cursor : directories) {
        const std::size_t length = cursor.path().size() + cursor.after().size();
        if (count >= share || bytes + length > kPathsBytesMax) close();
        if (count == 0) label = cursor.path();
        *work.mutable_listing()->add_directories() = std::move(cursor);
        bytes += length;
        ++count;
    }
    close();
}

void UnitBuilder::add_rest(const work::Listing& list) {
    work::Work work = new_work();
    std::size_t bytes = 0;
    std::string label;
    const auto close = [&] {
        if (bytes == 0) return;
        sdk::Unit unit;
        unit.label = std::move(label);
        work.mutable_listing()->set_again(list.again());
        append(UnitKind::Listing, std::move(work), std::move(unit));
        work = new_work();
        bytes = 0;
    };
    const auto add = [&](const std::string& path, auto put) {
        if (bytes + path.size() > kPathsBytesMax) close();
        if (bytes == 0) label = path;
        bytes += path.size() + 1;
        put(*work.mutable_listing());
    };
    for (const std::string& path : list.paths()) {
        add(path, [&](work::Listing& listing) { listing.add_paths(path); });
    }
    for (const std::string& path : list.covered()) {
        add(path, [&](work::Listing& listing) { listing.add_covered(path); });
    }
    close();
}

void UnitBuilder::close_directories() {
    work::Work work = new_work();
    std::size_t bytes = 0;
    std::size_t count = 0;
    std::uint32_t shallowest = 0;
    std::string label;
    const auto close = [&] {
        if (count == 0) return;
        sdk::Unit unit;
        unit.stage = model::kDirectoryStage - shallowest;
        unit.label = label;
        append(UnitKind::Directories, std::move(work), std::move(unit));
        work = new_work();
        bytes = 0;
        count = 0;
    };
    for (auto& [depth, wanted] : directories_) {
        if (count >= kDirectoriesPerUnit || bytes + wanted.path().size() > kPathsBytesMax) close();
        shallowest = depth;
        label = wanted.path();
        bytes += wanted.path().size();
        ++count;
        *work.mutable_directories()->add_directories() = std::move(wanted);
    }
    close();
    directories_.clear();
}

void UnitBuilder::finish() {
    close(files_);
    close(links_);
    add_rest(std::vector<work::DirectoryCursor>{});
    for (auto& [depth, open] : removals_) close(depth, open);
    removals_.clear();
    close_directories();
}

}  // namespace godwit::agent
