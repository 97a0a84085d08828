#include "master/scene.h"

#include <algorithm>

namespace godwit::master {
namespace {

void add_workers(Scene& scene, Cluster& cluster, const Snapshot& snapshot,
                 const sdk::WorkerId& asking, const Writing& writing) {
    std::map<sdk::WorkerId, std::uint32_t> in_flight;
    for (const sdk::Request& request : snapshot.active) {
        for (const auto& [holder, leases] : request.holders) in_flight[holder] += leases;
    }
    const base::Deadline now = base::SteadyClock::now();
    for (const sdk::Worker& known : snapshot.workers) {
        if (!cluster.is_available(known)) continue;
        if (known.id == asking) {
            scene.self = static_cast<std::uint32_t>(scene.workers.size());
            scene.known = true;
        }
        const auto writes = writing.find(known.id);
        scene.workers.push_back(
            {&known, in_flight[known.id], writes == writing.end() ? 0 : writes->second});
        scene.quarantined.push_back(cluster.quarantine().of(known.id, now).has_value());
    }
}

bool has_pending(const sdk::Request& request) {
    const auto& pending = request.backlog.pending;
    return std::any_of(pending.begin(), pending.end(),
                       [](std::uint64_t units) { return units > 0; });
}

// As many others hold leases of it as may at once.
bool is_crowded(const sdk::Request& request, const sdk::WorkerId& worker,
                const model::RequestOptions& options) {
    return options.max_workers != 0 && request.holders.size() >= options.max_workers &&
           !request.holders.contains(worker);
}

bool is_candidate(const Snapshot& snapshot, std::size_t index, const sdk::Worker& worker) {
    const sdk::Request& request = snapshot.active[index];
    if (request.state == sdk::RequestState::Paused || snapshot.destination_busy[index])
        return false;
    if (!request.pinned_worker.empty() && request.pinned_worker != worker.id) return false;
    return has_pending(request) && mounts(worker, request.source_path);
}

std::vector<std::uint32_t> destinations_of(const Scene& scene, const Cluster& cluster,
                                           const sdk::Request& request, AskForm form) {
    std::vector<std::uint32_t> destinations;
    for (std::uint32_t i = 0; i < scene.workers.size(); ++i) {
        const sdk::Worker& other = *scene.workers[i].worker;
        // Without an address nobody reaches it; itself it always reaches.
        const bool reachable = i == scene.self || form == AskForm::Single ||
                               (!other.peer_address.empty() && !cluster.is_suspect(other.id));
        if (reachable && mounts(other, request.destination_path)) destinations.push_back(i);
    }
    const auto is_doubtful = [&](std::uint32_t i) {
        return i != scene.self && cluster.is_doubtful(scene.workers[i].worker->id);
    };
    if (!std::ranges::all_of(destinations, is_doubtful)) std::erase_if(destinations, is_doubtful);
    return destinations;
}

}  // namespace

bool Scene::others_can_take(const sdk::Request& request) const noexcept {
    if (!request.pinned_worker.empty()) return false;
    for (std::uint32_t i = 0; i < workers.size(); ++i) {
        if (i == self || quarantined[i]) continue;
        if (mounts(*workers[i].worker, request.source_path)) return true;
    }
    return false;
}

bool Scene::is_sound(const sdk::Choice& choice) const noexcept {
    if (choice.candidate >= candidates.size()) return false;
    const std::vector<std::uint32_t>& allowed = destinations[choice.candidate];
    if (allowed.empty()) return choice.destination == sdk::kNoDestination;
    return std::find(allowed.begin(), allowed.end(), choice.destination) != allowed.end();
}

Scene set_scene(Cluster& cluster, const Snapshot& snapshot, const sdk::WorkerId& worker,
                AskForm form, const Writing& writing) {
    Scene scene;
    add_workers(scene, cluster, snapshot, worker, writing);
    if (!scene.known) return scene;
    const sdk::Worker& self = scene.asking();
    for (std::size_t i = 0; i < snapshot.active.size(); ++i) {
        const sdk::Request& request = snapshot.active[i];
        if (!is_candidate(snapshot, i, self)) continue;
        if (scene.quarantined[scene.self] && scene.others_can_take(request)) continue;
        auto document = cluster.documents().of(request);
        if (document == nullptr || is_crowded(request, self.id, document->options)) continue;
        auto destinations = destinations_of(scene, cluster, request, form);
        if (destinations.empty() && form == AskForm::Batch) continue;
        scene.requests.push_back(&request);
        scene.documents.push_back(std::move(document));
        scene.destinations.push_back(std::move(destinations));
    }
    for (std::size_t i = 0; i < scene.requests.size(); ++i) {
        scene.candidates.push_back({scene.requests[i], scene.destinations[i]});
    }
    return scene;
}

}  // namespace godwit::master
