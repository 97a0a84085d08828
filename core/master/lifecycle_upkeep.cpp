// What Lifecycle does when units have ended, and with every tick.
#include "base/bytes.h"
#include "base/file_code.h"
#include "base/log.h"
#include "master/delete_guard.h"
#include "master/lifecycle.h"

namespace godwit::master {
namespace {

using base::FileCode;
using base::Millis;
using base::SteadyClock;
using sdk::Count;
using sdk::RequestState;

constexpr std::size_t kErrorsPerPage = 1'000;

const base::Log kLog{"master"};

void log_unchanged(const sdk::Request& request, const Status& status) {
    // Whoever was quicker has done the same.
    if (status || status.error().code == Code::Conflict) return;
    kLog.warning("request state not changed, trying on at the next tick",
                 {{"request", request.id}, {"reason", status.error().message}});
}

bool is_refusal(const sdk::FileError& error) {
    return error.code == base::to_string(FileCode::MaxDeleteExceeded) ||
           error.code == base::to_string(FileCode::DeleteSkipped);
}

// The last error of the request of which `wanted` is true; nothing when there is none, or it was
// not kept.
Result<std::optional<sdk::FileError>> last_error(sdk::StateStore& store, const sdk::RequestId& id,
                                                 bool (*wanted)(const sdk::FileError&)) {
    std::optional<sdk::FileError> last;
    std::string cursor;
    do {
        auto page = store.errors(id, cursor, kErrorsPerPage);
        if (!page) return std::move(page).error();
        for (sdk::FileError& error : page->errors) {
            if (wanted(error)) last = std::move(error);
        }
        cursor = std::move(page->next);
    } while (!cursor.empty());
    return last;
}

// Its first listing, which counts the source's own directory or file, was given up: neither what
// the source is nor what stands at the destination is known.
bool was_never_listed(const sdk::Counters& counters) {
    return counters[Count::StepsGivenUp] > 0 && counters[Count::Directories] == 0 &&
           counters[Count::FilesDiscovered] == 0;
}

// Who writes to the same place, and what to do about it.
std::string blocker_of(const Snapshot& snapshot, const sdk::Request& request) {
    for (std::size_t i = 0; i < snapshot.active.size(); ++i) {
        const sdk::Request& other = snapshot.active[i];
        const bool meets = sdk::is_beneath(request.destination_path, other.destination_path) ||
                           sdk::is_beneath(other.destination_path, request.destination_path);
        if (snapshot.destination_busy[i] || !meets || other.id == request.id) continue;
        return "request '" + other.id + "', which is " + std::string{to_string(other.state)} +
               (other.reason.empty() ? "" : " (" + other.reason + ")") + " and writes to '" +
               base::to_utf8_lossy(other.destination_path) + "': it goes first unless cancelled";
    }
    return "another request, which writes to the same place";
}

}  // namespace

std::uint32_t attempts_max_of(const config::MasterSettings& settings,
                              const model::SyncRequest* document) noexcept {
    const bool own = document != nullptr && document->options.max_attempts != 0;
    return own ? document->options.max_attempts : settings.attempts_max;
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
    const auto document = cluster_.documents().of(request);
    const std::uint64_t failures_max = document ? document->options.max_failures : 0;
    const auto failed = static_cast<std::uint64_t>(request.counters[Count::FilesFailed]);
    if (failures_max != 0 && failed > failures_max) {
        log_unchanged(request,
                      change(request, {RequestEvent::Fail, "max_failures_exceeded",
                                       std::to_string(failed) + " files failed, max_failures is " +
                                           std::to_string(failures_max)})
                          .status());
    } else if (backlog.outstanding() == 0) {
        log_unchanged(request, drain(request));
    }
}

Status Lifecycle::drain(const sdk::Request& request) {
    const auto end = end_of(request);
    if (!end) return end.status();
    return change(request, *end).status();
}

Result<Lifecycle::Change> Lifecycle::end_of(const sdk::Request& request) {
    const bool whole =
        request.counters[Count::FilesFailed] == 0 && request.counters[Count::StepsGivenUp] == 0;
    Change end{whole ? RequestEvent::Drain : RequestEvent::DrainWithErrors, "", ""};
    const auto document = cluster_.documents().of(request);
    if (document != nullptr && document->options.dry_run) {
        model::RequestOptions real = document->options;
        real.dry_run = false;
        const DeleteVerdict verdict = delete_verdict(request.counters, real);
        if (verdict.kind == DeleteVerdict::Kind::Refused) {
            end.reason = verdict.code;
            end.detail = verdict.message + "; nothing would be deleted";
        }
    }
    if (request.counters[Count::StepsGivenUp] == 0) return end;
    const bool failed = was_never_listed(request.counters);
    if (failed) end.event = RequestEvent::Fail;
    auto why = last_error(store_, request.id,
                          failed ? [](const sdk::FileError&) { return true; } : is_refusal);
    if (!why) return std::move(why).error();
    if (*why) {
        end.reason = (*why)->code;
        end.detail = (*why)->message;
    }
    return end;
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
    waits_.tidy(snapshot);
    cluster_.quarantine().tidy(snapshot.workers, snapshot.taken_at);
}

void Lifecycle::reap(const Snapshot& snapshot, const sdk::Request& request) {
    // Agents that worked on while the master was away get the time to say so first.
    if (request.holders.empty() || SteadyClock::now() - started_at_ < settings_.lease) return;
    sdk::ReapSpec spec;
    spec.losses_max = attempts_max_of(settings_, cluster_.documents().of(request).get());
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

Millis Lifecycle::mount_wait_of(const sdk::Request& request) {
    const auto document = cluster_.documents().of(request);
    if (document == nullptr || document->options.mount_wait_seconds == 0) {
        return settings_.mount_wait;
    }
    return Millis{std::int64_t{1000} * document->options.mount_wait_seconds};
}

void Lifecycle::wait_for_workers(const Snapshot& snapshot, const sdk::Request& request, bool busy) {
    const auto& pending = request.backlog.pending;
    const bool waits =
        std::any_of(pending.begin(), pending.end(), [](std::uint64_t units) { return units > 0; });
    if (request.state == RequestState::Paused || request.backlog.outstanding() == 0) return;
    Wait wait = waits ? wait_of(cluster_, snapshot, request, busy) : Wait{};
    if (waits && busy) wait.detail = "waiting for " + blocker_of(snapshot, request);
    if (waits_.has_expired(request.id, wait, mount_wait_of(request), SteadyClock::now())) {
        auto failed = apply(request.id, RequestEvent::Fail, wait.reason,
                            "gave up after mount_wait_seconds, " + wait.detail +
                                "; GET /workers tells what is mounted");
        if (failed || failed.error().code == Code::Conflict) return;
    }
    if (wait.reason == request.reason) return;
    // Visible to whoever asks why nothing moves.
    sdk::Transition note;
    note.to = request.state;
    note.reason = wait.reason;
    note.detail = wait.reason.empty() ? "going on" : wait.detail;
    if (!store_.transition(request.id, request.revision, note)) return;
    cluster_.changed();
    kLog.info(wait.reason.empty() ? "request goes on" : "request waits",
              {{"request", request.id}, {"reason", wait.reason}, {"detail", note.detail}});
}

}  // namespace godwit::master
