#include "master/results.h"

#include <algorithm>
#include <map>

#include "base/file_code.h"
#include "base/ids.h"
#include "base/log.h"

namespace godwit::master {
namespace {

using base::Millis;
using sdk::Count;

constexpr Millis kBackoffMin{1'000};
constexpr Millis kBackoffMax{60'000};

const base::Log kLog{"master"};

// Doubles with every attempt, with jitter, so that what failed together does not come back
// together.
Millis backoff_after(std::uint32_t attempt) {
    const std::uint32_t doublings = std::min<std::uint32_t>(attempt > 0 ? attempt - 1 : 0, 6);
    const Millis full = std::min(kBackoffMin * (1 << doublings), kBackoffMax);
    const auto half = static_cast<std::uint64_t>(full.count() / 2);
    return Millis{static_cast<std::int64_t>(half + base::random_u64() % (half + 1))};
}

// Who and when is said here, whatever the worker wrote; but for when it failed first, which it was
// told with the assignment.
void stamp(sdk::FileError& error, const model::AssignmentResult& result, base::WallTime now) {
    // A worker that follows the guide says no more than that it failed.
    if (!base::is_file_code(error.code)) error.code = base::to_string(base::FileCode::Internal);
    error.worker = result.worker;
    error.attempt = result.attempt;
    if (error.first_at == base::WallTime{} || error.first_at > now) error.first_at = now;
    error.last_at = now;
}

bool says_nothing(const sdk::Effects& effects) {
    return effects.counters == sdk::Counters{} && effects.units.empty() && effects.errors.empty();
}

}  // namespace

Results::Results(const config::MasterSettings& settings, sdk::StateStore& store, Cluster& cluster,
                 Lifecycle& lifecycle, Scheduler& scheduler)
    : settings_{settings},
      store_{store},
      cluster_{cluster},
      lifecycle_{lifecycle},
      scheduler_{scheduler} {}

// ----------------------------------------------------------------------------------------- results

Result<std::vector<model::ResultOutcome>> Results::take(
    std::vector<model::AssignmentResult> results) {
    const base::WallTime now = base::wall_now();
    std::vector<model::ResultOutcome> outcomes(results.size());
    std::map<sdk::RequestId, Batch> batches;
    for (std::size_t i = 0; i < results.size(); ++i) {
        model::AssignmentResult& result = results[i];
        if (auto status = find_assignment(result, outcomes[i].outcome); !status) {
            return std::move(status).error();
        }
        if (!result.assignment) continue;
        outcomes[i].assignment_id = model::to_string(*result.assignment);
        for (sdk::FileError& error : result.effects.errors) stamp(error, result, now);
        stamp(result.error, result, now);
        Batch& batch = batches[result.request];
        if (result.success) {
            batch.completions.push_back({result.assignment->lease, result.effects});
            batch.completions.back().effects.message = result.message;
            batch.completion_at.push_back(i);
        } else {
            auto failure = failure_of(result);
            if (!failure) return std::move(failure).error();
            batch.failures.push_back(std::move(*failure));
            batch.failure_at.push_back(i);
        }
    }
    for (const auto& [request, batch] : batches) {
        if (auto status = apply(request, batch, outcomes); !status) {
            return std::move(status).error();
        }
    }
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (outcomes[i].outcome == "applied") {
            cluster_.quarantine().note(results[i], base::SteadyClock::now());
            follow_up(results[i]);
        }
        if (results[i].assignment) scheduler_.ended(*results[i].assignment);
    }
    cluster_.changed();
    for (const auto& [request, batch] : batches) lifecycle_.check(request);
    return outcomes;
}

// A result without an assignment speaks of the one that the worker holds for the request.
Status Results::find_assignment(model::AssignmentResult& result, std::string& outcome) {
    if (result.assignment) return {};
    const auto leases = store_.leases(result.request, result.worker);
    if (!leases) return leases.status();
    if (leases->size() != 1) {
        outcome = leases->empty() ? "not_held" : "ambiguous";
        return {};
    }
    const sdk::Lease& lease = leases->front();
    result.assignment = model::AssignmentId{result.request, lease.ref};
    result.attempt = lease.attempt;
    // A bare success means that all of it was done; of a listing, that there was nothing to copy.
    if (result.success && says_nothing(result.effects) && lease.unit.kind == sdk::UnitKind::Chunk) {
        result.effects.counters[Count::FilesCopied] = static_cast<std::int64_t>(lease.unit.files);
        result.effects.counters[Count::BytesCopied] = static_cast<std::int64_t>(lease.unit.bytes);
    }
    return {};
}

// What the request asks for; null when it is not there, or cannot be read.
Result<std::shared_ptr<const model::SyncRequest>> Results::document_of(const sdk::RequestId& id) {
    if (const auto snapshot = cluster_.look()) {
        if (const sdk::Request* known = (*snapshot)->request(id)) {
            return cluster_.documents().of(*known);
        }
    }
    const auto request = store_.get(id);
    if (request) return cluster_.documents().of(*request);
    if (request.error().code != Code::NotFound) return request.error();
    return std::shared_ptr<const model::SyncRequest>{};
}

Result<sdk::Failure> Results::failure_of(const model::AssignmentResult& result) {
    auto document = document_of(result.request);
    if (!document) return std::move(document).error();
    sdk::Failure failure;
    failure.lease = result.assignment->lease;
    failure.worker = result.worker;
    // A pause is nobody's fault: the unit waits as it was.
    failure.released = result.released || result.pause;
    failure.attempts_max = result.retryable ? attempts_max_of(settings_, document->get()) : 1;
    if (!failure.released) failure.backoff = backoff_after(result.attempt);
    failure.error = result.error;
    if (failure.error.message.empty()) failure.error.message = result.message;
    // Policies see by it who has failed; who gave something back has not.
    if (!result.released) {
        failure.message = result.message.empty() ? failure.error.code : result.message;
    }
    failure.effects = result.effects;
    failure.effects.message.clear();
    failure.rest = result.rest;
    return failure;
}

Status Results::apply(const sdk::RequestId& request, const Batch& batch,
                      std::vector<model::ResultOutcome>& outcomes) {
    const std::size_t batch_max = store_.info().batch_max;
    for (std::size_t at = 0; at < batch.completions.size(); at += batch_max) {
        const std::size_t count = std::min(batch_max, batch.completions.size() - at);
        const auto applied =
            store_.complete(request, std::span{batch.completions}.subspan(at, count));
        if (!applied) return applied.status();
        for (std::size_t i = 0; i < count; ++i) {
            outcomes[batch.completion_at[at + i]].outcome = sdk::to_string((*applied)[i]);
        }
    }
    for (std::size_t at = 0; at < batch.failures.size(); at += batch_max) {
        const std::size_t count = std::min(batch_max, batch.failures.size() - at);
        const auto applied = store_.fail(request, std::span{batch.failures}.subspan(at, count));
        if (!applied) return applied.status();
        for (std::size_t i = 0; i < count; ++i) {
            outcomes[batch.failure_at[at + i]].outcome = sdk::to_string((*applied)[i].outcome);
        }
    }
    return {};
}

void Results::follow_up(const model::AssignmentResult& result) {
    if (result.success) return;
    // What was given back is no trouble: a pause gives back all that is under way.
    if (!result.released) {
        kLog.warning("assignment failed", {{"request", result.request},
                                           {"worker", result.worker},
                                           {"attempt", result.attempt},
                                           {"code", result.error.code},
                                           {"reason", result.message}});
    }
    Status status;
    if (result.pause) {
        status = lifecycle_.apply(result.request, RequestEvent::Pause, result.error.code,
                                  result.message);
    } else if (result.fatal) {
        status =
            lifecycle_.apply(result.request, RequestEvent::Fail, result.error.code, result.message);
    } else if (result.error.code == "peer_lost") {
        const sdk::WorkerId destination = scheduler_.destination_of(*result.assignment);
        if (!destination.empty() && !result.released) cluster_.suspect(destination);
    }
    if (!status && status.error().code != Code::Conflict && status.error().code != Code::NotFound) {
        kLog.warning("request state not changed",
                     {{"request", result.request}, {"reason", status.error().message}});
    }
}

}  // namespace godwit::master
