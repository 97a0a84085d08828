#include "agent/copying.h"

#include <algorithm>
#include <set>

#include "agent/bookkeeper.h"
#include "agent/comparison.h"
#include "agent/rules.h"
#include "transfer/messages.h"
#include "transfer/payload.h"

namespace godwit::agent {
namespace {

using base::FileCode;
using sdk::Count;
using transfer::PackReport;
using transfer::Place;
using transfer::Trouble;

// Sorts a pack's report into what is over and what is worth another attempt.
class PackAccount {
public:
    PackAccount(WorkContext& context, const files::Tree& source, const PackReport& report)
        : context_{context}, pack_{context.work.pack()}, report_{report}, books_{context, source} {}

    model::AssignmentResult result() {
        const model::Assignment& assignment = context_.assignment;
        count_done();
        for (const PackReport::Problem& problem : report_.problems) take_problem(problem);
        if (report_.broken) take_unknown(*report_.broken);
        books_.effects().counters[Count::BytesOnWire] +=
            static_cast<std::int64_t>(report_.bytes_on_wire);
        books_.lost(report_.losses);
        if (rest_.empty()) return succeeded(assignment, books_.take());

        model::AssignmentResult result = agent::failed(assignment, reason_);
        result.rest = rest_unit();
        result.effects = books_.take();
        return result;
    }

private:
    const work::FileEntry& entry_at(Place place) const {
        return pack_.directories(place.directory).files(place.file);
    }
    const std::string& path_at(Place place) const {
        return pack_.directories(place.directory).path();
    }

    void count_done() {
        for_each([&](Place place) {
            switch (report_.state(place)) {
            case PackReport::State::Unchanged: books_.unchanged(entry_at(place)); return;
            case PackReport::State::Done:
                books_.copied(entry_at(place));
                books_.effects().counters[Count::BytesCopied] += bytes_of(entry_at(place));
                return;
            case PackReport::State::Problem:
            case PackReport::State::Unknown: return;
            }
        });
    }

    void take_problem(const PackReport::Problem& problem) {
        const work::FileEntry& entry = entry_at(problem.place);
        const std::string& path = path_at(problem.place);
        switch (problem.trouble.code) {
        case FileCode::SourceVanished: books_.vanished(path, entry); return;
        case FileCode::SourceChanged: books_.changed(path, entry); return;
        default: retry_or_fail(problem.place, problem.trouble);
        }
    }

    void take_unknown(const Trouble& trouble) {
        for_each([&](Place place) {
            if (report_.state(place) == PackReport::State::Unknown) retry_or_fail(place, trouble);
        });
    }

    void retry_or_fail(Place place, const Trouble& trouble) {
        if (!is_worth_another_attempt(context_.assignment, trouble)) {
            books_.failed(path_at(place), entry_at(place), trouble);
            return;
        }
        // A stop, or a disk that is full, says more about the unit than one file's trouble.
        if (rest_.empty() || is_no_attempt(trouble)) reason_ = trouble;
        rest_.push_back(place);
    }

    sdk::Unit rest_unit() {
        std::sort(rest_.begin(), rest_.end(), [](Place a, Place b) {
            return a.directory != b.directory ? a.directory < b.directory : a.file < b.file;
        });
        work::Work work;
        work.set_roots(context_.work.roots());
        sdk::Unit unit = context_.assignment.unit;
        unit.files = rest_.size();
        unit.bytes = 0;
        unit.label = path_of(path_at(rest_.front()), entry_at(rest_.front()).name());
        int directory = -1;
        for (const Place place : rest_) {
            if (place.directory != directory) {
                work.mutable_pack()->add_directories()->set_path(path_at(place));
                directory = place.directory;
            }
            auto* directories = work.mutable_pack()->mutable_directories();
            *directories->Mutable(directories->size() - 1)->add_files() = entry_at(place);
            unit.bytes += static_cast<std::uint64_t>(bytes_of(entry_at(place)));
        }
        // A part of what fitted fits; and if it did not, the whole would be tried again.
        if (auto payload = transfer::seal_payload(work)) unit.payload = std::move(*payload);
        return unit;
    }

