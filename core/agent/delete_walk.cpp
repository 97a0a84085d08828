#include "agent/delete_walk.h"

#include <algorithm>

#include "files/listing.h"
#include "transfer/messages.h"
#include "transfer/source.h"

namespace godwit::agent {
namespace {

using base::FileCode;
using files::EntryType;
using sdk::Count;
using transfer::SourceFolder;
using transfer::Trouble;

constexpr base::Millis kTimePerAssignment{1'000};
constexpr std::size_t kNamesPerQuestion = 4'096;
constexpr std::size_t kErrorsPerResult = 4'096;

}  // namespace

DeleteWalk::DeleteWalk(WorkContext& context, const files::Tree& source, work::Roots roots,
                       const Rules& rules)
    : context_{context},
      source_{source},
      rules_{rules},
      end_{base::SteadyClock::now() + kTimePerAssignment},
      units_{roots, context.assignment.chunk_bytes, effects_} {}

// At least one step, so that every assignment brings the removal forward.
bool DeleteWalk::budget_left() const {
    return !broken_ && !context_.stop.stop_requested() &&
           effects_.errors.size() < kErrorsPerResult &&
           (steps_ == 0 || base::SteadyClock::now() < end_);
}

model::AssignmentResult DeleteWalk::run(const work::Listing& listing) {
    stack_ = {listing.directories().begin(), listing.directories().end()};
    std::reverse(stack_.begin(), stack_.end());
    while (!stack_.empty() && budget_left()) {
        work::DirectoryCursor cursor = std::move(stack_.back());
        stack_.pop_back();
        visit(std::move(cursor));
    }
    if (context_.stop.stop_requested()) broken_ = Trouble::stopped();
    if (broken_) {
        model::AssignmentResult result = agent::failed(context_.assignment, *broken_);
        // What is removed stays removed, and its directories want their times back.
        units_.finish();
        result.effects = std::move(effects_);
        return result;
    }
    units_.add_removal_rest(std::move(stack_));
    units_.finish();
    return succeeded(context_.assignment, std::move(effects_));
}

void DeleteWalk::visit(work::DirectoryCursor cursor) {
    const auto folder = SourceFolder::open(source_, cursor.path());
    const auto read =
        folder ? context_.long_directories.names_in(folder->fd(), !cursor.after().empty())
               : Result<std::shared_ptr<const files::NameList>>{folder.error()};
    if (!read) {
        // Nothing is removed on the word of a directory that cannot be read, or has just vanished.
        if (read.error().code == Code::NotFound && !cursor.path().empty()) return;
        if (cursor.path().empty()) {
            broken_ = Trouble::of_source(read.error());
            return;
        }
        effects_.counters[Count::FilesFailed] += 1;
        effects_.errors.push_back(file_error(cursor.path(), Trouble::of_source(read.error())));
        return;
    }
    const files::NameList& names = **read;
    std::vector<std::string> present;
    std::vector<work::DirectoryCursor> below;
    std::string after = cursor.after();
    const auto remove = [&](const std::string& until) {
        if (!remove_slice(cursor.path(), after, until, std::exchange(present, {}))) {
            cursor.set_after(after);
            stack_.push_back(std::move(cursor));
            return false;
        }
        std::move(below.begin(), below.end(), std::back_inserter(stack_));
        below.clear();
        return true;
    };
    for (std::size_t i = after.empty() ? 0 : names.upper_bound(after); i < names.size(); ++i) {
        const std::string name{names[i]};
        present.push_back(name);
        const std::string path = path_of(cursor.path(), name);
        const auto attributes = folder->stat(name);
        if (attributes && attributes->type == EntryType::Directory &&
            !rules_.excludes(path, true)) {
            below.emplace_back().set_path(path);
        }
        if (present.size() < kNamesPerQuestion || i + 1 == names.size()) continue;
        if (!remove(name)) return;
        after = name;
    }
    if (remove("")) context_.long_directories.leave(folder->fd());
}

// `present` are the source's names behind `after`, up to `until`. False: not all of it was done.
bool DeleteWalk::remove_slice(const std::string& path, const std::string& after,
                              const std::string& until, std::vector<std::string> present) {
    std::string from = after;
    do {
        if (!budget_left()) return false;
        peer::DirectoryQuestion question;
        question.set_path(path);
        question.set_surplus(true);
        question.set_absent_is_fine(true);
        question.set_after(from);
        question.set_until(until);
        for (const std::string& name : present) question.add_others(name);
        const auto answer = ask(std::move(question));
        if (!answer) return false;
        if (answer->has_failure() || answer->absent()) return true;
        std::vector<std::string> files;
        std::vector<std::string> directories;
        for (const peer::SurplusEntry& entry : answer->surplus()) {
            const bool is_directory = static_cast<EntryType>(entry.type()) == EntryType::Directory;
            if (rules_.excludes(path_of(path, entry.name()), is_directory)) continue;
            (is_directory ? directories : files).push_back(entry.name());
        }
        if (!files.empty() || !directories.empty()) touched(path);
        remove(path, files);
        for (const std::string& directory : directories) {
            if (!remove_below(path_of(path, directory))) return false;
        }
        from = answer->surplus_cut_after();
    } while (!from.empty());
    return !broken_;
}

bool DeleteWalk::remove_below(const std::string& path) {
    std::vector<Doomed> chain{{path, {}, true, false}};
    while (!chain.empty()) {
        if (!budget_left()) return false;
        if (chain.back().has_more) {
            if (!step_into(chain)) return false;
            continue;
        }
        const Doomed done = std::move(chain.back());
        chain.pop_back();
        const files::SplitPath split = files::split(done.path);
        const bool stays =
            done.is_kept || remove(std::string{split.directory}, {std::string{split.name}}) != 0;
        if (stays && !chain.empty()) chain.back().is_kept = true;
    }
    return !broken_;
}

// Removes a page of the last directory's entries; the directories among them come first, one after
// the other.
bool DeleteWalk::step_into(std::vector<Doomed>& chain) {
    const std::string path = chain.back().path;
    peer::DirectoryQuestion question;
    question.set_path(path);
    question.set_surplus(true);
    question.set_absent_is_fine(true);
    question.set_after(chain.back().after);
    const auto answer = ask(std::move(question));
    if (!answer) return false;
    chain.back().after = answer->surplus_cut_after();
    chain.back().has_more = !answer->surplus_cut_after().empty();
    if (answer->has_failure()) {
        effects_.counters[Count::FilesFailed] += 1;
        effects_.errors.push_back(file_error(path, transfer::trouble_of(answer->failure())));
        chain.back().is_kept = true;
        return true;
    }
    std::vector<std::string> files;
    std::vector<std::string> directories;
    for (const peer::SurplusEntry& entry : answer->surplus()) {
        const bool is_directory = static_cast<EntryType>(entry.type()) == EntryType::Directory;
        if (rules_.excludes(path_of(path, entry.name()), is_directory)) {
            chain.back().is_kept = true;
        } else {
            (is_directory ? directories : files).push_back(entry.name());
        }
    }
    if (remove(path, files) != 0) chain.back().is_kept = true;
    for (const std::string& name : directories)
        chain.push_back({path_of(path, name), {}, true, false});
    return !broken_;
}

std::optional<peer::DirectoryAnswer> DeleteWalk::ask(peer::DirectoryQuestion question) {
    peer::View view;
    *view.add_directories() = std::move(question);
    auto viewed = context_.delivery.view(std::move(view));
    if (auto* trouble = std::get_if<Trouble>(&viewed)) {
        broken_ = std::move(*trouble);
        return std::nullopt;
    }
    ++steps_;
    peer::Viewed& answers = std::get<peer::Viewed>(viewed);
    if (answers.directories_size() == 1) return std::move(*answers.mutable_directories(0));
    broken_ = Trouble{FileCode::PeerLost, "the destination answered another question"};
    return std::nullopt;
}

int DeleteWalk::remove(const std::string& directory, const std::vector<std::string>& names) {
    if (names.empty() || broken_) return 0;
    peer::Remove message;
    peer::Removal& removal = *message.add_removals();
    removal.set_directory(directory);
    for (const std::string& name : names) removal.add_names(name);
    auto removed = context_.delivery.remove(std::move(message));
    if (auto* trouble = std::get_if<Trouble>(&removed)) {
        broken_ = std::move(*trouble);
        return static_cast<int>(names.size());
    }
    const peer::Removed& done = std::get<peer::Removed>(removed);
    effects_.counters[Count::FilesDeleted] += static_cast<std::int64_t>(done.entries());
    effects_.counters[Count::BytesDeleted] += static_cast<std::int64_t>(done.bytes());
    for (const peer::FileProblem& problem : done.problems()) {
        if (problem.index() >= names.size()) continue;
        effects_.counters[Count::FilesFailed] += 1;
        effects_.errors.push_back(file_error(path_of(directory, names[problem.index()]),
                                             transfer::trouble_of(problem.failure())));
    }
    return done.problems_size();
}

// Removing an entry changes its directory's times.
void DeleteWalk::touched(const std::string& path) {
    const auto directory = source_.open_directory(path);
    const auto attributes =
        directory ? files::stat_of(directory->get()) : Result<files::Attributes>{directory.error()};
    if (attributes) units_.add_directory(path, transfer::to_message(*attributes));
}

}  // namespace godwit::agent
