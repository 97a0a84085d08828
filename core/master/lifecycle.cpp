#include "master/lifecycle.h"

#include "base/bytes.h"
#include "base/log.h"
#include "master/admission.h"
#include "master/retry.h"
#include "model/file_list.h"

namespace godwit::master {
namespace {

using base::SteadyClock;
using sdk::Count;

// Two masters, or a master and an operator, may change the same request at once; one of them sees
// the other's revision and looks again.
constexpr int kTransitionTries = 8;

const base::Log kLog{"master"};

std::string state_of(const sdk::Request& request) {
    return "request '" + request.id + "' is " + std::string{sdk::to_string(request.state)};
}

// Conflict: the state does not allow it.
Status check_allowed(const sdk::Request& request, RequestEvent event) {
    if (next_state(request.state, event)) return {};
    return Error{Code::Conflict, state_of(request) + ": it cannot be changed by '" +
                                     std::string{to_string(event)} + "'"};
}

}  // namespace

Lifecycle::Lifecycle(const config::MasterSettings& settings, sdk::StateStore& store,
                     Cluster& cluster)
    : settings_{settings}, store_{store}, cluster_{cluster}, started_at_{SteadyClock::now()} {}

Result<sdk::CreateReply> Lifecycle::admit(const model::SyncRequest& request) {
    const sdk::NewRequest created = new_request(request);
    auto reply = store_.create(created);
    if (reply && reply->created) {
        cluster_.changed();
        kLog.info("request state changed", {{"request", request.id},
                                            {"state", "QUEUED"},
                                            {"source", created.source_path},
                                            {"destination", created.destination_path}});
    }
    return reply;
}

// ------------------------------------------------------------------------------- changes of state

Result<sdk::Revision> Lifecycle::change(const sdk::Request& request, const Change& wanted,
                                        sdk::Transition transition) {
    if (auto allowed = check_allowed(request, wanted.event); !allowed) {
        return std::move(allowed).error();
    }
    transition.to = *next_state(request.state, wanted.event);
    transition.reason = wanted.reason;
    transition.detail = wanted.detail;
    // What it waited for is over: the note of it must not stay.
    if (wanted.event == RequestEvent::Claim && !request.reason.empty()) {
        transition.detail = "going on";
    }
    auto revision = store_.transition(request.id, request.revision, transition);
    if (!revision) return revision;
    cluster_.changed();
    kLog.info("request state changed", {{"request", request.id},
                                        {"from", sdk::to_string(request.state)},
                                        {"state", sdk::to_string(transition.to)},
                                        {"reason", transition.reason},
                                        {"detail", transition.detail},
                                        {"files_copied", request.counters[Count::FilesCopied]},
                                        {"files_failed", request.counters[Count::FilesFailed]}});
    return revision;
}

template <class Refusal, class Attempt>
Status Lifecycle::settle(const sdk::RequestId& id, const Refusal& refusal, const Attempt& attempt) {
    for (int i = 0; i < kTransitionTries; ++i) {
        const auto request = store_.get(id);
        if (!request) return request.status();
        if (Status refused = refusal(*request); !refused) return refused;
        Status status = attempt(*request);
        if (status || status.error().code != Code::Conflict) return status;
    }
    return Error{Code::Unavailable, "request '" + id + "' is changing too fast"};
}

Status Lifecycle::apply(const sdk::RequestId& id, RequestEvent event, const std::string& reason,
                        const std::string& detail) {
    return settle(
        id, [&](const sdk::Request& request) { return check_allowed(request, event); },
        [&](const sdk::Request& request) {
            return change(request, {event, reason, detail}).status();
        });
}

void Lifecycle::started(const sdk::Request& request) {
    if (request.state != sdk::RequestState::Queued) return;
    // Whoever was quicker has done the same.
    auto status = apply(request.id, RequestEvent::Claim);
    if (!status && status.error().code != Code::Conflict && status.error().code != Code::NotFound) {
        kLog.warning("request state not changed, trying on at the next tick",
                     {{"request", request.id}, {"reason", status.error().message}});
    }
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

// ---------------------------------------------------------------------------------- further runs

Result<sdk::Transition> Lifecycle::from_the_beginning(const sdk::Request& request) {
    const auto attachment = store_.attachment(request.id);
    if (!attachment) return attachment.error();
    sdk::Transition transition;
    transition.restart = true;
    transition.units = first_units(request.source_path, *attachment);
    return transition;
}

Status Lifecycle::reassign(const sdk::RequestId& id, const sdk::WorkerId& worker) {
    const auto request = store_.get(id);
    if (!request) return request.status();
    if (!next_state(request->state, RequestEvent::Requeue)) {
        return Error{Code::InvalidArgument,
                     state_of(*request) + ": only QUEUED and FAILED requests can be reassigned"};
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
    auto transition = from_the_beginning(*request);
    if (!transition) return transition.status();
    transition->pin = worker;
    return change(*request, {RequestEvent::Requeue, "", "reassigned to worker '" + worker + "'"},
                  std::move(*transition))
        .status();
}

Status Lifecycle::retry(const sdk::RequestId& id) {
    return settle(
        id, [](const sdk::Request& request) { return check_allowed(request, RequestEvent::Retry); },
        [&](const sdk::Request& request) {
            std::string detail;
            auto transition = next_attempt(request, detail);
            if (!transition) return transition.status();
            return change(request, {RequestEvent::Retry, "", detail}, std::move(*transition))
                .status();
        });
}

Result<sdk::Transition> Lifecycle::next_attempt(const sdk::Request& request, std::string& detail) {
    const auto document = cluster_.documents().of(request);
    const auto files =
        failed_files(store_, request, document ? document->options : model::RequestOptions{});
    if (!files) return files.error();
    if (!*files) {
        detail = "another attempt, from the beginning";
        return from_the_beginning(request);
    }
    detail = "another attempt at " + std::to_string((*files)->size()) + " files that failed";
    sdk::Transition transition;
    transition.clear_errors = true;
    transition.add = without_failed(request.counters);
    transition.units =
        list_units(request.source_path, model::pack_file_list(**files, /*again=*/true));
    return transition;
}

Result<sdk::Request> Lifecycle::patch(const sdk::RequestId& id, const model::SyncPatch& patch) {
    const auto refusal = [&](const sdk::Request& request) -> Status {
        const bool readable = cluster_.documents().of(request) != nullptr;
        if (readable && !sdk::is_terminal(request.state)) return {};
        return Error{Code::Conflict,
                     state_of(request) + (readable ? ": only what is under way can be changed"
                                                   : ", and what it asks for cannot be read")};
    };
    auto status = settle(id, refusal, [&](const sdk::Request& request) {
        const auto document = cluster_.documents().of(request);
        const model::SyncRequest changed = model::apply(patch, *document);
        sdk::Transition transition;
        transition.to = request.state;
        transition.reason = request.reason;
        transition.document = model::canonical(changed);
        transition.priority = changed.options.priority;
        return store_.transition(id, request.revision, transition).status();
    });
    if (!status) return std::move(status).error();
    cluster_.changed();
    kLog.info("request patched", {{"request", id}});
    return store_.get(id);
}

}  // namespace godwit::master