    template <class Visit>
    void for_each(Visit&& visit) const {
        for (int d = 0; d < pack_.directories_size(); ++d) {
            for (int f = 0; f < pack_.directories(d).files_size(); ++f) visit(Place{d, f});
        }
    }

    WorkContext& context_;
    const work::Pack& pack_;
    const PackReport& report_;
    Bookkeeper books_;
    std::vector<Place> rest_;
    Trouble reason_;
};

// Whether a file that was planned, and now looks as it should, must have been copied meanwhile:
// not where it may have been planned although it looked so.
bool looks_tell(model::Compare compare) {
    return compare != model::Compare::Checksum && compare != model::Compare::Always;
}

// The files of a pack that stand at the destination as they should: an earlier attempt, of which
// nobody heard, has copied them.
PackReport look_for_copied(WorkContext& context, const work::Pack& pack,
                           const peer::Opened& opened) {
    PackReport report{pack};
    const model::RequestOptions& options = context.assignment.options;
    // Nor do looks tell which extended attributes a file has.
    if (!looks_tell(options.compare) || options.xattrs || options.acls) return report;
    const auto rules = Rules::make(context.assignment.options, opened);
    peer::View view;
    for (const work::DirectoryFiles& files : pack.directories()) {
        peer::DirectoryQuestion& question = *view.add_directories();
        question.set_path(files.path());
        question.set_absent_is_fine(true);
        for (const work::FileEntry& entry : files.files()) question.add_names(entry.name());
    }
    const auto viewed = context.delivery.view(std::move(view));
    const auto* answers = std::get_if<peer::Viewed>(&viewed);
    if (!rules || answers == nullptr || answers->directories_size() != pack.directories_size()) {
        return report;
    }
    CompareRules compare_rules = rules->compare;
    // How it was planned does not matter any more: what it was planned as does.
    compare_rules.compare = model::Compare::SizeMtime;
    for (int d = 0; d < pack.directories_size(); ++d) {
        for (const peer::FoundEntry& found : answers->directories(d).entries()) {
            const int f = static_cast<int>(found.index());
            if (f >= pack.directories(d).files_size()) continue;
            const work::FileEntry& entry = pack.directories(d).files(f);
            const files::Attributes attributes =
                transfer::from_message(entry.attributes(), transfer::from_message(entry.type()));
            const Verdict verdict =
                compare(compare_rules, {attributes, entry.link_target(), ""}, found);
            if (verdict == Verdict::Same && transfer::has_content(entry)) report.set_done({d, f});
        }
    }
    return report;
}

// Whether a large file was, by such an attempt.
bool look_for_published(WorkContext& context, const peer::Opened& opened) {
    work::Pack pack;
    work::DirectoryFiles& files = *pack.add_directories();
    files.set_path(context.work.publish().directory());
    *files.add_files() = context.work.publish().file();
    return was_begun(context) &&
           look_for_copied(context, pack, opened).state({0, 0}) == PackReport::State::Done;
}

// Opens both sides. Empty: they are open.
std::optional<model::AssignmentResult> open_both(WorkContext& context,
                                                 std::optional<files::Tree>& source,
                                                 peer::Opened& there) {
    auto opened = context.delivery.open(open_message(context.assignment, context.work.roots()));
    if (auto* trouble = std::get_if<Trouble>(&opened)) return failed(context.assignment, *trouble);
    there = std::get<peer::Opened>(opened);
    auto tree = open_source(context, context.work.roots());
    if (!tree) return failed(context.assignment, Trouble::of_source(tree.error()));
    source = std::move(*tree);
    return {};
}

// Whether the source is what was listed; what is not yet known of it is put into `entry`.
bool source_is_unchanged(WorkContext& context, const files::Tree& source, work::FileEntry& entry) {
    const auto folder = transfer::SourceFolder::open(source, context.work.publish().directory());
    if (!folder) return false;
    const auto now = folder->stat(entry.name());
    Trouble ignored;
    const model::RequestOptions& options = context.assignment.options;
    return now && transfer::is_same(*now, entry.attributes()) &&
           transfer::add_xattrs(*folder, {options.xattrs, options.acls}, entry, ignored);
}

// Sorts directories into what is over and what is worth another attempt.
class DirectoriesAccount {
public:
    explicit DirectoriesAccount(WorkContext& context)
        : context_{context}, work_{context.work.directories()} {}

