#include "master/lifecycle.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/log.h"

namespace godwit::master {
namespace {

using base::Millis;
using base::SteadyClock;
using sdk::Count;
using sdk::RequestState;

// Two masters, or a master and an operator, may change the same request at once; one of them sees
// the other's revision and looks again.
constexpr int kTransitionTries = 8;

const base::Log kLog{"master"};

sdk::Unit first_unit(const std::string& source_path) {
    sdk::Unit unit;
    unit.kind = sdk::UnitKind::Listing;
    unit.files = 1;  // The directory: if it is given up, something has failed.
    unit.label = source_path;
    return unit;
}

bool mounts(const sdk::Worker& worker, const std::string& path) {
    return !sdk::mount_of(worker, path).empty();
}

}  // namespace

Lifecycle::Lifecycle(const config::MasterSettings& settings, sdk::StateStore& store,
                     Cluster& cluster)
    : settings_{settings}, store_{store}, cluster_{cluster}, started_at_{SteadyClock::now()} {}

Result<sdk::CreateReply> Lifecycle::admit(const model::SyncRequest& request) {
    sdk::NewRequest created;
    created.id = request.id;
    created.generation = base::random_u64();
    created.document = model::canonical(request);
    created.fingerprint = created.document;
    created.source_path = request.source_path;
    created.destination_path = request.destination_path;
    created.priority = request.options.priority;
    created.units.push_back(first_unit(request.source_path));
    auto reply = store_.create(created);
    if (reply && reply->created) {
        cluster_.changed();
        kLog.info("request state changed", {{"request", request.id},
                                            {"state", "QUEUED"},
                                            {"source", request.source_path},
                                            {"destination", request.destination_path}});
    }
    return reply;
}

Status Lifecycle::change(const sdk::Request& request, RequestEvent event, const std::string& reason,
                         const std::string& detail) {
    const auto to = next_state(request.state, event);
    if (!to) {
        return Error{Code::Conflict, "request '" + request.id + "' is " +
                                         std::string{sdk::to_string(request.state)} +
                                         ": it cannot be changed by '" +
                                         std::string{to_string(event)} + "'"};
    }
    sdk::Transition transition;
    transition.to = *to;
    transition.reason = reason;
    transition.detail = detail;
    // What it waited for is over: the note of it must not stay.
    if (event == RequestEvent::Claim && !request.reason.empty()) transition.detail = "going on";
    if (event == RequestEvent::Drain && request.counters[Count::FilesFailed] > 0) {
        transition.to = RequestState::CompletedWithErrors;
    }
    if (event == RequestEvent::Requeue) {
        transition.restart = true;
        transition.units.push_back(first_unit(request.source_path));
        transition.pin = request.pinned_worker;
    }
    const auto revision = store_.transition(request.id, request.revision, transition);
    if (!revision) return revision.status();
    cluster_.changed();
    kLog.info("request state changed", {{"request", request.id},
                                        {"from", sdk::to_string(request.state)},
                                        {"state", sdk::to_string(transition.to)},
                                        {"reason", reason},
                                        {"detail", detail},
                                        {"files_copied", request.counters[Count::FilesCopied]},
                                        {"files_failed", request.counters[Count::FilesFailed]}});
    return {};
}

Status Lifecycle::apply(const sdk::RequestId& id, RequestEvent event, const std::string& reason,
                        const std::string& detail) {
    Error last{Code::Unavailable, "request '" + id + "' is changing too fast"};
    for (int attempt = 0; attempt < kTransitionTries; ++attempt) {
        const auto request = store_.get(id);
        if (!request) return request.status();
        auto status = change(*request, event, reason, detail);
        const bool raced = !status && status.error().code == Code::Conflict &&
                           next_state(request->state, event).has_value();
        if (!raced) return status;
    }
    return last;
}

Status Lifecycle::reassign(const sdk::RequestId& id, const sdk::WorkerId& worker) {
    auto request = store_.get(id);
    if (!request) return request.status();
    if (!next_state(request->state, RequestEvent::Requeue)) {
        return Error{Code::InvalidArgument,
                     "request '" + id + "' is " + std::string{sdk::to_string(request->state)} +
                         ": only QUEUED and FAILED requests can be reassigned"};
    }
    const auto snapshot = cluster_.look_closely();
    if (!snapshot) return snapshot.status();
    const sdk::Worker* target = (*snapshot)->worker(worker);
    if (target == nullptr) {
        return Error{Code::InvalidArgument,
                     "worker '" + base::printable(worker, 128) + "' is not known"};
    }
    if (!cluster_.is_available(*target)) {
        return Error{Code::InvalidArgument, "worker '" + worker + "' is not active"};
    }
    if (!mounts(*target, request->source_path)) {
        return Error{Code::InvalidArgument, "worker '" + worker + "' does not mount '" +
                                                base::printable(request->source_path) + "'"};
    }
    request->pinned_worker = worker;
    return change(*request, RequestEvent::Requeue, "", "reassigned to worker '" + worker + "'");
}

Status Lifecycle::forget(const sdk::RequestId& id) {
    const auto request = store_.get(id);
    if (!request) return request.status();
    auto removed = store_.remove(id);
    if (!removed) return removed;
    cluster_.changed();
    kLog.info("request forgotten", {{"request", id}, {"state", sdk::to_string(request->state)}});
    return {};
}

void Lifecycle::started(const sdk::Request& request) {
    if (request.state != RequestState::Queued) return;
    // Whoever was quicker has done the same.
    auto status = apply(request.id, RequestEvent::Claim);
    if (!status && status.error().code != Code::Conflict && status.error().code != Code::NotFound) {
        kLog.warning("request state not changed, trying on at the next tick",
                     {{"request", request.id}, {"reason", status.error().message}});
    }
}

void Lifecycle::check(const sdk::RequestId& id) {
    if (const auto request = store_.get(id)) check(*request);
}

void Lifecycle::check(const sdk::Request& request) {
    // Its beginning could not be noted when its first unit was handed out.
    const sdk::Backlog& backlog = request.backlog;
    if (request.state == RequestState::Queued &&
        (backlog.leased_of(sdk::UnitKind::Listing) != 0 || backlog.outstanding() == 0)) {
        started(request);
        return;
    }
    if (request.state != RequestState::Progress) return;
    const auto parsed = model::parse_stored_request(request.document);
    const std::uint64_t failures_max = parsed.ok() ? parsed.document->options.max_failures : 0;
    const auto failed = static_cast<std::uint64_t>(request.counters[Count::FilesFailed]);
    Status status;
    if (failures_max != 0 && failed > failures_max) {
        status = change(request, RequestEvent::Fail, "max_failures_exceeded",
                        std::to_string(failed) + " files failed, max_failures is " +
                            std::to_string(failures_max));
    } else if (backlog.outstanding() == 0) {
        status = change(request, RequestEvent::Drain, "", "");
    }
    if (!status && status.error().code != Code::Conflict) {
        kLog.warning("request state not changed, trying on at the next tick",
                     {{"request", request.id}, {"reason", status.error().message}});
    }
}

void Lifecycle::tick() {
    const auto looked = cluster_.look();
    if (!looked) return;
    const Snapshot& snapshot = **looked;
    for (std::size_t i = 0; i < snapshot.active.size(); ++i) {
        const sdk::Request& request = snapshot.active[i];
        check(request);
        reap(snapshot, request);
        wait_for_workers(snapshot, request, snapshot.destination_busy[i]);
    }
    const std::lock_guard lock{mutex_};
    std::erase_if(waiting_since_, [&](const auto& waiting) {
        return std::none_of(
            snapshot.active.begin(), snapshot.active.end(),
            [&](const sdk::Request& request) { return request.id == waiting.first; });
    });
}

void Lifecycle::reap(const Snapshot& snapshot, const sdk::Request& request) {
    // Agents that worked on while the master was away get the time to say so first.
    if (request.holders.empty() || SteadyClock::now() - started_at_ < settings_.lease) return;
    sdk::ReapSpec spec;
    spec.losses_max = settings_.attempts_max;
    if (auto expired = store_.reap(request.id, spec)) log_reaped(request, *expired);
    for (const auto& [holder, leases] : request.holders) {
        const sdk::Worker* worker = snapshot.worker(holder);
        if (worker == nullptr || cluster_.is_live(*worker)) continue;
        spec.worker = holder;
        if (auto lost = store_.reap(request.id, spec)) log_reaped(request, *lost);
    }
}

void Lifecycle::log_reaped(const sdk::Request& request, const std::vector<sdk::Reaped>& reaped) {
    for (const sdk::Reaped& lost : reaped) {
        kLog.warning(
            lost.exhausted ? "unit lost too often, given up" : "lease lost, unit goes back",
            {{"request", request.id},
             {"worker", lost.lease.worker},
             {"kind", sdk::to_string(lost.lease.unit.kind)},
             {"label", lost.lease.unit.label}});
    }
    if (!reaped.empty()) cluster_.changed();
}

std::string Lifecycle::waiting_reason(const Snapshot& snapshot, const sdk::Request& request,
                                      bool busy, std::string& detail) const {
    const auto available = [&](const std::string& path, const sdk::WorkerId& only) {
        return std::any_of(snapshot.workers.begin(), snapshot.workers.end(),
                           [&](const sdk::Worker& worker) {
                               return cluster_.is_available(worker) && mounts(worker, path) &&
                                      (only.empty() || worker.id == only);
                           });
    };
    if (busy) {
        detail = "waiting: an older request writes to the same place";
        return "destination_busy";
    }
    if (!available(request.source_path, request.pinned_worker)) {
        detail = "waiting: no active worker mounts the source '" +
                 base::to_utf8_lossy(request.source_path) + "'";
        if (!request.pinned_worker.empty()) {
            detail += " (reassigned to worker '" + request.pinned_worker + "' only)";
        }
        return "no_source_worker";
    }
    if (!available(request.destination_path, "")) {
        detail = "waiting: no active worker mounts the destination '" +
                 base::to_utf8_lossy(request.destination_path) + "'";
        return "no_destination_worker";
    }
    return {};
}

Millis Lifecycle::mount_wait_of(const sdk::Request& request) const {
    const auto parsed = model::parse_stored_request(request.document);
    if (parsed.ok() && parsed.document->options.mount_wait_seconds != 0) {
        return Millis{std::int64_t{1000} * parsed.document->options.mount_wait_seconds};
    }
    return settings_.mount_wait;
}

void Lifecycle::wait_for_workers(const Snapshot& snapshot, const sdk::Request& request, bool busy) {
    const auto& pending = request.backlog.pending;
    const bool waits =
        std::any_of(pending.begin(), pending.end(), [](std::uint64_t units) { return units > 0; });
    if (request.state == RequestState::Paused || !waits) return;
    std::string detail;
    const std::string reason = waiting_reason(snapshot, request, busy, detail);
    bool expired = false;
    {
        const std::lock_guard lock{mutex_};
        if (reason.empty() || reason == "destination_busy") {
            waiting_since_.erase(request.id);
        } else {
            const base::Deadline now = SteadyClock::now();
            const auto since = waiting_since_.emplace(request.id, now).first->second;
            const Millis patience = mount_wait_of(request);
            expired = patience.count() > 0 && now - since >= patience;
        }
    }
    if (expired) {
        auto failed =
            apply(request.id, RequestEvent::Fail, reason, "gave up " + detail + " for too long");
        if (failed || failed.error().code == Code::Conflict) return;
    }
    if (reason == request.reason) return;
    // Visible to whoever asks why nothing moves.
    sdk::Transition note;
    note.to = request.state;
    note.reason = reason;
    note.detail = reason.empty() ? "going on" : detail;
    if (!store_.transition(request.id, request.revision, note)) return;
    cluster_.changed();
    kLog.info(reason.empty() ? "request goes on" : "request waits",
              {{"request", request.id}, {"reason", reason}, {"detail", note.detail}});
}

}  // namespace godwit::master
