// Hands out work: lays the requests that a worker can serve before the policy, claims units along
// its choices, and makes assignments of them.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/settings.h"
#include "godwit/sdk/assignment_policy.h"
#include "godwit/sdk/state_store.h"
#include "master/cluster.h"
#include "master/delete_guard.h"
#include "master/lifecycle.h"
#include "master/scene.h"
#include "model/assignment.h"

namespace godwit::master {

// Thread-safe.
class Scheduler {
public:
    // All of them outlive it.
    Scheduler(const config::MasterSettings& settings, sdk::StateStore& store,
              sdk::AssignmentPolicy& policy, Cluster& cluster, Lifecycle& lifecycle);

    // Up to `units_max` assignments. None: nothing to do for this worker, or it is not active.
    Result<std::vector<model::Assignment>> assign(const sdk::WorkerId& worker,
                                                  std::size_t units_max, AskForm form);

    // The assignment has ended: its destination is free for others.
    void ended(const model::AssignmentId& assignment);
    // Where it was sent to; empty when this master does not know.
    sdk::WorkerId destination_of(const model::AssignmentId& assignment) const;
    // Forgets what ended without a word: leases that were lost, requests that are gone.
    void tidy(const Snapshot& snapshot);

private:
    Result<std::vector<model::Assignment>> assign_from(const Snapshot& snapshot,
                                                       const sdk::WorkerId& worker,
                                                       std::size_t units_max, AskForm form);
    Writing writing() const;
    Result<std::vector<model::Assignment>> claim(const Scene& scene, const sdk::Choice& choice,
                                                 std::size_t units_max);
    sdk::ClaimSpec spec_of(const Scene& scene, const sdk::Choice& choice,
                           std::size_t units_max) const;
    Result<std::vector<sdk::Lease>> claim_allowed(const sdk::Request& request,
                                                  const sdk::ClaimSpec& spec);
    void guard_deletes(const sdk::RequestId& request, std::vector<sdk::Lease>& leases);
    std::uint64_t share_at_claim(const sdk::Request& request, const sdk::WorkerId& worker,
                                 const model::RequestOptions& options);
    model::Assignment make(const Scene& scene, const sdk::Choice& choice, sdk::Lease lease) const;
    void note_destination(const model::Assignment& assignment);

    const config::MasterSettings& settings_;
    sdk::StateStore& store_;
    sdk::AssignmentPolicy& policy_;
    Cluster& cluster_;
    Lifecycle& lifecycle_;
    DeleteGuard delete_guard_;

    struct Handed {
        sdk::WorkerId source;
        sdk::WorkerId destination;
        base::Deadline at{};  // When it was handed out.
    };
    void drop(const Handed& handed);  // mutex_ held

    mutable std::mutex mutex_;
    // Who writes what this master handed out: an estimate for the policy, no truth.
    std::map<model::AssignmentId, Handed> handed_;  // guarded by mutex_
    Writing writing_for_;                           // guarded by mutex_
};

}  // namespace godwit::master