    void take_problem(int index, const Trouble& trouble) {
        if (index >= work_.directories_size()) return;
        const std::string& path = work_.directories(index).path();
        // What both sides have lost was removed with what is surplus.
        if (trouble.error_number == ENOENT && is_gone_from_source(context_, path)) return;
        if (is_worth_another_attempt(context_.assignment, trouble)) {
            if (rest_.empty() || is_no_attempt(trouble)) reason_ = trouble;
            rest_.insert(index);
            return;
        }
        // Directories that fail count as files that do, from being discovered on.
        effects_.counters[Count::FilesDiscovered] += 1;
        effects_.counters[Count::FilesFailed] += 1;
        effects_.errors.push_back(file_error(path, trouble));
    }

    model::AssignmentResult result(const peer::DirectoriesDone& done) {
        for (const peer::FileProblem& problem : done.problems()) {
            take_problem(static_cast<int>(problem.index()),
                         transfer::trouble_of(problem.failure()));
        }
        effects_.message = warning_of(done.losses());
        if (rest_.empty()) return succeeded(context_.assignment, std::move(effects_));
        model::AssignmentResult result = failed(context_.assignment, reason_);
        result.rest = rest_unit();
        result.effects = std::move(effects_);
        return result;
    }

private:
    sdk::Unit rest_unit() const {
        work::Work work;
        work.set_roots(context_.work.roots());
        for (const int index : rest_) {
            *work.mutable_directories()->add_directories() = work_.directories(index);
        }
        sdk::Unit unit = context_.assignment.unit;
        unit.label = work_.directories(*rest_.begin()).path();
        if (auto payload = transfer::seal_payload(work)) unit.payload = std::move(*payload);
        return unit;
    }

