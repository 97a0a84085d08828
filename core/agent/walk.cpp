#include "agent/walk.h"

#include <algorithm>
#include <utility>

#include "files/extents.h"
#include "transfer/messages.h"

namespace godwit::agent {
namespace {

using base::FileCode;
using files::EntryType;
using sdk::Count;
using transfer::SourceFolder;
using transfer::Trouble;

// Bounds of one listing: enough to keep copiers busy, little enough to lose when an agent dies.
constexpr std::size_t kEntriesPerListing = 16'384;
constexpr base::Millis kTimePerListing{1'000};
// Names that are compared in one question to the destination.
constexpr std::size_t kNamesPerQuestion = 1'024;
// Errors that one result may carry.
constexpr std::size_t kErrorsPerListing = 4'096;

}  // namespace

Walk::Walk(WorkContext& context, const files::Tree& source, work::Roots roots, const Rules& rules)
    : context_{context},
      source_{source},
      rules_{rules},
      slice_end_{base::SteadyClock::now() + kTimePerListing},
      units_{roots, context.assignment.chunk_bytes, effects_} {}

bool Walk::budget_left() const {
    return !broken_ && !context_.stop.stop_requested() && !units_.is_full() &&
           entries_seen_ < kEntriesPerListing && base::SteadyClock::now() < slice_end_ &&
           effects_.errors.size() < kErrorsPerListing;
}

model::AssignmentResult Walk::run_root(const work::Listing& listing) {
    // The destination keeps the registry of links there, which changes its times.
    const auto root = files::stat_of(source_.fd());
    if (root && rules_.options.hardlinks) keep_directory("", *root);
    if (rules_.deletes() && !rules_.options.dry_run) units_.add_delete_verdict();
    return run(listing);
}

model::AssignmentResult Walk::run(const work::Listing& listing) {
    for (const work::FileCursor& cursor : listing.files()) go_on_with(cursor);
    stack_ = {listing.directories().begin(), listing.directories().end()};
    std::reverse(stack_.begin(), stack_.end());
    const bool named = listing.paths_size() != 0 || listing.covered_size() != 0;
    if (named) visit_list(listing);
    // At least one step, so that every assignment brings the walk forward.
    bool first = listing.files_size() == 0 && !named;
    while (!stack_.empty() && (first || budget_left())) {
        first = false;
        work::DirectoryCursor cursor = std::move(stack_.back());
        stack_.pop_back();
        if (cursor.surplus()) {
            visit_surplus(std::move(cursor));
        } else {
            visit(std::move(cursor));
        }
    }
    compare_queued();
    return finish();
}

model::AssignmentResult Walk::run_single(const std::string& name) {
    const auto folder = SourceFolder::open(source_, "");
    if (!folder) return hopeless(context_.assignment, Trouble::of_source(folder.error()));
    Slice slice;
    slice.first = false;
    take_entry(*folder, slice, name);
    // A directory has come into the file's place since that was looked at: under the file's roots
    // what is in it would go elsewhere.
    if (!stack_.empty()) return agent::failed(context_.assignment, Trouble::changed());
    queue(std::move(slice));
    compare_queued();
    return finish();
}

void Walk::visit(work::DirectoryCursor cursor) {
    const auto begun = base::SteadyClock::now();
    const auto folder = SourceFolder::open(source_, cursor.path());
    const bool fresh = cursor.after().empty();
    auto attributes =
        folder ? files::stat_of(folder->fd()) : Result<files::Attributes>{folder.error()};
    const auto read = attributes
                          ? context_.long_directories.names_in(folder->fd(), !fresh)
                          : Result<std::shared_ptr<const files::NameList>>{attributes.error()};
    if (!read) {
        const Trouble trouble = Trouble::of_listed(read.error());
        if (cursor.path().empty()) {
            broken_ = Trouble::of_source(read.error());
        } else if (trouble.code == FileCode::SourceVanished) {
            effects_.counters[Count::FilesDiscovered] += 1;
            effects_.counters[Count::FilesVanished] += 1;
            error(cursor.path(), trouble);
        } else if (!tries_again(trouble)) {
            effects_.counters[Count::FilesDiscovered] += 1;
            effects_.counters[Count::FilesFailed] += 1;
            error(cursor.path(), trouble);
        }
        return;
    }
    // At least as long as the reading took is spent on the entries: a directory that changes all
    // the time is read whole by every listing of it, which shall bring it forward by more than one
    // question.
    const auto now = base::SteadyClock::now();
    slice_end_ = std::max(slice_end_, now + (now - begun));
    const files::NameList& names = **read;
    if (fresh) effects_.counters[Count::Directories] += 1;
    Slice slice;
    slice.path = cursor.path();
    slice.attributes = *attributes;
    slice.first = fresh;
    slice.after = cursor.after();
    if (fresh) slice.xattrs_digest = xattrs_digest_of(*folder, "");
    for (std::size_t i = fresh ? 0 : names.upper_bound(cursor.after()); i < names.size(); ++i) {
        const std::string name{names[i]};
        take_entry(*folder, slice, name);
        if (slice.files.size() + slice.others.size() < kNamesPerQuestion) continue;
        if (i + 1 == names.size()) break;
        Slice next;
        next.path = cursor.path();
        next.attributes = *attributes;
        next.first = false;
        next.after = name;
        slice.until = name;
        queue(std::exchange(slice, std::move(next)));
        compare_queued();
        if (!budget_left()) {
            cursor.set_after(name);
            stack_.push_back(std::move(cursor));
            return;
        }
    }
    context_.long_directories.leave(folder->fd());
    if (slice.first || !slice.files.empty() || rules_.deletes()) queue(std::move(slice));
}

void Walk::take_entry(const SourceFolder& folder, Slice& slice, const std::string& name) {
    const std::string path = path_of(slice.path, name);
    File file{name, {}, {}, {}};
    ++entries_seen_;
    // A name that is gone by now, or cannot be examined, is protected from deletes all the same.
    if (!examine(folder, path, file) || is_left_out(path, file)) {
        slice.others.push_back(name);
        return;
    }
    if (file.attributes.type == EntryType::Directory) {
        slice.others.push_back(name);
        work::DirectoryCursor cursor;
        cursor.set_path(path);
        stack_.push_back(std::move(cursor));
        return;
    }
    if (file.attributes.type == EntryType::File) {
        effects_.counters[Count::BytesDiscovered] +=
            static_cast<std::int64_t>(file.attributes.size);
    }
    file.xattrs_digest = xattrs_digest_of(folder, name);
    slice.files.push_back(std::move(file));
}

// Attributes and link target; of what a link leads to, where links are followed.
bool Walk::examine(const SourceFolder& folder, const std::string& path, File& file) {
    auto attributes = files::stat_at(folder.fd(), file.name);
    if (!attributes && attributes.error().code == Code::NotFound) return false;
    const bool is_link = attributes && attributes->type == EntryType::Symlink;
    if (is_link && source_.follows()) {
        auto end = folder.stat(file.name);
        // To the filters, too, it is what it leads to; and nowhere is no directory.
        const bool is_directory = end && end->type == EntryType::Directory;
        const bool excluded = rules_.excludes(path, is_directory);
        if (is_directory && !excluded && leads_back(path)) {
            end = base::errno_error("follow '" + path + "'", ELOOP);
        }
        if (end || !excluded) attributes = std::move(end);
    }
    Trouble trouble;
    if (!attributes) {
        trouble = Trouble::of_source(attributes.error());
        if (is_link && attributes.error().native == EXDEV) trouble.code = FileCode::SymlinkOutside;
    } else {
        file.attributes = *attributes;
        if (file.attributes.type != EntryType::Symlink) return true;
        auto target = files::read_link(folder.fd(), file.name);
        if (target) {
            file.link_target = std::move(*target);
            return true;
        }
        trouble = Trouble::of_listed(target.error());
    }
    if (tries_again(trouble)) return false;
    effects_.counters[Count::FilesDiscovered] += 1;
    effects_.counters[Count::FilesFailed] += 1;
    error(path, trouble);
    return false;
}

// Whether the request does not want it. What it wants is counted as discovered here.
bool Walk::is_left_out(const std::string& path, const File& file) {
    const EntryType type = file.attributes.type;
    const bool is_directory = type == EntryType::Directory;
    if (rules_.excludes(path, is_directory)) return true;
    if (is_directory) return false;
    if (type == EntryType::File && !rules_.bounds.admits(file.attributes)) return true;
    effects_.counters[Count::FilesDiscovered] += 1;
    if (files::is_special(type) && rules_.options.special == model::Special::Skip) {
        effects_.counters[Count::FilesSpecial] += 1;
        return true;
    }
    if (type == EntryType::Symlink && rules_.options.symlinks == model::Symlinks::Skip) {
        effects_.counters[Count::FilesSkipped] += 1;
        return true;
    }
    return false;
}

// A link to a directory that it lies in itself: followed, it would never end.
bool Walk::leads_back(const std::string& path) {
    const auto target = source_.real_path(path);
    if (!target) return false;
    for (std::string at{files::split(path).directory};; at = files::split(at).directory) {
        const auto above = source_.real_path(at);
        if (above && *above == *target) return true;
        if (at.empty()) return false;
    }
}

std::string Walk::xattrs_digest_of(const SourceFolder& folder, const std::string& name) {
    const files::XattrSelection selection{rules_.options.xattrs, rules_.options.acls};
    if (!selection.any()) return {};
    const auto xattrs =
        name.empty() ? files::read_xattrs(folder.fd(), selection) : folder.xattrs(name, selection);
    // What cannot be read shows when it is sent.
    return xattrs ? transfer::xattrs_digest(*xattrs) : std::string{"unreadable"};
}

void Walk::go_on_with(const work::FileCursor& cursor) {
    const auto folder = SourceFolder::open(source_, cursor.directory());
    Trouble ignored;
    const auto file = folder ? transfer::SourceFile::open(*folder, cursor.file(), false, ignored)
                             : Result<transfer::SourceFile>{folder.error()};
    // A file that has changed is dealt with when it is published; its ranges are handed out anyhow,
    // because the publication waits for all of them.
    units_.continue_large_file(
        cursor, file ? data_map(file->fd(), cursor.file(), rules_.options) : all_data());
}

void Walk::error(const std::string& path, const Trouble& trouble) {
    effects_.errors.push_back(file_error(path, trouble));
}

void Walk::failed(const std::string& path, const File& file, const Trouble& trouble) {
    effects_.counters[Count::FilesFailed] += 1;
    if (file.attributes.type == EntryType::File) {
        effects_.counters[Count::BytesFailed] += static_cast<std::int64_t>(file.attributes.size);
    }
    error(path, trouble);
}

bool Walk::tries_again(const Trouble& trouble) {
    if (!is_worth_another_attempt(context_.assignment, trouble)) return false;
    broken_ = trouble;
    return true;
}

model::AssignmentResult Walk::finish() {
    const transfer::Waits& waits = context_.waits;
    const std::uint64_t elapsed = watch_.elapsed_us();
    const std::uint64_t elsewhere = waits.destination_metadata + waits.source_read;
    context_.waits.source_metadata += elapsed > elsewhere ? elapsed - elsewhere : 0;
    if (context_.stop.stop_requested()) broken_ = Trouble::stopped();
    if (broken_) return hopeless(context_.assignment, *broken_);
    units_.add_rest(std::move(stack_));
    units_.add_rest(std::move(list_left_));
    units_.finish();
    return succeeded(context_.assignment, std::move(effects_));
}

}  // namespace godwit::agent
