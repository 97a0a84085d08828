// What the policy is shown for one poll, and what it is made of.
#pragma once

#include <memory>
#include <vector>

#include "godwit/sdk/assignment_policy.h"
#include "master/cluster.h"
#include "model/sync_request.h"

namespace godwit::master {

// How a worker asked, which decides what it can be given.
enum class AskForm : std::uint8_t {
    // The seed guide's: restricted by the source alone. Such a worker finds its own way to the
    // destination.
    Single,
    // godwit-agent's: only units whose destination some worker mounts, reachable for it.
    Batch,
};

// Points into the snapshot that it was made from.
struct Scene {
    std::vector<const sdk::Request*> requests;                         // Of the candidates.
    std::vector<std::shared_ptr<const model::SyncRequest>> documents;  // Theirs.
    std::vector<std::vector<std::uint32_t>> destinations;              // Theirs.
    std::vector<sdk::RequestView> candidates;
    std::vector<sdk::WorkerView> workers;  // Available ones.
    std::vector<bool> quarantined;         // Of these.
    std::uint32_t self = 0;
    bool known = false;  // The worker that asks is among the available ones.

    const sdk::Worker& asking() const noexcept { return *workers[self].worker; }
    // Whether another worker is given units of the request, when it asks.
    bool others_can_take(const sdk::Request& request) const noexcept;
    // Whether the policy kept to the rules in its choice.
    bool is_sound(const sdk::Choice& choice) const noexcept;
};

// Estimates, by worker: how many units of others it writes.
using Writing = std::map<sdk::WorkerId, std::uint32_t>;

Scene set_scene(Cluster& cluster, const Snapshot& snapshot, const sdk::WorkerId& worker,
                AskForm form, const Writing& writing);

}  // namespace godwit::master
