#include "agent/delete_walk.h"

#include <algorithm>
#include <cerrno>

#include "files/listing.h"
#include "files/publish.h"
#include "transfer/messages.h"
#include "transfer/payload.h"
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

// A directory that still holds something: what is protected in it, what could not be removed (which
// was said then), or what has come since it was listed.
bool is_kept(const peer::Failure& failure) {
    return failure.error_number() == ENOTEMPTY || failure.error_number() == EEXIST;
}

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

model::AssignmentResult DeleteWalk::run(const work::Removals& removals) {
    stack_ = {removals.removals().rbegin(), removals.removals().rend()};
    const bool is_empty = source_is_empty();
    if (is_empty && !broken_) return refuse();
    while (!stack_.empty() && budget_left()) {
        work::Removal removal = std::move(stack_.back());
        stack_.pop_back();
        visit(std::move(removal));
    }
    // What was done to the end need not be done again, though it was to stop.
    if (context_.stop.stop_requested() && !stack_.empty()) broken_ = Trouble::stopped();
    if (broken_) return break_off();
    for (; !stack_.empty(); stack_.pop_back()) units_.add_removal(std::move(stack_.back()));
    units_.finish();
    return succeeded(context_.assignment, std::move(effects_));
}

bool DeleteWalk::source_is_empty() {
    bool is_empty = true;
    const auto status = files::for_each_entry(source_.fd(), [&](const char* name, unsigned char) {
        is_empty = files::is_temporary(name);
        return is_empty;
    });
    if (!status) broken_ = Trouble::of_source(status.error());
    return is_empty;
}

// A step that is given up keeps the master from handing out what else is to be removed.
model::AssignmentResult DeleteWalk::refuse() const {
    sdk::Effects effects;
    effects.counters[Count::StepsGivenUp] = 1;
    effects.errors.push_back(file_error(
        "", {FileCode::MaxDeleteExceeded,
             "deletes stopped: the source has become empty since it was listed; see that it is "
             "mounted on worker '" +
                 context_.assignment.worker + "', and sync again"}));
    return succeeded(context_.assignment, std::move(effects));
}

// What is removed stays removed, and is not allowed once more.
model::AssignmentResult DeleteWalk::break_off() {
    model::AssignmentResult result = agent::failed(context_.assignment, *broken_);
    work::Work rest;
    rest.set_roots(context_.work.roots());
    rest.mutable_removals();
    for (; !stack_.empty(); stack_.pop_back()) {
        *rest.mutable_removals()->add_removals() = std::move(stack_.back());
    }
    if (auto payload = transfer::seal_payload(rest)) {
        result.rest = context_.assignment.unit;
        result.rest->payload = std::move(*payload);
    }
    result.effects = std::move(effects_);
    return result;
}

void DeleteWalk::visit(work::Removal removal) {
    const auto folder = SourceFolder::open(source_, removal.path());
    const bool is_absent =
        !folder && (folder.error().code == Code::NotFound || folder.error().native == ENOTDIR);
    const auto attributes = folder      ? files::stat_of(folder->fd())
                            : is_absent ? files::Attributes{}
                                        : Result<files::Attributes>{folder.error()};
    if (!attributes) return failed(removal.path(), Trouble::of_source(attributes.error()));
    if (attributes->inode != removal.inode()) return;
    const auto read =
        is_absent ? std::make_shared<const files::NameList>()
                  : context_.long_directories.names_in(folder->fd(), !removal.after().empty());
    if (!read) return failed(removal.path(), Trouble::of_source(read.error()));
    const files::NameList& names = **read;
    std::vector<std::string> present;
    std::size_t i = removal.after().empty() ? 0 : names.upper_bound(removal.after());
    bool is_done = true;
    for (; i < names.size() && is_done; ++i) {
        const std::string name{names[i]};
        if (!removal.until().empty() && name > removal.until()) break;
        present.push_back(name);
        if (present.size() < kNamesPerQuestion) continue;
        is_done = remove_part(removal, name, std::exchange(present, {}));
    }
    is_done = is_done && remove_part(removal, removal.until(), present);
    if (!is_done) {
        stack_.push_back(std::move(removal));
    } else if (folder) {
        context_.long_directories.leave(folder->fd());
    }
}

bool DeleteWalk::remove_part(work::Removal& removal, const std::string& until,
                             const std::vector<std::string>& present) {
    for (bool has_more = true; has_more && removal.entries() > 0;) {
        if (!budget_left()) return false;
        const auto answer = ask(removal, until, present);
        if (!answer) return false;
        if (answer->absent()) return true;
        if (answer->has_failure()) {
            failed(removal.path(), transfer::trouble_of(answer->failure()));
            return true;
        }
        std::vector<std::string> doomed;
        std::string next = answer->surplus_cut_after();
        for (const peer::SurplusEntry& entry : answer->surplus()) {
            const bool is_directory = static_cast<EntryType>(entry.type()) == EntryType::Directory;
            if (rules_.excludes(path_of(removal.path(), entry.name()), is_directory)) continue;
            if (doomed.size() >= removal.entries()) {
                next = doomed.back();
                break;
            }
            doomed.push_back(entry.name());
        }
        remove(removal, doomed);
        if (broken_) return false;
        has_more = !next.empty();
        if (has_more) removal.set_after(next);
    }
    removal.set_after(until);
    return true;
}

std::optional<peer::DirectoryAnswer> DeleteWalk::ask(const work::Removal& removal,
                                                     const std::string& until,
                                                     const std::vector<std::string>& present) {
    peer::View view;
    peer::DirectoryQuestion& question = *view.add_directories();
    question.set_path(removal.path());
    question.set_surplus(true);
    question.set_absent_is_fine(true);
    question.set_after(removal.after());
    question.set_until(until);
    for (const std::string& name : present) question.add_others(name);
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

void DeleteWalk::remove(work::Removal& removal, const std::vector<std::string>& names) {
    if (names.empty()) return;
    peer::Remove message;
    peer::Removal& doomed = *message.add_removals();
    doomed.set_directory(removal.path());
    for (const std::string& name : names) doomed.add_names(name);
    auto removed = context_.delivery.remove(std::move(message));
    if (auto* trouble = std::get_if<Trouble>(&removed)) {
        // Any of them may be gone, though nobody says so.
        removal.set_entries(removal.entries() -
                            std::min<std::uint64_t>(removal.entries(), names.size()));
        broken_ = std::move(*trouble);
        return;
    }
    const peer::Removed& done = std::get<peer::Removed>(removed);
    removal.set_entries(removal.entries() - std::min(removal.entries(), done.entries()));
    effects_.counters[Count::FilesDeleted] += static_cast<std::int64_t>(done.entries());
    effects_.counters[Count::BytesDeleted] += static_cast<std::int64_t>(done.bytes());
    for (const peer::FileProblem& problem : done.problems()) {
        if (problem.index() >= names.size() || is_kept(problem.failure())) continue;
        failed(path_of(removal.path(), names[problem.index()]),
               transfer::trouble_of(problem.failure()));
    }
}

// Counts as a file that could not be copied does, from being discovered on.
void DeleteWalk::failed(const std::string& path, const Trouble& trouble) {
    effects_.counters[Count::FilesDiscovered] += 1;
    effects_.counters[Count::FilesFailed] += 1;
    effects_.errors.push_back(file_error(path, trouble));
}

}  // namespace godwit::agent