    WorkContext& context_;
    const work::Directories& work_;
    sdk::Effects effects_;
    std::set<int> rest_;
    Trouble reason_;
};

// What the source's directory has beside its attributes, as it stands now.
Status add_xattrs(const files::Tree& source, files::XattrSelection selection,
                  work::DirectoryAttributes& directory) {
    const auto open = source.open_directory(directory.path());
    if (!open) return open.status();
    const auto xattrs = files::read_xattrs(open->get(), selection);
    if (!xattrs) return xattrs.status();
    transfer::to_message(*xattrs, *directory.mutable_xattrs());
    return {};
}

}  // namespace

model::AssignmentResult copy_pack(WorkContext& context) {
    std::optional<files::Tree> source;
    peer::Opened there;
    if (auto failure = open_both(context, source, there)) return std::move(*failure);
    const work::Pack& pack = context.work.pack();
    PackReport start =
        was_begun(context) ? look_for_copied(context, pack, there) : PackReport{pack};
    const PackReport report = context.delivery.send_pack(*source, pack, std::move(start));
    return PackAccount{context, *source, report}.result();
}

model::AssignmentResult copy_range(WorkContext& context) {
    std::optional<files::Tree> source;
    peer::Opened there;
    if (auto failure = open_both(context, source, there)) return std::move(*failure);
    const transfer::RangeReport report =
        context.delivery.send_range(*source, context.work.range(), was_begun(context));
    sdk::Effects effects;
    effects.counters[Count::BytesOnWire] = static_cast<std::int64_t>(report.bytes_on_wire);
    if (report.broken) {
        model::AssignmentResult result = failed(context.assignment, *report.broken);
        if (has_failed_elsewhere(context.assignment, *report.broken)) result.retryable = false;
        result.effects = std::move(effects);
        return result;
    }
    // A source that has changed is the publication's business, when all ranges have ended: it takes
    // back what they have counted, each of them the whole of its length.
    effects.counters[Count::BytesCopied] = static_cast<std::int64_t>(context.work.range().length());
    return succeeded(context.assignment, std::move(effects));
}

model::AssignmentResult publish_file(WorkContext& context) {
    std::optional<files::Tree> source;
    peer::Opened there;
    if (auto failure = open_both(context, source, there)) return std::move(*failure);
    const work::Publish& work = context.work.publish();
    const bool discard = context.assignment.discard;
    peer::Publish publish;
    publish.set_directory(work.directory());
    *publish.mutable_file() = work.file();
    const bool unchanged = source_is_unchanged(context, *source, *publish.mutable_file());
    publish.set_temporary(work.temporary());
    publish.set_discard(discard || !unchanged);
    publish.set_all_hole(work.all_hole());
    auto answer = context.delivery.publish(std::move(publish));

    Bookkeeper books{context, *source};
    sdk::Counters& counters = books.effects().counters;
    const auto hole_bytes = static_cast<std::int64_t>(work.hole_bytes());
    const std::int64_t in_ranges = bytes_of(work.file()) - hole_bytes;
    const auto count_copied = [&] {
        books.copied(work.file());
        counters[Count::BytesCopied] += hole_bytes;
    };
    if (auto* trouble = std::get_if<Trouble>(&answer)) {
        if (trouble->error_number != ENOENT) return failed(context.assignment, *trouble);
        // What was written is gone: published, or lost (with the destination's disk, say).
        if (look_for_published(context, there)) {
            count_copied();
            return succeeded(context.assignment, books.take());
        }
        counters[Count::BytesCopied] -= in_ranges;
        books.written_in_vain(work.directory(), work.file(), *trouble);
    } else if (discard) {
        // The error of the part that failed stands in the request's list already.
        counters[Count::FilesFailed] += 1;
        counters[Count::BytesFailed] += hole_bytes;
    } else if (!unchanged) {
        counters[Count::BytesCopied] -= in_ranges;
        books.changed(work.directory(), work.file());
    } else {
        count_copied();
        books.lost(std::get<peer::Published>(answer).losses());
    }
    return succeeded(context.assignment, books.take());
}

model::AssignmentResult set_directories(WorkContext& context) {
    std::optional<files::Tree> source;
    peer::Opened there;
    const files::XattrSelection selection{context.assignment.options.xattrs,
                                          context.assignment.options.acls};
    if (selection.any()) {
        if (auto failure = open_both(context, source, there)) return std::move(*failure);
    } else {
        auto opened = context.delivery.open(open_message(context.assignment, context.work.roots()));
        if (auto* trouble = std::get_if<Trouble>(&opened)) {
            return failed(context.assignment, *trouble);
        }
    }
    DirectoriesAccount account{context};
    peer::Directories directories;
    *directories.mutable_directories() = context.work.directories().directories();
    for (int i = 0; i < directories.directories_size() && selection.any(); ++i) {
        const auto status = add_xattrs(*source, selection, *directories.mutable_directories(i));
        if (status || status.error().code == Code::NotFound) continue;
        account.take_problem(i, Trouble::of_source(status.error()));
    }
    auto answer = context.delivery.set_directories(std::move(directories));
    if (auto* trouble = std::get_if<Trouble>(&answer)) return failed(context.assignment, *trouble);
    return account.result(std::get<peer::DirectoriesDone>(answer));
}

}  // namespace godwit::agent
