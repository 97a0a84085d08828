#include "agent/copying.h"

#include <algorithm>

#include "agent/unit_builder.h"
#include "transfer/messages.h"
#include "transfer/payload.h"

namespace godwit::agent {
namespace {

using base::FileCode;
using sdk::Count;
using transfer::PackReport;
using transfer::Place;
using transfer::Trouble;

// A file that changes while it is copied is planned anew this often, then it is given up.
constexpr std::uint32_t kReplansMax = 2;

constexpr const char* kOwnerDropped =
    "owners could not be set on this worker (it lacks the right to chown); files belong to its "
    "user, "
    "setuid and setgid bits were dropped";

std::int64_t bytes_of(const work::FileEntry& entry) {
    return transfer::has_content(entry) ? static_cast<std::int64_t>(entry.attributes().size()) : 0;
}

// What became of files, as effects; knows nothing of how they were copied.
class Bookkeeper {
public:
    Bookkeeper(WorkContext& context, const files::Tree& source)
        : context_{context},
          source_{source},
          units_{context.work.roots(), context.assignment.chunk_bytes, effects_} {}

    void copied(const work::FileEntry& entry) {
        effects_.counters[Count::FilesCopied] += 1;
        effects_.counters[Count::BytesPublished] += bytes_of(entry);
    }
    void vanished(const std::string& directory, const work::FileEntry& entry) {
        effects_.counters[Count::FilesVanished] += 1;
        effects_.counters[Count::BytesVanished] += bytes_of(entry);
        record(directory, entry,
               {FileCode::SourceVanished, "it was gone before it was copied", ENOENT});
    }
    void failed(const std::string& directory, const work::FileEntry& entry,
                const Trouble& trouble) {
        effects_.counters[Count::FilesFailed] += 1;
        effects_.counters[Count::BytesFailed] += bytes_of(entry);
        record(directory, entry, trouble);
    }
    // Plans a file as it is now, or gives it up.
    void changed(const std::string& path, const work::FileEntry& entry) {
        const auto directory = source_.open_directory(path);
        const auto now = directory ? files::stat_at(directory->get(), entry.name())
                                   : Result<files::Attributes>{directory.error()};
        if (!now && now.error().code == Code::NotFound) {
            vanished(path, entry);
        } else if (!now) {
            failed(path, entry, Trouble::of_listed(now.error()));
        } else if (entry.replans() >= kReplansMax || now->type != files::EntryType::File) {
            failed(path, entry, Trouble::changed());
        } else {
            work::FileEntry anew = entry;
            *anew.mutable_attributes() = transfer::to_message(*now);
            anew.set_replans(entry.replans() + 1);
            effects_.counters[Count::BytesPlanned] +=
                std::max<std::int64_t>(0, bytes_of(anew) - bytes_of(entry));
            units_.add_file(path, anew);
        }
    }
    void owner_dropped() { effects_.message = kOwnerDropped; }
    sdk::Effects& effects() noexcept { return effects_; }
    sdk::Effects take() {
        units_.finish();
        return std::move(effects_);
    }

private:
    void record(const std::string& directory, const work::FileEntry& entry,
                const Trouble& trouble) {
        effects_.errors.push_back(file_error(path_of(directory, entry.name()), trouble));
    }

