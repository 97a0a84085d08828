// Takes in what workers report: results of assignments, and heartbeats.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/settings.h"
#include "godwit/sdk/state_store.h"
#include "master/cluster.h"
#include "master/lifecycle.h"
#include "master/scheduler.h"
#include "model/assignment.h"

namespace godwit::master {

// Thread-safe. All it changes may be reported again after an unknown outcome, with the effect of
// one.
class Results {
public:
    // All of them outlive it.
    Results(const config::MasterSettings& settings, sdk::StateStore& store, Cluster& cluster,
            Lifecycle& lifecycle, Scheduler& scheduler);

    // One outcome word per result, in their order ("applied", "already_done", "lease_lost",
    // "not_found", "not_held", "ambiguous"). An error: nothing is known of any of them.
    Result<std::vector<model::ResultOutcome>> take(std::vector<model::AssignmentResult> results);

    Result<model::HeartbeatAnswer> take(const model::Heartbeat& heartbeat);

private:
    // Results of one request, and where their outcomes go.
    struct Batch {
        std::vector<sdk::Completion> completions;
        std::vector<std::size_t> completion_at;
        std::vector<sdk::Failure> failures;
        std::vector<std::size_t> failure_at;
    };

    Status find_assignment(model::AssignmentResult& result, std::string& outcome);
    Status apply(const sdk::RequestId& request, const Batch& batch,
                 std::vector<model::ResultOutcome>& outcomes);
    void follow_up(const model::AssignmentResult& result);
    Result<sdk::Failure> failure_of(const model::AssignmentResult& result);
    Result<std::shared_ptr<const model::SyncRequest>> document_of(const sdk::RequestId& id);
    Status renew(const model::Heartbeat& heartbeat, model::HeartbeatAnswer& answer);
    Status find_ended(const model::Heartbeat& heartbeat, model::HeartbeatAnswer& answer);
    void find_pauses_and_limits(const model::Heartbeat& heartbeat, model::HeartbeatAnswer& answer);
    void give_back(const model::Heartbeat& heartbeat);
    void take_back(const sdk::Worker& worker);

    const config::MasterSettings& settings_;
    sdk::StateStore& store_;
    Cluster& cluster_;
    Lifecycle& lifecycle_;
    Scheduler& scheduler_;
};

}  // namespace godwit::master
