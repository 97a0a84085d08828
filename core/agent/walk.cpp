#include "agent/walk.h"

#include <algorithm>
#include <utility>

#include "transfer/messages.h"

namespace godwit::agent {
namespace {

using base::FileCode;
using files::EntryType;
using sdk::Count;
using transfer::Trouble;

// Bounds of one listing: enough to keep copiers busy, little enough to lose when an agent dies.
constexpr std::size_t kEntriesPerListing = 16'384;
constexpr base::Millis kTimePerListing{1'000};
// Names that are compared in one question to the destination.
constexpr std::size_t kNamesPerQuestion = 1'024;
constexpr std::size_t kSlicesPerQuestion = 256;
// Errors that one result may carry.
constexpr std::size_t kErrorsPerListing = 4'096;

bool same_content(const files::Attributes& source, const work::Attributes& found) {
    return source.size == found.size() && source.mtime_ns == found.mtime_ns();
}

bool same_attributes(const files::Attributes& source, const work::Attributes& found) {
    return source.mode == found.mode() && source.uid == found.uid() && source.gid == found.gid() &&
           source.mtime_ns == found.mtime_ns();
}

}  // namespace

Walk::Walk(WorkContext& context, const files::Tree& source, work::Roots roots)
    : context_{context},
      source_{source},
      slice_end_{base::SteadyClock::now() + kTimePerListing},
      units_{roots, context.assignment.chunk_bytes, effects_} {}

bool Walk::budget_left() const {
    return !broken_ && !context_.stop.stop_requested() && !units_.is_full() &&
           entries_seen_ < kEntriesPerListing && base::SteadyClock::now() < slice_end_ &&
           effects_.errors.size() < kErrorsPerListing;
}

model::AssignmentResult Walk::run(std::vector<work::DirectoryCursor> places,
                                  const std::vector<work::FileCursor>& large_files) {
    for (const work::FileCursor& cursor : large_files) units_.add_large_file(cursor);
    stack_ = std::move(places);
    std::reverse(stack_.begin(), stack_.end());
    // At least one step, so that every assignment brings the walk forward.
    bool first = large_files.empty();
    while (!stack_.empty() && (first || budget_left())) {
        first = false;
        work::DirectoryCursor cursor = std::move(stack_.back());
        stack_.pop_back();
        visit(std::move(cursor));
    }
    compare_queued();
    return finish();
}

model::AssignmentResult Walk::run_single(const std::string& name) {
    auto attributes = files::stat_at(source_.fd(), name);
    if (!attributes) return hopeless(context_.assignment, Trouble::of_source(attributes.error()));
    Slice slice;
    slice.first = false;
    take_entry(source_.fd(), slice, name);
    queue(std::move(slice));
    compare_queued();
    return finish();
}

void Walk::visit(work::DirectoryCursor cursor) {
    const auto directory = source_.open_directory(cursor.path());
    const bool fresh = cursor.after().empty();
    auto attributes =
        directory ? files::stat_of(directory->get()) : Result<files::Attributes>{directory.error()};
    auto names = attributes ? files::names_in(directory->get())
                            : Result<std::vector<std::string>>{attributes.error()};
    if (!names) {
        const Trouble trouble = Trouble::of_listed(names.error());
        // A directory that is gone has nothing to copy; one that cannot be read may have.
        if (trouble.code == FileCode::SourceVanished && !cursor.path().empty()) return;
        if (cursor.path().empty()) {
            broken_ = Trouble::of_source(names.error());
        } else {
            effects_.counters[Count::FilesFailed] += 1;
            error(cursor.path(), trouble);
        }
        return;
    }
    if (fresh) effects_.counters[Count::Directories] += 1;
    Slice slice{cursor.path(), *attributes, {}, {}, fresh};
    auto name =
        fresh ? names->begin() : std::upper_bound(names->begin(), names->end(), cursor.after());
    for (; name != names->end(); ++name) {
        take_entry(directory->get(), slice, *name);
        if (slice.files.size() < kNamesPerQuestion) continue;
        queue(std::exchange(slice, {cursor.path(), *attributes, {}, {}, false}));
        compare_queued();
        if (!budget_left() && std::next(name) != names->end()) {
            cursor.set_after(*name);
            stack_.push_back(std::move(cursor));
            return;
        }
    }
    if (slice.first || !slice.files.empty()) queue(std::move(slice));
}

void Walk::take_entry(int directory, Slice& slice, const std::string& name) {
    auto entry = files::entry_at(directory, name);
    if (!entry) {
        if (entry.error().code == Code::NotFound) return;  // It was gone before it was listed.
        effects_.counters[Count::FilesDiscovered] += 1;
        effects_.counters[Count::FilesFailed] += 1;
        error(path_of(slice.path, name), Trouble::of_source(entry.error()));
        return;
    }
    ++entries_seen_;
    const EntryType type = entry->attributes.type;
    if (type == EntryType::Directory) {
        work::DirectoryCursor cursor;
        cursor.set_path(path_of(slice.path, name));
        stack_.push_back(std::move(cursor));
        return;
    }
    effects_.counters[Count::FilesDiscovered] += 1;
    if (files::is_special(type)) {
        effects_.counters[Count::FilesSpecial] += 1;
        return;
    }
    if (type == EntryType::Symlink &&
        context_.assignment.options.symlinks == model::Symlinks::Skip) {
        effects_.counters[Count::FilesSkipped] += 1;
        return;
    }
    if (type == EntryType::File) {
        effects_.counters[Count::BytesDiscovered] +=
            static_cast<std::int64_t>(entry->attributes.size);
    }
    std::string target;
    if (type == EntryType::Symlink) {
        auto read = files::read_link(directory, name);
        if (!read) {
            effects_.counters[Count::FilesFailed] += 1;
            error(path_of(slice.path, name), Trouble::of_listed(read.error()));
            return;
        }
        target = std::move(*read);
    }
    slice.files.push_back(std::move(*entry));
    slice.targets.push_back(std::move(target));
}

void Walk::queue(Slice slice) {
    queued_names_ += slice.files.size();
    queued_.push_back(std::move(slice));
    if (queued_names_ >= kNamesPerQuestion || queued_.size() >= kSlicesPerQuestion) {
        compare_queued();
    }
}

void Walk::compare_queued() {
    if (queued_.empty() || broken_) return;
    peer::View view;
    for (const Slice& slice : queued_) {
        peer::DirectoryQuestion& question = *view.add_directories();
        question.set_path(slice.path);
        question.set_mode(slice.attributes.mode);
        for (const files::Entry& entry : slice.files) question.add_names(entry.name);
    }
    auto viewed = context_.delivery.view(std::move(view));
    if (auto* trouble = std::get_if<Trouble>(&viewed)) {
        broken_ = std::move(*trouble);
        return;
    }
    const peer::Viewed& answers = std::get<peer::Viewed>(viewed);
    if (answers.directories_size() != static_cast<int>(queued_.size())) {
        broken_ = Trouble{FileCode::PeerLost, "the destination answered another question"};
        return;
    }
    for (std::size_t i = 0; i < queued_.size(); ++i) {
        compare(queued_[i], answers.directories(static_cast<int>(i)));
    }
    queued_.clear();
    queued_names_ = 0;
}

void Walk::compare(const Slice& slice, const peer::DirectoryAnswer& answer) {
    if (answer.has_failure()) {
        directory_failed(slice, {transfer::code_of(answer.failure()), answer.failure().message(),
                                 answer.failure().error_number()});
        return;
    }
    if (answer.created()) touch_parent(slice.path);
    const bool differs =
        answer.created() || !same_attributes(slice.attributes, answer.attributes());
    // The attributes of a single file's folder are nobody's business.
    if (slice.attributes.type == EntryType::Directory && slice.first && differs) {
        keep_directory(slice.path, slice.attributes);
    }
    std::vector<const peer::FoundEntry*> found(slice.files.size());
    for (const peer::FoundEntry& entry : answer.entries()) {
        if (entry.index() < found.size()) found[entry.index()] = &entry;
    }
    for (std::size_t i = 0; i < slice.files.size(); ++i) {
        compare_file(slice, i, found[i]);
    }
}

void Walk::compare_file(const Slice& slice, std::size_t index, const peer::FoundEntry* found) {
    const files::Entry& entry = slice.files[index];
    const files::Attributes& attributes = entry.attributes;
    if (found == nullptr) {
        plan(slice, index, false);
        return;
    }
    const auto type = static_cast<EntryType>(found->type());
    if (type == EntryType::Directory) {
        effects_.counters[Count::FilesFailed] += 1;
        effects_.counters[Count::BytesFailed] +=
            static_cast<std::int64_t>(attributes.type == EntryType::File ? attributes.size : 0);
        error(path_of(slice.path, entry.name),
              {FileCode::TypeConflict, "a directory is in the way at the destination", EISDIR});
        return;
    }
    bool same = type == attributes.type;
    if (same && type == EntryType::File) same = same_content(attributes, found->attributes());
    if (same && type == EntryType::Symlink) same = slice.targets[index] == found->link_target();
    if (!same) {
        plan(slice, index, false);
    } else if (!same_attributes(attributes, found->attributes())) {
        plan(slice, index, true);
    } else {
        effects_.counters[Count::FilesSkipped] += 1;
        if (type == EntryType::File) {
            effects_.counters[Count::BytesSkipped] += static_cast<std::int64_t>(attributes.size);
        }
    }
}

void Walk::plan(const Slice& slice, std::size_t index, bool attributes_only) {
    const files::Entry& entry = slice.files[index];
    work::FileEntry file;
    file.set_name(entry.name);
    file.set_type(transfer::to_message(entry.attributes.type));
    *file.mutable_attributes() = transfer::to_message(entry.attributes);
    file.set_attributes_only(attributes_only);
    file.set_link_target(slice.targets[index]);
    effects_.counters[Count::FilesPlanned] += 1;
    if (transfer::has_content(file)) {
        effects_.counters[Count::BytesPlanned] += static_cast<std::int64_t>(entry.attributes.size);
    }
    units_.add_file(slice.path, file);
    // What is written inside changes the directory's own times.
    if (slice.attributes.type == EntryType::Directory && !attributes_only) {
        keep_directory(slice.path, slice.attributes);
    }
}

void Walk::directory_failed(const Slice& slice, const Trouble& trouble) {
    if (slice.path.empty() || !base::is_retryable(trouble.code)) {
        effects_.counters[Count::FilesFailed] +=
            static_cast<std::int64_t>(std::max<std::size_t>(1, slice.files.size()));
        for (const files::Entry& entry : slice.files) {
            if (entry.attributes.type != EntryType::File) continue;
            effects_.counters[Count::BytesFailed] +=
                static_cast<std::int64_t>(entry.attributes.size);
        }
        error(slice.path, trouble);
    }
    if (slice.path.empty() || base::is_retryable(trouble.code)) broken_ = trouble;
}

void Walk::touch_parent(const std::string& path) {
    if (path.empty()) return;
    const std::string parent{files::split(path).directory};
    if (kept_.contains(parent)) return;
    const auto directory = source_.open_directory(parent);
    const auto attributes =
        directory ? files::stat_of(directory->get()) : Result<files::Attributes>{directory.error()};
    if (attributes) keep_directory(parent, *attributes);
}

void Walk::keep_directory(const std::string& path, const files::Attributes& attributes) {
    if (kept_.insert(path).second) units_.add_directory(path, transfer::to_message(attributes));
}

void Walk::error(const std::string& path, const Trouble& trouble) {
    effects_.errors.push_back(file_error(path, trouble));
}

model::AssignmentResult Walk::finish() {
    if (context_.stop.stop_requested()) broken_ = Trouble::stopped();
    if (broken_) return hopeless(context_.assignment, *broken_);
    units_.add_rest(std::move(stack_));
    units_.finish();
    return succeeded(context_.assignment, std::move(effects_));
}

}  // namespace godwit::agent