    WorkContext& context_;
    const files::Tree& source_;
    sdk::Effects effects_;
    UnitBuilder units_;
};

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
        if (report_.owner_dropped) books_.owner_dropped();
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
            if (report_.state(place) != PackReport::State::Done) return;
            books_.copied(entry_at(place));
            books_.effects().counters[Count::BytesCopied] += bytes_of(entry_at(place));
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
        const bool last = context_.assignment.attempt >= context_.assignment.attempts_max;
        // Neither a stop nor a full disk counts as an attempt.
        const bool free_attempt = trouble.is_stop || trouble.code == FileCode::NoSpace;
        if (!base::is_retryable(trouble.code) || (last && !free_attempt)) {
            books_.failed(path_at(place), entry_at(place), trouble);
            return;
        }
        // A stop, or a disk that is full, says more about the unit than one file's trouble.
        if (rest_.empty() || free_attempt) reason_ = trouble;
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

// Opens both sides. Empty: they are open.
std::optional<model::AssignmentResult> open_both(WorkContext& context,
                                                 std::optional<files::Tree>& source) {
    auto opened = context.delivery.open(open_message(context.assignment, context.work.roots()));
    if (auto* trouble = std::get_if<Trouble>(&opened)) return failed(context.assignment, *trouble);
    auto tree = open_source(context, context.work.roots());
    if (!tree) return failed(context.assignment, Trouble::of_source(tree.error()));
    source = std::move(*tree);
    return {};
}

bool source_is_unchanged(const files::Tree& source, const work::Publish& work) {
    const auto directory = source.open_directory(work.directory());
    if (!directory) return false;
    const auto now = files::stat_at(directory->get(), work.file().name());
    return now && transfer::is_same(*now, work.file().attributes());
}

}  // namespace

model::AssignmentResult copy_pack(WorkContext& context) {
    std::optional<files::Tree> source;
    if (auto failure = open_both(context, source)) return std::move(*failure);
    const PackReport report = context.delivery.send_pack(*source, context.work.pack());
    return PackAccount{context, *source, report}.result();
}

model::AssignmentResult copy_range(WorkContext& context) {
    std::optional<files::Tree> source;
    if (auto failure = open_both(context, source)) return std::move(*failure);
    const transfer::RangeReport report = context.delivery.send_range(*source, context.work.range());
    sdk::Effects effects;
    effects.counters[Count::BytesOnWire] = static_cast<std::int64_t>(report.bytes_on_wire);
    if (report.broken) {
        model::AssignmentResult result = failed(context.assignment, *report.broken);
        result.effects = std::move(effects);
        return result;
    }
    // A source that has changed is the publication's business, when all ranges have ended.
    if (!report.changed) {
        effects.counters[Count::BytesCopied] = static_cast<std::int64_t>(report.bytes_written);
    }
    return succeeded(context.assignment, std::move(effects));
}

model::AssignmentResult publish_file(WorkContext& context) {
    std::optional<files::Tree> source;
    if (auto failure = open_both(context, source)) return std::move(*failure);
    const work::Publish& work = context.work.publish();
    const bool discard = context.assignment.discard;
    const bool unchanged = source_is_unchanged(*source, work);
    peer::Publish publish;
    publish.set_directory(work.directory());
    *publish.mutable_file() = work.file();
    publish.set_temporary(work.temporary());
    publish.set_discard(discard || !unchanged);
    auto answer = context.delivery.publish(std::move(publish));

    Bookkeeper books{context, *source};
    if (auto* trouble = std::get_if<Trouble>(&answer)) {
        // What was written is gone (the destination lost its disk, say): copy it again.
        if (trouble->error_number != ENOENT) return failed(context.assignment, *trouble);
        books.changed(work.directory(), work.file());
    } else if (discard) {
        // The error of the part that failed stands in the request's list already.
        books.effects().counters[Count::FilesFailed] += 1;
    } else if (!unchanged) {
        books.changed(work.directory(), work.file());
    } else {
        books.copied(work.file());
        if (std::get<peer::Published>(answer).owner_dropped()) books.owner_dropped();
    }
    return succeeded(context.assignment, books.take());
}

model::AssignmentResult set_directories(WorkContext& context) {
    auto opened = context.delivery.open(open_message(context.assignment, context.work.roots()));
    if (auto* trouble = std::get_if<Trouble>(&opened)) return failed(context.assignment, *trouble);
    const work::Directories& work = context.work.directories();
    peer::Directories directories;
    *directories.mutable_directories() = work.directories();
    auto answer = context.delivery.set_directories(std::move(directories));
    if (auto* trouble = std::get_if<Trouble>(&answer)) return failed(context.assignment, *trouble);

    sdk::Effects effects;
    const auto& done = std::get<peer::DirectoriesDone>(answer);
    for (const peer::FileProblem& problem : done.problems()) {
        if (static_cast<int>(problem.index()) >= work.directories_size()) continue;
        effects.counters[Count::FilesFailed] += 1;
        effects.errors.push_back(
            file_error(work.directories(static_cast<int>(problem.index())).path(),
                       {transfer::code_of(problem.failure()), problem.failure().message(),
                        problem.failure().error_number()}));
    }
    if (done.owner_dropped()) effects.message = kOwnerDropped;
    return succeeded(context.assignment, std::move(effects));
}

}  // namespace godwit::agent
