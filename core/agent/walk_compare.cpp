// The walk's conversation with the destination, and what becomes of each entry.
#include <algorithm>

#include "agent/walk.h"
#include "model/progress.h"
#include "transfer/messages.h"

namespace godwit::agent {
namespace {

using base::FileCode;
using files::EntryType;
using sdk::Count;
using transfer::SourceFolder;
using transfer::Trouble;

constexpr std::size_t kNamesPerQuestion = 1'024;
constexpr std::size_t kSlicesPerQuestion = 256;
// Of one question about contents: the destination reads them before it answers.
constexpr std::uint64_t kDigestBytesMax = 64 << 20;

std::int64_t bytes_of(const Slice::File& file) {
    return file.attributes.type == EntryType::File ? static_cast<std::int64_t>(file.attributes.size)
                                                   : 0;
}

}  // namespace

void Walk::queue(Slice slice) {
    queued_names_ += slice.files.size() + slice.others.size();
    queued_.push_back(std::move(slice));
    if (queued_names_ >= kNamesPerQuestion || queued_.size() >= kSlicesPerQuestion) {
        compare_queued();
    }
}

peer::DirectoryQuestion Walk::question_of(const Slice& slice) const {
    peer::DirectoryQuestion question;
    question.set_path(slice.path);
    question.set_mode(slice.attributes.mode);
    for (const File& file : slice.files) {
        question.add_names(file.name);
        if (!rules_.options.hardlinks) continue;
        question.add_link_keys(file.attributes.links > 1 ? link_key_of(file.attributes) : "");
    }
    if (!rules_.deletes() || slice.attributes.type != EntryType::Directory) return question;
    question.set_surplus(true);
    question.set_after(slice.after);
    question.set_until(slice.until);
    for (const std::string& name : slice.others) question.add_others(name);
    return question;
}

void Walk::compare_queued() {
    if (queued_.empty() || broken_) return;
    peer::View view;
    for (const Slice& slice : queued_) *view.add_directories() = question_of(slice);
    const auto viewed = context_.delivery.view(std::move(view));
    const peer::Viewed* answers = take(viewed);
    if (answers == nullptr) return;
    if (answers->directories_size() != static_cast<int>(queued_.size())) {
        broken_ = Trouble{FileCode::PeerLost, "the destination answered another question"};
        return;
    }
    for (std::size_t i = 0; i < queued_.size() && !broken_; ++i) {
        take_answer(queued_[i], answers->directories(static_cast<int>(i)));
    }
    queued_.clear();
    queued_names_ = 0;
    compare_digests();
}

void Walk::take_answer(const Slice& slice, const peer::DirectoryAnswer& answer) {
    if (answer.has_failure()) {
        directory_failed(slice, transfer::trouble_of(answer.failure()));
        return;
    }
    // What an earlier attempt has made, it had no time to tell.
    const bool may_be_new = slice.first && was_begun(context_);
    if (answer.created() || may_be_new) touch_parent(slice.path);
    // The attributes of a single file's folder are nobody's business.
    if (slice.attributes.type == EntryType::Directory && slice.first &&
        !same_directory(rules_.compare, slice.attributes, slice.xattrs_digest, answer)) {
        keep_directory(slice.path, slice.attributes);
    }
    std::vector<const peer::FoundEntry*> found(slice.files.size());
    for (const peer::FoundEntry& entry : answer.entries()) {
        if (entry.index() < found.size()) found[entry.index()] = &entry;
    }
    std::vector<const std::string*> carriers(slice.files.size());
    for (const peer::LinkElection& election : answer.links()) {
        if (election.index() < carriers.size()) carriers[election.index()] = &election.carrier();
    }
    for (std::size_t i = 0; i < slice.files.size(); ++i) {
        compare_file(slice, i, found[i], carriers[i]);
    }
    take_surplus(slice, answer);
}

void Walk::compare_file(const Slice& slice, std::size_t index, const peer::FoundEntry* found,
                        const std::string* carrier) {
    const File& file = slice.files[index];
    const Verdict verdict =
        found == nullptr ? Verdict::Content
                         : compare(rules_.compare,
                                   {file.attributes, file.link_target, file.xattrs_digest}, *found);
    const bool gives_way = verdict == Verdict::Content && found != nullptr &&
                           static_cast<EntryType>(found->type()) == EntryType::Directory;
    if (gives_way) {
        const std::string path = path_of(slice.path, file.name);
        const auto stays = why_it_stays(path);
        if (broken_) return;
        if (stays) return failed(path, file, *stays);
    }
    if (carrier != nullptr && *carrier != path_of(slice.path, file.name)) {
        if (verdict == Verdict::Leave || verdict == Verdict::Conflict) {
            return settle(slice, file, verdict);
        }
        return plan_link(slice, file, *carrier, verdict == Verdict::Same);
    }
    if (found == nullptr) return plan(slice, file, false);
    if (verdict == Verdict::NeedsDigest) {
        undecided_.push_back({slice.path, slice.attributes, file, *found});
        return;
    }
    settle(slice, file, verdict);
}

// Both sides read what has the same size: small files many at a time, large ones in pieces, so that
// a difference is found early, and neither waits long for the other.
void Walk::compare_digests() {
    std::vector<Undecided> undecided;
    undecided.swap(undecided_);
    for (std::size_t at = 0; at < undecided.size();) {
        if (broken_ || context_.stop.stop_requested()) return;
        std::size_t end = at;
        std::uint64_t bytes = 0;
        peer::Digests digests;
        for (; end < undecided.size() && end - at < kNamesPerQuestion; ++end) {
            bytes += undecided[end].file.attributes.size;
            if (end > at && bytes > kDigestBytesMax) break;
            add_question(digests, undecided[end], 0);
        }
        const auto answer = context_.delivery.digests(std::move(digests));
        const peer::DigestsDone* done = take(answer);
        if (done == nullptr) return;
        for (std::size_t i = 0; at < end; ++at, ++i) {
            const int index = static_cast<int>(i);
            decide(undecided[at],
                   index < done->digests_size() ? done->digests(index) : std::string{});
        }
    }
}

void Walk::add_question(peer::Digests& digests, const Undecided& item, std::uint64_t offset) {
    peer::DigestQuestion& question = *digests.add_questions();
    question.set_directory(item.path);
    question.set_name(item.file.name);
    question.set_offset(offset);
    question.set_length(std::min(kDigestBytesMax, item.file.attributes.size - offset));
}

// `there` is the digest of the first piece at the destination.
void Walk::decide(const Undecided& item, std::string there) {
    Slice slice;
    slice.path = item.path;
    slice.attributes = item.directory;
    work::FileEntry entry;
    entry.set_name(item.file.name);
    *entry.mutable_attributes() = transfer::to_message(item.file.attributes);
    const auto folder = SourceFolder::open(source_, item.path);
    Trouble trouble;
    const auto file =
        folder ? transfer::SourceFile::open(*folder, entry, rules_.options.atime, trouble)
               : Result<transfer::SourceFile>{folder.error()};
    // What it is by now is found out when it is sent.
    bool same = file.ok();
    const std::uint64_t size = item.file.attributes.size;
    for (std::uint64_t offset = 0; same && offset < size;) {
        const std::uint64_t length = std::min(kDigestBytesMax, size - offset);
        if (offset != 0) {
            peer::Digests digests;
            add_question(digests, item, offset);
            const auto answer = context_.delivery.digests(std::move(digests));
            const peer::DigestsDone* done = take(answer);
            if (done == nullptr) return;
            there = done->digests_size() == 1 ? done->digests(0) : std::string{};
        }
        const transfer::Waiting reading{context_.waits.source_read};
        same = !there.empty() && file->digest(offset, length) == there;
        offset += length;
    }
    if (!same) return settle(slice, item.file, Verdict::Content);
    settle(slice, item.file,
           compare_attributes(
               rules_.compare,
               {item.file.attributes, item.file.link_target, item.file.xattrs_digest}, item.found));
}

void Walk::settle(const Slice& slice, const File& file, Verdict verdict) {
    switch (verdict) {
    case Verdict::Content: plan(slice, file, false); return;
    case Verdict::Attributes: plan(slice, file, true); return;
    case Verdict::Conflict:
        failed(path_of(slice.path, file.name), file,
               {FileCode::TypeConflict, "a directory is in the way at the destination", EISDIR});
        return;
    case Verdict::NeedsDigest:
    case Verdict::Same:
    case Verdict::Leave: break;
    }
    effects_.counters[Count::FilesSkipped] += 1;
    effects_.counters[Count::BytesSkipped] += bytes_of(file);
}

void Walk::plan(const Slice& slice, const File& file, bool attributes_only) {
    work::FileEntry entry;
    entry.set_name(file.name);
    entry.set_type(transfer::to_message(file.attributes.type));
    *entry.mutable_attributes() = transfer::to_message(file.attributes);
    entry.set_attributes_only(attributes_only);
    entry.set_link_target(file.link_target);
    entry.set_sparse(file.attributes.sparse);
    effects_.counters[Count::FilesPlanned] += 1;
    if (transfer::has_content(entry)) {
        effects_.counters[Count::BytesPlanned] += bytes_of(file);
    } else {
        effects_.counters[Count::BytesSkipped] += bytes_of(file);
    }
    if (rules_.options.dry_run) return;
    if (units_.is_large(entry)) {
        const auto folder = SourceFolder::open(source_, slice.path);
        Trouble ignored;
        const auto open = folder ? transfer::SourceFile::open(*folder, entry, false, ignored)
                                 : Result<transfer::SourceFile>{folder.error()};
        units_.add_large_file(slice.path, entry,
                              open ? data_map(open->fd(), entry, rules_.options) : all_data());
    } else {
        units_.add_file(slice.path, entry);
    }
    // What is written inside changes the directory's own times.
    if (slice.attributes.type == EntryType::Directory && !attributes_only) {
        keep_directory(slice.path, slice.attributes);
    }
}

void Walk::plan_link(const Slice& slice, const File& file, const std::string& carrier,
                     bool stands) {
    work::FileEntry entry;
    entry.set_name(file.name);
    entry.set_type(transfer::to_message(file.attributes.type));
    *entry.mutable_attributes() = transfer::to_message(file.attributes);
    entry.set_link_target(file.link_target);
    entry.set_sparse(file.attributes.sparse);
    entry.set_link_to(carrier);
    entry.set_stands(stands);
    effects_.counters[Count::FilesPlanned] += 1;
    // Its bytes are the carrier's.
    effects_.counters[Count::BytesDiscovered] -= bytes_of(file);
    if (rules_.options.dry_run) return;
    units_.add_link(slice.path, entry);
    keep_directory(slice.path, slice.attributes);
}

void Walk::directory_failed(const Slice& slice, const Trouble& trouble) {
    if (tries_again(trouble)) return;
    if (slice.path.empty()) {
        broken_ = trouble;
        return;
    }
    // The same trouble as the directory's above: told once.
    bool is_told = false;
    for (std::string at = slice.path; !at.empty(); at = files::split(at).directory) {
        is_told = is_told || closed_.contains(at);
    }
    closed_.insert(slice.path);
    if (!is_told) error(slice.path, trouble);
    if (!is_told && slice.files.empty()) {
        effects_.counters[Count::FilesDiscovered] += 1;
        effects_.counters[Count::FilesFailed] += 1;
    }
    for (const File& file : slice.files) {
        effects_.counters[Count::FilesFailed] += 1;
        effects_.counters[Count::BytesFailed] += bytes_of(file);
    }
    std::erase_if(stack_, [&](const work::DirectoryCursor& cursor) {
        return cursor.path().starts_with(slice.path + "/");
    });
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
    if (rules_.options.dry_run) return;
    if (kept_.insert(path).second) units_.add_directory(path, transfer::to_message(attributes));
}

}  // namespace godwit::agent
