#include "master/results.h"

#include <algorithm>
#include <map>
#include <set>

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

// Who and when is said here, whatever the worker wrote.
void stamp(sdk::FileError& error, const model::AssignmentResult& result, base::WallTime now) {
    error.worker = result.worker;
    error.attempt = result.attempt;
    error.first_at = now;
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
            batch.failures.push_back(failure_of(result));
            batch.failure_at.push_back(i);
        }
    }
    for (const auto& [request, batch] : batches) {
        if (auto status = apply(request, batch, outcomes); !status) {
            return std::move(status).error();
        }
    }
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (outcomes[i].outcome == "applied") follow_up(results[i]);
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

sdk::Failure Results::failure_of(const model::AssignmentResult& result) const {
    sdk::Failure failure;
    failure.lease = result.assignment->lease;
    failure.worker = result.worker;
    // A pause is nobody's fault: the unit waits as it was.
    failure.released = result.released || result.pause;
    failure.attempts_max = result.retryable ? settings_.attempts_max : 1;
    if (!failure.released) failure.backoff = backoff_after(result.attempt);
    failure.error = result.error;
    if (failure.error.message.empty()) failure.error.message = result.message;
    failure.message = result.message;
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
    kLog.warning("assignment failed", {{"request", result.request},
                                       {"worker", result.worker},
                                       {"attempt", result.attempt},
                                       {"released", result.released},
                                       {"code", result.error.code},
                                       {"reason", result.message}});
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

// -------------------------------------------------------------------------------------- heartbeats

Result<model::HeartbeatAnswer> Results::take(const model::Heartbeat& heartbeat) {
    const auto snapshot = cluster_.look();
    const sdk::Worker* known = snapshot ? (*snapshot)->worker(heartbeat.worker.id) : nullptr;
    const bool was_live = known != nullptr && cluster_.is_live(*known);
    const auto before = store_.upsert_worker(heartbeat.worker);
    if (!before) return before.error();
    cluster_.absolve(heartbeat.worker.id);
    const bool restarted = !before->empty() && *before != heartbeat.worker.incarnation;
    if (restarted) take_back(heartbeat.worker);
    if (!was_live || restarted) {
        kLog.info("worker registered", {{"worker", heartbeat.worker.id},
                                        {"status", heartbeat.worker.status},
                                        {"address", heartbeat.worker.peer_address}});
    }
    cluster_.changed();
    model::HeartbeatAnswer answer;
    if (auto status = renew(heartbeat, answer); !status) return std::move(status).error();
    if (heartbeat.worker.status == "DRAINING") give_back(heartbeat);
    if (auto status = find_ended(heartbeat, answer); !status) return std::move(status).error();
    return answer;
}

// What an earlier life of the worker held, nobody works on any more.
void Results::take_back(const sdk::Worker& worker) {
    // It may have been given to the worker a moment ago, by another master even.
    cluster_.changed();
    const auto snapshot = cluster_.look_closely();
    if (!snapshot) return;
    for (const sdk::Request& request : (*snapshot)->active) {
        if (!request.holders.contains(worker.id)) continue;
        sdk::ReapSpec spec;
        spec.worker = worker.id;
        spec.losses_max = settings_.attempts_max;
        const auto reaped = store_.reap(request.id, spec);
        if (reaped && !reaped->empty()) {
            kLog.warning(
                "worker restarted, its leases go back",
                {{"request", request.id}, {"worker", worker.id}, {"leases", reaped->size()}});
        }
    }
}

// A worker that takes no more, and does not know of a lease, will not work on it: the answer that
// brought it was lost.
void Results::give_back(const model::Heartbeat& heartbeat) {
    const std::set<std::string> known{heartbeat.leases.begin(), heartbeat.leases.end()};
    const auto snapshot = cluster_.look_closely();
    if (!snapshot) return;
    for (const sdk::Request& request : (*snapshot)->active) {
        if (!request.holders.contains(heartbeat.worker.id)) continue;
        const auto leases = store_.leases(request.id, heartbeat.worker.id);
        if (!leases) continue;
        std::vector<sdk::Failure> releases;
        for (const sdk::Lease& lease : *leases) {
            if (known.contains(model::to_string({request.id, lease.ref}))) continue;
            sdk::Failure release;
            release.lease = lease.ref;
            release.worker = heartbeat.worker.id;
            release.released = true;
            release.attempts_max = settings_.attempts_max;
            releases.push_back(std::move(release));
            if (releases.size() == store_.info().batch_max) break;  // The rest runs out.
        }
        if (releases.empty()) continue;
        const auto released = store_.fail(request.id, releases);
        kLog.info("worker is draining, leases that it does not know go back",
                  {{"request", request.id},
                   {"worker", heartbeat.worker.id},
                   {"leases", released ? released->size() : 0}});
    }
    cluster_.changed();
}

Status Results::renew(const model::Heartbeat& heartbeat, model::HeartbeatAnswer& answer) {
    std::map<sdk::RequestId, std::vector<sdk::LeaseRef>> leases;
    for (const std::string& text : heartbeat.leases) {
        if (const auto id = model::parse_assignment_id(text)) {
            leases[id->request].push_back(id->lease);
        } else {
            answer.lost.push_back(text);
        }
    }
    const std::size_t batch_max = store_.info().batch_max;
    for (const auto& [request, refs] : leases) {
        for (std::size_t at = 0; at < refs.size(); at += batch_max) {
            const auto part = std::span{refs}.subspan(at, std::min(batch_max, refs.size() - at));
            const auto renewed = store_.renew(request, part, settings_.lease);
            if (!renewed) return renewed.status();
            for (std::size_t i = 0; i < part.size(); ++i) {
                // One that was completed meanwhile is no loss.
                const bool lost = (*renewed)[i] == sdk::Outcome::LeaseLost ||
                                  (*renewed)[i] == sdk::Outcome::NotFound;
                if (lost) answer.lost.push_back(model::to_string({request, part[i]}));
            }
        }
    }
    return {};
}

Status Results::find_ended(const model::Heartbeat& heartbeat, model::HeartbeatAnswer& answer) {
    for (const model::RequestRef& ref : heartbeat.requests) {
        const auto request = store_.get(ref.id);
        if (!request && request.error().code != Code::NotFound) return request.status();
        const bool ended =
            !request || request->generation != ref.generation || sdk::is_terminal(request->state);
        if (ended) answer.ended.push_back(ref);
    }
    return {};
}

}  // namespace godwit::master
