// What a delete would take: entries that only the destination has.
#include <algorithm>

#include "agent/walk.h"
#include "base/bytes.h"
#include "transfer/messages.h"

namespace godwit::agent {
namespace {

using base::FileCode;
using files::EntryType;
using sdk::Count;
using transfer::Trouble;

// Of a directory that is to give way: what is not looked into yet is remembered.
constexpr std::size_t kDirectoriesLeftMax = 100'000;

}  // namespace

void Walk::take_surplus(const Slice& slice, const peer::DirectoryAnswer& answer) {
    if (!rules_.deletes()) return;
    effects_.counters[Count::FilesAtDestination] +=
        static_cast<std::int64_t>(answer.entries_there());
    std::uint64_t entries = 0;
    for (const peer::SurplusEntry& entry : answer.surplus()) {
        const bool is_directory = static_cast<EntryType>(entry.type()) == EntryType::Directory;
        const std::string path = path_of(slice.path, entry.name());
        if (rules_.excludes(path, is_directory)) continue;
        ++entries;
        if (!is_directory) continue;
        work::DirectoryCursor cursor;
        cursor.set_path(path);
        cursor.set_surplus(true);
        stack_.push_back(std::move(cursor));
    }
    effects_.counters[Count::FilesSurplus] += static_cast<std::int64_t>(entries);
    if (entries > 0 && !rules_.options.dry_run) plan_removal(slice, answer, entries);
    if (answer.surplus_cut_after().empty()) return;
    Slice rest = slice;
    rest.first = false;
    rest.after = answer.surplus_cut_after();
    // They were compared already.
    for (const File& file : rest.files) rest.others.push_back(file.name);
    rest.files.clear();
    std::sort(rest.others.begin(), rest.others.end());
    peer::View view;
    *view.add_directories() = question_of(rest);
    const auto viewed = context_.delivery.view(std::move(view));
    const peer::Viewed* more = take(viewed);
    if (more == nullptr || more->directories_size() != 1) return;
    const peer::DirectoryAnswer& found = more->directories(0);
    if (found.has_failure()) return surplus_failed(slice.path, found.failure());
    take_surplus(rest, found);
}

void Walk::plan_removal(const Slice& slice, const peer::DirectoryAnswer& answer,
                        std::uint64_t entries) {
    const bool is_cut = !answer.surplus_cut_after().empty();
    work::Removal removal;
    removal.set_path(slice.path);
    removal.set_after(slice.after);
    removal.set_until(is_cut ? answer.surplus_cut_after() : slice.until);
    removal.set_entries(entries);
    removal.set_inode(slice.attributes.inode);
    units_.add_removal(std::move(removal));
    // Removing an entry changes its directory's times.
    const bool source_has_it = slice.attributes.inode != 0;
    if (source_has_it) keep_directory(slice.path, slice.attributes);
}

// What the destination has in a directory of its own, from the cursor on. Nothing: the way broke.
std::optional<peer::DirectoryAnswer> Walk::look_into(const work::DirectoryCursor& cursor) {
    peer::View view;
    peer::DirectoryQuestion& question = *view.add_directories();
    question.set_path(cursor.path());
    question.set_surplus(true);
    question.set_absent_is_fine(true);
    question.set_after(cursor.after());
    const auto viewed = context_.delivery.view(std::move(view));
    const peer::Viewed* answers = take(viewed);
    if (answers == nullptr) return {};
    if (answers->directories_size() == 1) return answers->directories(0);
    broken_ = Trouble{FileCode::PeerLost, "the destination answered another question"};
    return {};
}

// What a delete would remove below a directory that only the destination has: counted, so that it
// can be refused before anything is gone.
void Walk::visit_surplus(work::DirectoryCursor cursor) {
    auto answer = look_into(cursor);
    if (!answer) return;
    if (answer->has_failure()) return surplus_failed(cursor.path(), answer->failure());
    if (answer->absent()) return;
    entries_seen_ += answer->entries_there();
    Slice slice;
    slice.path = cursor.path();
    slice.after = cursor.after();
    slice.until = answer->surplus_cut_after();
    if (!answer->surplus_cut_after().empty()) {
        cursor.set_after(answer->surplus_cut_after());
        stack_.push_back(std::move(cursor));
        answer->clear_surplus_cut_after();
    }
    take_surplus(slice, *answer);
}

// Why a directory at the destination, that only a request with replace_type would remove, stays:
// filters protect something in it, or that cannot be told. Nothing: it may go.
std::optional<Trouble> Walk::why_it_stays(const std::string& directory) {
    if (rules_.filter.is_empty()) return {};
    const auto because = [](const std::string& reason) {
        return Trouble{FileCode::TypeConflict,
                       "a directory is in the way at the destination, and " + reason, EISDIR};
    };
    const auto is_protected = [&](const std::string& path) {
        return because("filters protect '" + base::printable(path) + "'");
    };
    if (rules_.excludes(directory, true)) return is_protected(directory);
    std::vector<work::DirectoryCursor> left(1);
    left.back().set_path(directory);
    while (!left.empty()) {
        if (context_.stop.stop_requested()) broken_ = Trouble::stopped();
        if (left.size() > kDirectoriesLeftMax) {
            return because("holds too many others to tell whether filters protect one");
        }
        work::DirectoryCursor cursor = std::move(left.back());
        left.pop_back();
        const auto answer = broken_ ? std::optional<peer::DirectoryAnswer>{} : look_into(cursor);
        if (!answer) return because("it cannot be looked into");
        if (answer->has_failure()) {
            const Trouble trouble = transfer::trouble_of(answer->failure());
            tries_again(trouble);
            return because("what filters protect in it cannot be told: " + trouble.message);
        }
        for (const peer::SurplusEntry& entry : answer->surplus()) {
            const bool is_directory = static_cast<EntryType>(entry.type()) == EntryType::Directory;
            std::string path = path_of(cursor.path(), entry.name());
            if (rules_.excludes(path, is_directory)) return is_protected(path);
            if (is_directory) left.emplace_back().set_path(std::move(path));
        }
        if (answer->surplus_cut_after().empty()) continue;
        cursor.set_after(answer->surplus_cut_after());
        left.push_back(std::move(cursor));
    }
    return {};
}

// One that may not be read cannot be removed either: that will be said then.
void Walk::surplus_failed(const std::string& path, const peer::Failure& failure) {
    const Trouble trouble = transfer::trouble_of(failure);
    if (tries_again(trouble) || !base::is_retryable(trouble.code)) return;
    effects_.counters[Count::FilesDiscovered] += 1;
    effects_.counters[Count::FilesFailed] += 1;
    error(path, trouble);
}

}  // namespace godwit::agent
