#include "master/scheduler.h"

#include <algorithm>

#include "base/log.h"
#include "base/ticket.h"
#include "master/bandwidth.h"

namespace godwit::master {
namespace {

// A ticket outlives the lease that it was signed for by this much: renewals move the lease's end.
constexpr std::chrono::hours kTicketLife{24};
constexpr int kClaimsInARow = 64;

const base::Log kLog{"scheduler"};

}  // namespace

Scheduler::Scheduler(const config::MasterSettings& settings, sdk::StateStore& store,
                     sdk::AssignmentPolicy& policy, Cluster& cluster, Lifecycle& lifecycle)
    : settings_{settings},
      store_{store},
      policy_{policy},
      cluster_{cluster},
      lifecycle_{lifecycle},
      delete_guard_{store, cluster.documents()} {}

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
    const Scene scene = set_scene(cluster_, snapshot, worker, form, writing());
    std::vector<model::Assignment> assignments;
    if (!scene.known || scene.candidates.empty() || units_max == 0) return assignments;

    const sdk::Picture picture{scene.self, scene.workers, scene.candidates,
                               static_cast<std::uint32_t>(units_max)};
    const auto choices = policy_.choose(picture);
    if (!choices) return wrap(choices.error(), "assignment policy");
    for (const sdk::Choice& choice : *choices) {
        if (assignments.size() >= units_max) break;
        if (!scene.is_sound(choice)) {
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

Writing Scheduler::writing() const {
    const std::lock_guard lock{mutex_};
    return writing_for_;
}

sdk::ClaimSpec Scheduler::spec_of(const Scene& scene, const sdk::Choice& choice,
                                  std::size_t units_max) const {
    const sdk::Request& request = *scene.requests[choice.candidate];
    sdk::ClaimSpec spec;
    spec.worker = scene.asking().id;
    spec.lease = settings_.lease;
    spec.units_max = std::min<std::size_t>(units_max, choice.units_max);
    spec.planning_window = settings_.planning_window;
    spec.avoid_own_failures = scene.others_can_take(request);
    spec.workers_max = scene.documents[choice.candidate]->options.max_workers;
    spec.generation = request.generation;
    return spec;
}

// Goes on where the guard has ended all that was claimed: deletes that are refused are many, and
// nobody else is to wait for them.
Result<std::vector<sdk::Lease>> Scheduler::claim_allowed(const sdk::Request& request,
                                                         const sdk::ClaimSpec& spec) {
    for (int claims = 0; claims < kClaimsInARow; ++claims) {
        auto leases = store_.claim(request.id, spec);
        // Forgotten since the snapshot was taken.
        if (!leases && leases.error().code == Code::NotFound) break;
        if (!leases || leases->empty()) return leases;
        cluster_.changed();
        lifecycle_.started(request);
        guard_deletes(request.id, *leases);
        if (!leases->empty()) return leases;
    }
    return std::vector<sdk::Lease>{};
}

Result<std::vector<model::Assignment>> Scheduler::claim(const Scene& scene,
                                                        const sdk::Choice& choice,
                                                        std::size_t units_max) {
    const sdk::Request& request = *scene.requests[choice.candidate];
    std::vector<model::Assignment> assignments;
    auto leases = claim_allowed(request, spec_of(scene, choice, units_max));
    if (!leases) return std::move(leases).error();
    if (leases->empty()) return assignments;
    const std::uint64_t share =
        share_at_claim(request, scene.asking().id, scene.documents[choice.candidate]->options);
    for (sdk::Lease& lease : *leases) {
        assignments.push_back(make(scene, choice, std::move(lease)));
        assignments.back().bytes_per_second = share;
        note_destination(assignments.back());
    }
    return assignments;
}

// Takes out what the guard ends instead of handing it out.
void Scheduler::guard_deletes(const sdk::RequestId& request, std::vector<sdk::Lease>& leases) {
    const std::size_t stopped = std::erase_if(leases, [&](const sdk::Lease& lease) {
        return is_delete(lease.unit) && !delete_guard_.lets_go(request, lease);
    });
    if (stopped == 0) return;
    cluster_.changed();
    // It may have been all that was left to do.
    lifecycle_.check(request);
}

// By the request as it is now, where that matters: workers that join at the same moment must not
// each take all of it.
std::uint64_t Scheduler::share_at_claim(const sdk::Request& request, const sdk::WorkerId& worker,
                                        const model::RequestOptions& options) {
    if (options.bandwidth_limit_mbps == 0) return 0;
    const auto now = store_.get(request.id);
    return share_of(options, senders_of(now ? *now : request, worker));
}

model::Assignment Scheduler::make(const Scene& scene, const sdk::Choice& choice,
                                  sdk::Lease lease) const {
    const sdk::Request& request = *scene.requests[choice.candidate];
    const model::SyncRequest& document = *scene.documents[choice.candidate];
    model::Assignment assignment;
    assignment.id = {request.id, lease.ref};
    assignment.generation = request.generation;
    assignment.worker = lease.worker;
    assignment.source_path = request.source_path;
    assignment.destination_path = request.destination_path;
    // With copy_root the path has the source's name already.
    assignment.destination_slash = document.destination_slash && !document.options.copy_root;
    assignment.resolution = request.resolution;
    assignment.chunk_bytes = document.chunk_bytes();
    assignment.options = document.options;
    assignment.unit = std::move(lease.unit);
    assignment.discard = lease.discard;
    assignment.attempt = lease.attempt;
    assignment.attempts_max = attempts_max_of(settings_, &document);
    assignment.losses = lease.losses;
    assignment.failed_on = std::move(lease.last_failer);
    assignment.first_failed_at = lease.first_failed_at;
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
    handed_.emplace(assignment.id,
                    Handed{assignment.worker, assignment.destination, base::SteadyClock::now()});
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
        // It may have been claimed since.
        if (entry.second.at >= snapshot.taken_at) return false;
        const auto request = active.find(entry.first.request);
        const bool held =
            request != active.end() && request->second->holders.contains(entry.second.source);
        if (!held) drop(entry.second);
        return !held;
    });
}

}  // namespace godwit::master
