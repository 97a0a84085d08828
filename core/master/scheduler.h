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
#include "master/lifecycle.h"
#include "model/assignment.h"

namespace godwit::master {

// How a worker asked, which decides what it can be given.
enum class AskForm : std::uint8_t {
    // The seed guide's: restricted by the source alone. Such a worker finds its own way to the
    // destination.
    Single,
    // godwit-agent's: only units whose destination some worker mounts, reachable for it.
    Batch,
};

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
    struct Scene;

    Result<std::vector<model::Assignment>> assign_from(const Snapshot& snapshot,
                                                       const sdk::WorkerId& worker,
                                                       std::size_t units_max, AskForm form);
    Scene set(const Snapshot& snapshot, const sdk::WorkerId& worker, AskForm form) const;
    bool is_candidate(const Snapshot& snapshot, std::size_t index, const sdk::Worker& worker) const;
    bool is_sound(const Scene& scene, const sdk::Choice& choice) const;
    Result<std::vector<model::Assignment>> claim(const Scene& scene, const sdk::Choice& choice,
                                                 std::size_t units_max);
    model::Assignment make(const Scene& scene, const sdk::Choice& choice, sdk::Lease lease) const;
    void note_destination(const model::Assignment& assignment);

    const config::MasterSettings& settings_;
    sdk::StateStore& store_;
    sdk::AssignmentPolicy& policy_;
    Cluster& cluster_;
    Lifecycle& lifecycle_;

    struct Handed {
        sdk::WorkerId source;
        sdk::WorkerId destination;
    };
    void drop(const Handed& handed);  // mutex_ held

    mutable std::mutex mutex_;
    // Who writes what this master handed out: an estimate for the policy, no truth.
    std::map<model::AssignmentId, Handed> handed_;        // guarded by mutex_
    std::map<sdk::WorkerId, std::uint32_t> writing_for_;  // guarded by mutex_
};

}  // namespace godwit::master
