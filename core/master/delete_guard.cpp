#include "master/delete_guard.h"

#include <array>

#include "base/file_code.h"
#include "base/log.h"
#include "base/time.h"
#include "model/progress.h"

namespace godwit::master {
namespace {

using base::FileCode;
using sdk::Count;
using Kind = DeleteVerdict::Kind;

const base::Log kLog{"master"};

DeleteVerdict refused(FileCode code, std::string message) {
    return {Kind::Refused, std::string{base::to_string(code)},
            "deletes refused: " + std::move(message)};
}

std::string number(std::int64_t value) {
    return std::to_string(value);
}

bool exceeds(std::int64_t surplus, std::int64_t there, const model::DeleteLimit& limit) {
    const auto share = static_cast<long double>(limit.value);
    if (!limit.is_percent) return static_cast<long double>(surplus) > share;
    return 100.0L * static_cast<long double>(surplus) > share * static_cast<long double>(there);
}

}  // namespace

DeleteVerdict delete_verdict(const sdk::Counters& counters, const model::RequestOptions& options) {
    const std::int64_t surplus = counters[Count::FilesSurplus];
    const std::int64_t there = counters[Count::FilesAtDestination];
    const bool wanted = options.delete_surplus == model::Delete::After && !options.dry_run;
    if (!wanted || surplus <= 0) return {};
    // What could not be read at the source would look as if it were not there.
    if (counters[Count::StepsGivenUp] > 0) {
        return refused(FileCode::DeleteSkipped,
                       number(counters[Count::StepsGivenUp]) +
                           " parts of the source or of the copying were "
                           "given up, so that what is surplus is not sure");
    }
    if (counters[Count::FilesFailed] > 0) {
        return refused(FileCode::DeleteSkipped,
                       number(counters[Count::FilesFailed]) + " files failed");
    }
    // The source's own directory is counted, too. An empty source is often one that is not mounted.
    if (counters[Count::FilesDiscovered] == 0 && counters[Count::Directories] <= 1) {
        return refused(FileCode::MaxDeleteExceeded, "the source is empty, and " + number(surplus) +
                                                        " entries at the destination would go");
    }
    if (!exceeds(surplus, there, options.max_delete)) return {Kind::Go, {}, {}};
    return refused(FileCode::MaxDeleteExceeded,
                   number(surplus) + " of " + number(there) +
                       " entries at the destination are surplus, max_delete is " +
                       std::to_string(options.max_delete.value) +
                       (options.max_delete.is_percent ? " %" : ""));
}

bool is_delete(const sdk::Unit& unit) noexcept {
    return unit.stage >= model::kDeleteStage && unit.stage <= model::kRemovalStage;
}

bool DeleteGuard::lets_go(const sdk::RequestId& id, const sdk::Lease& lease) {
    const auto request = store_.get(id);
    const auto document = request ? documents_.of(*request) : nullptr;
    if (document == nullptr) {
        give_back(id, lease);
        return false;
    }
    if (lease.unit.stage == model::kDeleteStage) {
        end(id, lease, delete_verdict(request->counters, document->options));
        return false;
    }
    // A refusal counts as a step that was given up. So does a delete that cannot be carried out:
    // whatever keeps it from being, the others had better not go on.
    if (request->counters[Count::StepsGivenUp] == 0) return true;
    end(id, lease, {});
    return false;
}

// The same verdict, should the answer of the store get lost: all that it follows from has ended.
void DeleteGuard::end(const sdk::RequestId& id, const sdk::Lease& lease,
                      const DeleteVerdict& verdict) {
    sdk::Completion completion;
    completion.lease = lease.ref;
    if (verdict.kind == Kind::Refused) {
        sdk::FileError error;
        error.code = verdict.code;
        error.worker = "master";
        error.attempt = lease.attempt;
        error.first_at = base::wall_now();
        error.last_at = error.first_at;
        error.message = verdict.message;
        completion.effects.errors.push_back(std::move(error));
        completion.effects.counters[Count::StepsGivenUp] = 1;
        kLog.warning("deletes refused",
                     {{"request", id}, {"code", verdict.code}, {"reason", verdict.message}});
    }
    if (const auto ended = store_.complete(id, std::array{std::move(completion)}); !ended) {
        kLog.warning("a delete could not be ended, its lease runs out",
                     {{"request", id}, {"reason", ended.error().message}});
    }
}

void DeleteGuard::give_back(const sdk::RequestId& id, const sdk::Lease& lease) {
    sdk::Failure release;
    release.lease = lease.ref;
    release.worker = lease.worker;
    release.released = true;
    if (const auto released = store_.fail(id, std::array{std::move(release)}); !released) {
        kLog.warning("a delete could not be given back, its lease runs out",
                     {{"request", id}, {"reason", released.error().message}});
    }
}

}  // namespace godwit::master
