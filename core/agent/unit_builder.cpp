#include "agent/unit_builder.h"

#include <algorithm>

#include "agent/work_context.h"
#include "base/ids.h"
#include "base/log.h"
#include "model/progress.h"
#include "transfer/messages.h"
#include "transfer/payload.h"

namespace godwit::agent {
namespace {

using sdk::Count;
using sdk::UnitKind;

// Large files first: the last thing that a request waits for should not be one of them.
constexpr std::uint32_t kRangeRank = 0;
constexpr std::uint32_t kPackRank = 1;

// Payloads stay far below sdk::kPayloadBytesMax, whatever the names are.
constexpr std::size_t kPathsBytesMax = 256 << 10;
constexpr std::size_t kDirectoriesPerUnit = 1024;
// Into how many listings the rest of one is cut, at the most.
constexpr std::size_t kRestUnits = 8;

const base::Log kLog{"planner"};

}  // namespace

std::uint32_t depth_of(const std::string& path) noexcept {
    if (path.empty()) return 0;
    const auto slashes = std::count(path.begin(), path.end(), '/');
    return std::min(static_cast<std::uint32_t>(slashes) + 1, model::kDepthMax);
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

void UnitBuilder::add_file(const std::string& directory, const work::FileEntry& entry) {
    const std::uint64_t bytes = transfer::has_content(entry) ? entry.attributes().size() : 0;
    if (bytes > chunk_bytes_) {
        work::FileCursor cursor;
        cursor.set_directory(directory);
        *cursor.mutable_file() = entry;
        cursor.set_group(base::random_u64());
        add_large_file(cursor);
        return;
    }
    if (pack_files_ > 0 && (pack_bytes_ + bytes > chunk_bytes_ || pack_files_ >= kFilesPerPack)) {
        close_pack();
    }
    if (pack_.directories_size() == 0 ||
        pack_.directories(pack_.directories_size() - 1).path() != directory) {
        pack_.add_directories()->set_path(directory);
    }
    *pack_.mutable_directories(pack_.directories_size() - 1)->add_files() = entry;
    ++pack_files_;
    pack_bytes_ += bytes;
}

void UnitBuilder::close_pack() {
    if (pack_files_ == 0) return;
    sdk::Unit unit;
    unit.rank = kPackRank;
    unit.files = static_cast<std::uint64_t>(pack_files_);
    unit.bytes = pack_bytes_;
    unit.label = path_of(pack_.directories(0).path(), pack_.directories(0).files(0).name());
    work::Work work = new_work();
    *work.mutable_pack() = std::move(pack_);
    pack_.Clear();
    pack_files_ = 0;
    pack_bytes_ = 0;
    append(UnitKind::Chunk, std::move(work), std::move(unit));
}

void UnitBuilder::add_large_file(const work::FileCursor& cursor) {
    const std::uint64_t size = cursor.file().attributes().size();
    const std::string label = path_of(cursor.directory(), cursor.file().name());
    if (cursor.next_offset() == 0) {
        sdk::Group group;
        group.id = cursor.group();
        group.parts = static_cast<std::uint32_t>((size + chunk_bytes_ - 1) / chunk_bytes_);
        group.then.kind = UnitKind::Publish;
        group.then.files = 1;
        group.then.label = label;
        work::Work work = new_work();
        work::Publish& publish = *work.mutable_publish();
        publish.set_directory(cursor.directory());
        *publish.mutable_file() = cursor.file();
        publish.set_temporary(cursor.group());
        if (auto payload = transfer::seal_payload(work)) group.then.payload = std::move(*payload);
        effects_.groups.push_back(std::move(group));
    }
    std::uint64_t offset = cursor.next_offset();
    for (; offset < size && !is_full(); offset += chunk_bytes_) {
        sdk::Unit unit;
        unit.rank = kRangeRank;
        unit.group = cursor.group();
        unit.offset = offset;
        unit.bytes = std::min(chunk_bytes_, size - offset);
        unit.label = label;
        work::Work work = new_work();
        work::Range& range = *work.mutable_range();
        range.set_directory(cursor.directory());
        *range.mutable_file() = cursor.file();
        range.set_offset(offset);
        range.set_length(unit.bytes);
        range.set_temporary(cursor.group());
        append(UnitKind::Chunk, std::move(work), std::move(unit));
    }
    if (offset >= size) return;
    work::FileCursor rest = cursor;
    rest.set_next_offset(offset);
    large_rest_.push_back(std::move(rest));
}

void UnitBuilder::add_directory(const std::string& path, const work::Attributes& attributes) {
    work::DirectoryAttributes wanted;
    wanted.set_path(path);
    *wanted.mutable_attributes() = attributes;
    directories_.emplace(depth_of(path), std::move(wanted));
}

void UnitBuilder::add_rest(std::vector<work::DirectoryCursor> directories) {
    if (directories.empty() && large_rest_.empty()) return;
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
    close_pack();
    add_rest({});
    close_directories();
}

}  // namespace godwit::agent
