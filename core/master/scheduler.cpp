#include "master/scheduler.h"

#include <algorithm>

#include "base/log.h"
#include "base/ticket.h"

namespace godwit::master {
namespace {

// A ticket outlives the lease that it was signed for by this much: renewals move the lease's end.
constexpr std::chrono::hours kTicketLife{24};

const base::Log kLog{"scheduler"};

bool mounts(const sdk::Worker& worker, const std::string& path) {
    return !sdk::mount_of(worker, path).empty();
}

}  // namespace

// What the policy is shown, and what it is made of.
struct Scheduler::Scene {
    std::vector<const sdk::Request*> requests;  // Of the candidates.
    std::vector<sdk::WorkerView> workers;       // Available ones.
    std::vector<std::vector<std::uint32_t>> destinations;
    std::vector<sdk::RequestView> candidates;
    std::uint32_t self = 0;
    bool others_mount_source = false;
    bool known = false;  // The worker that asks is among the available ones.
};

Scheduler::Scheduler(const config::MasterSettings& settings, sdk::StateStore& store,
                     sdk::AssignmentPolicy& policy, Cluster& cluster, Lifecycle& lifecycle)
    : settings_{settings},
      store_{store},
      policy_{policy},
      cluster_{cluster},
      lifecycle_{lifecycle} {}

bool Scheduler::is_candidate(const Snapshot& snapshot, std::size_t index,
                             const sdk::Worker& worker) const {
    const sdk::Request& request = snapshot.active[index];
    if (request.state == sdk::RequestState::Paused || snapshot.destination_busy[index])
        return false;
    if (!request.pinned_worker.empty() && request.pinned_worker != worker.id) return false;
    const auto& pending = request.backlog.pending;
    const bool has_work =
        std::any_of(pending.begin(), pending.end(), [](std::uint64_t units) { return units > 0; });
    return has_work && mounts(worker, request.source_path);
}

Scheduler::Scene Scheduler::set(const Snapshot& snapshot, const sdk::WorkerId& worker,
                                AskForm form) const {
    Scene scene;
    const std::lock_guard lock{mutex_};
    std::map<sdk::WorkerId, std::uint32_t> in_flight;
    for (const sdk::Request& request : snapshot.active) {
        for (const auto& [holder, leases] : request.holders) in_flight[holder] += leases;
    }
    for (const sdk::Worker& known : snapshot.workers) {
        if (!cluster_.is_available(known)) continue;
        if (known.id == worker) {
            scene.self = static_cast<std::uint32_t>(scene.workers.size());
            scene.known = true;
        }
        const auto writing = writing_for_.find(known.id);
        scene.workers.push_back(
            {&known, in_flight[known.id], writing == writing_for_.end() ? 0 : writing->second});
    }
    if (!scene.known) return scene;

    const sdk::Worker& self = *scene.workers[scene.self].worker;
    for (std::size_t i = 0; i < snapshot.active.size(); ++i) {
        if (!is_candidate(snapshot, i, self)) continue;
        const sdk::Request& request = snapshot.active[i];
        std::vector<std::uint32_t> destinations;
        for (std::uint32_t w = 0; w < scene.workers.size(); ++w) {
            const sdk::Worker& other = *scene.workers[w].worker;
            // Without an address nobody reaches it; itself it always reaches.
            const bool reachable = w == scene.self || form == AskForm::Single ||
                                   (!other.peer_address.empty() && !cluster_.is_suspect(other.id));
            if (reachable && mounts(other, request.destination_path)) destinations.push_back(w);
        }
        if (destinations.empty() && form == AskForm::Batch) continue;
        scene.requests.push_back(&request);
        scene.destinations.push_back(std::move(destinations));
    }
    for (std::size_t i = 0; i < scene.requests.size(); ++i) {
        scene.candidates.push_back({scene.requests[i], scene.destinations[i]});
    }
    return scene;
}

bool Scheduler::is_sound(const Scene& scene, const sdk::Choice& choice) const {
    if (choice.candidate >= scene.candidates.size()) return false;
    const std::vector<std::uint32_t>& allowed = scene.destinations[choice.candidate];
    if (allowed.empty()) return choice.destination == sdk::kNoDestination;
    return std::find(allowed.begin(), allowed.end(), choice.destination) != allowed.end();
}

Result<std::vector<model::Assignment>> Scheduler::assign(const sdk::WorkerId& worker,
                                                         std::size_t units_max, AskForm form) {
    const auto glance = cluster_.look();
    if (!glance) return glance.error();
    auto assignments = assign_from(**glance, worker, units_max, form);
    if (!assignments || !assignments->empty()) return assignments;
    // Nothing at a glance: what was changed a moment ago (this worker's own heartbeat, say) counts.
    const auto close = cluster_.look_closely();
    if (!close) return close.error();
    if (*close == *glance) return assignments;
    return assign_from(**close, worker, units_max, form);
}

Result<std::vector<model::Assignment>> Scheduler::assign_from(const Snapshot& snapshot,
                                                              const sdk::WorkerId& worker,
                                                              std::size_t units_max, AskForm form) {
    const Scene scene = set(snapshot, worker, form);
    std::vector<model::Assignment> assignments;
    if (!scene.known || scene.candidates.empty() || units_max == 0) return assignments;

    const sdk::Picture picture{scene.self, scene.workers, scene.candidates,
                               static_cast<std::uint32_t>(units_max)};
    const auto choices = policy_.choose(picture);
    if (!choices) return wrap(choices.error(), "assignment policy");
    for (const sdk::Choice& choice : *choices) {
        if (assignments.size() >= units_max) break;
        if (!is_sound(scene, choice)) {
            kLog.error("the policy broke its rules: choice skipped",
                       {{"worker", worker},
                        {"candidate", choice.candidate},
                        {"destination", choice.destination}});
            continue;
        }
        auto claimed = claim(scene, choice, units_max - assignments.size());
        if (!claimed) {
            // What was claimed before must reach the worker; the rest waits for the next poll.
            if (assignments.empty()) return claimed;
            break;
        }
        std::move(claimed->begin(), claimed->end(), std::back_inserter(assignments));
    }
    return assignments;
}

Result<std::vector<model::Assignment>> Scheduler::claim(const Scene& scene,
                                                        const sdk::Choice& choice,
                                                        std::size_t units_max) {
    const sdk::Request& request = *scene.requests[choice.candidate];
    sdk::ClaimSpec spec;
    spec.worker = scene.workers[scene.self].worker->id;
    spec.lease = settings_.lease;
    spec.units_max = std::min<std::size_t>(units_max, choice.units_max);
    spec.planning_window = settings_.planning_window;
    spec.avoid_own_failures =
        request.pinned_worker.empty() &&
        std::any_of(scene.workers.begin(), scene.workers.end(), [&](const sdk::WorkerView& view) {
            return view.worker->id != spec.worker && mounts(*view.worker, request.source_path);
        });
    auto leases = store_.claim(request.id, spec);
    std::vector<model::Assignment> assignments;
    if (!leases) {
        // Forgotten since the snapshot was taken.
        if (leases.error().code == Code::NotFound) return assignments;
        return std::move(leases).error();
    }
    if (leases->empty()) return assignments;
    cluster_.changed();
    lifecycle_.started(request);
    for (sdk::Lease& lease : *leases) {
        assignments.push_back(make(scene, choice, std::move(lease)));
        note_destination(assignments.back());
    }
    return assignments;
}

model::Assignment Scheduler::make(const Scene& scene, const sdk::Choice& choice,
                                  sdk::Lease lease) const {
    const sdk::Request& request = *scene.requests[choice.candidate];
    model::Assignment assignment;
    assignment.id = {request.id, lease.ref};
    assignment.generation = request.generation;
    assignment.worker = lease.worker;
    assignment.source_path = request.source_path;
    assignment.destination_path = request.destination_path;
    if (const auto parsed = model::parse_stored_request(request.document); parsed.ok()) {
        assignment.destination_slash = parsed.document->destination_slash;
        assignment.chunk_bytes = parsed.document->chunk_bytes();
        assignment.options = parsed.document->options;
    }
    assignment.unit = std::move(lease.unit);
    assignment.discard = lease.discard;
    assignment.attempt = lease.attempt;
    assignment.attempts_max = settings_.attempts_max;
    assignment.lease_seconds = static_cast<std::uint32_t>(settings_.lease.count() / 1000);
    for (const sdk::WorkerView& view : scene.workers) {
        if (mounts(*view.worker, request.source_path)) {
            assignment.source_pool.push_back(view.worker->id);
        }
    }
    for (const std::uint32_t index : scene.destinations[choice.candidate]) {
        assignment.destination_pool.push_back(scene.workers[index].worker->id);
    }
    if (choice.destination == sdk::kNoDestination) return assignment;

    const sdk::Worker& destination = *scene.workers[choice.destination].worker;
    assignment.destination = destination.id;
    assignment.peers.emplace(destination.id, destination.peer_address);
    assignment.ticket = base::sign_ticket(settings_.ticket_secret,
                                          {request.id, request.generation, assignment.worker,
                                           destination.id, request.destination_path},
                                          base::wall_now() + kTicketLife);
    return assignment;
}

void Scheduler::note_destination(const model::Assignment& assignment) {
    if (assignment.destination.empty() || assignment.destination == assignment.worker) return;
    const std::lock_guard lock{mutex_};
    handed_.emplace(assignment.id, Handed{assignment.worker, assignment.destination});
    ++writing_for_[assignment.destination];
}

void Scheduler::drop(const Handed& handed) {
    const auto writing = writing_for_.find(handed.destination);
    if (writing != writing_for_.end() && --writing->second == 0) writing_for_.erase(writing);
}

void Scheduler::ended(const model::AssignmentId& assignment) {
    const std::lock_guard lock{mutex_};
    const auto found = handed_.find(assignment);
    if (found == handed_.end()) return;
    drop(found->second);
    handed_.erase(found);
}

sdk::WorkerId Scheduler::destination_of(const model::AssignmentId& assignment) const {
    const std::lock_guard lock{mutex_};
    const auto found = handed_.find(assignment);
    return found == handed_.end() ? sdk::WorkerId{} : found->second.destination;
}

void Scheduler::tidy(const Snapshot& snapshot) {
    std::map<sdk::RequestId, const sdk::Request*> active;
    for (const sdk::Request& request : snapshot.active) active.emplace(request.id, &request);
    const std::lock_guard lock{mutex_};
    std::erase_if(handed_, [&](const auto& entry) {
        const auto request = active.find(entry.first.request);
        const bool held =
            request != active.end() && request->second->holders.contains(entry.second.source);
        if (!held) drop(entry.second);
        return !held;
    });
}

}  // namespace godwit::master
