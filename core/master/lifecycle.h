// The life of requests: admission, the changes of state, and what keeps them moving when nobody
// asks: lost leases, waiting for workers, completion.
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"
#include "config/settings.h"
#include "godwit/sdk/state_store.h"
#include "master/cluster.h"
#include "master/state_machine.h"
#include "master/waits.h"
#include "model/sync_patch.h"
#include "model/sync_request.h"

namespace godwit::master {

// Thread-safe. Any number of masters may do all of this on one store at once.
class Lifecycle {
public:
    // All of them outlive it.
    Lifecycle(const config::MasterSettings& settings, sdk::StateStore& store, Cluster& cluster);

    // Conflict: the id is taken by another request.
    Result<sdk::CreateReply> admit(const model::SyncRequest& request);

    // Applies the event if the state allows it. NotFound; Conflict: the state does not allow it.
    // `reason` is a closed code, `detail` is for people.
    Status apply(const sdk::RequestId& id, RequestEvent event, const std::string& reason = {},
                 const std::string& detail = {});
    // Starts the request anew, on this worker only. NotFound; InvalidArgument with what is wrong:
    // the state, or the worker.
    Status reassign(const sdk::RequestId& id, const sdk::WorkerId& worker);
    // Makes another attempt: at the files that failed, where the request's errors name them all;
    // else from the beginning, where what is the same already is skipped. NotFound; Conflict: the
    // state does not allow it.
    Status retry(const sdk::RequestId& id);
    // Changes what a request asks for while it is under way; it stays the request that was
    // submitted. The request as it is then. NotFound; Conflict: it has ended.
    Result<sdk::Request> patch(const sdk::RequestId& id, const model::SyncPatch& patch);
    // Cancels what is under way and forgets the request. NotFound.
    Status forget(const sdk::RequestId& id);

    // After units of the request have ended: completes it when nothing is left to do, fails it when
    // too many files failed.
    void check(const sdk::RequestId& id);
    // A unit of it was handed out.
    void started(const sdk::Request& request);

    // Every few hundred milliseconds.
    void tick();

private:
    // What a change of state brings with it beside the state.
    struct Change {
        RequestEvent event;
        std::string reason;
        std::string detail;
    };
    Result<sdk::Revision> change(const sdk::Request& request, const Change& wanted,
                                 sdk::Transition transition = {});
    // `attempt` with the request as it is, again and again until no other change comes between;
    // what `refusal` says of it is the end, unless that is Ok.
    template <class Refusal, class Attempt>
    Status settle(const sdk::RequestId& id, const Refusal& refusal, const Attempt& attempt);

    // A transition that starts the request from the beginning.
    Result<sdk::Transition> from_the_beginning(const sdk::Request& request);
    Result<sdk::Transition> next_attempt(const sdk::Request& request, std::string& detail);

    void check(const sdk::Request& request);
    Status drain(const sdk::Request& request);
    Result<Change> end_of(const sdk::Request& request);
    void reap(const Snapshot& snapshot, const sdk::Request& request);
    void log_reaped(const sdk::Request& request, const std::vector<sdk::Reaped>& reaped);
    void wait_for_workers(const Snapshot& snapshot, const sdk::Request& request, bool busy);
    base::Millis mount_wait_of(const sdk::Request& request);

    const config::MasterSettings& settings_;
    sdk::StateStore& store_;
    Cluster& cluster_;
    const base::Deadline started_at_;
    Waits waits_;
};

// How often a unit may fail.
std::uint32_t attempts_max_of(const config::MasterSettings& settings,
                              const model::SyncRequest* document) noexcept;

}  // namespace godwit::master
