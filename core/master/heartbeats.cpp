// What Results does with heartbeats.
#include <algorithm>
#include <map>
#include <set>

#include "base/log.h"
#include "master/bandwidth.h"
#include "master/results.h"

namespace godwit::master {
namespace {

// How old an agent's share of a bandwidth limit gets.
constexpr std::uint32_t kLimitedHeartbeatMs = 1'000;

const base::Log kLog{"master"};

// Often enough that two in a row may be lost before a lease ends or the worker counts as gone.
std::uint32_t heartbeat_ms(const config::MasterSettings& settings) {
    const base::Millis first = std::min(settings.lease, settings.worker_heartbeat_timeout);
    return static_cast<std::uint32_t>(first.count() / 3);
}

}  // namespace

Result<model::HeartbeatAnswer> Results::take(const model::Heartbeat& heartbeat) {
    const auto snapshot = cluster_.look();
    const sdk::Worker* known = snapshot ? (*snapshot)->worker(heartbeat.worker.id) : nullptr;
    const bool was_live = known != nullptr && cluster_.is_live(*known);
    const auto before = store_.upsert_worker(heartbeat.worker);
    if (!before) return before.error();
    cluster_.absolve(heartbeat.worker.id);
    const bool restarted = !before->empty() && *before != heartbeat.worker.incarnation;
    if (restarted) {
        take_back(heartbeat.worker);
        cluster_.quarantine().lift(heartbeat.worker.id);
    }
    if (!was_live || restarted) {
        kLog.info("worker registered", {{"worker", heartbeat.worker.id},
                                        {"status", heartbeat.worker.status},
                                        {"address", heartbeat.worker.peer_address}});
    }
    cluster_.changed();
    model::HeartbeatAnswer answer;
    // A worker without an incarnation is no agent of ours: it hears what the guide says, no more.
    if (!heartbeat.worker.incarnation.empty()) answer.next_heartbeat_ms = heartbeat_ms(settings_);
    if (auto status = renew(heartbeat, answer); !status) return std::move(status).error();
    if (heartbeat.leases_complete || heartbeat.worker.status == "DRAINING") give_back(heartbeat);
    if (auto status = find_ended(heartbeat, answer); !status) return std::move(status).error();
    find_pauses_and_limits(heartbeat, answer);
    return answer;
}

// What an earlier life of the worker held, nobody works on any more.
void Results::take_back(const sdk::Worker& worker) {
    // It may have been given to the worker a moment ago, by another master even.
    cluster_.changed();
    const auto snapshot = cluster_.look_closely();
    if (!snapshot) return;
    for (const sdk::Request& request : (*snapshot)->active) {
        if (!request.holders.contains(worker.id)) continue;
        sdk::ReapSpec spec;
        spec.worker = worker.id;
        spec.losses_max = attempts_max_of(settings_, cluster_.documents().of(request).get());
        const auto reaped = store_.reap(request.id, spec);
        if (reaped && !reaped->empty()) {
            kLog.warning(
                "worker restarted, its leases go back",
                {{"request", request.id}, {"worker", worker.id}, {"leases", reaped->size()}});
        }
    }
}

// A worker that is given nothing just now, and does not know of a lease, will not work on it: the
// answer that brought it was lost.
void Results::give_back(const model::Heartbeat& heartbeat) {
    const std::set<std::string> known{heartbeat.leases.begin(), heartbeat.leases.end()};
    const auto snapshot = cluster_.look_closely();
    if (!snapshot) return;
    for (const sdk::Request& request : (*snapshot)->active) {
        if (!request.holders.contains(heartbeat.worker.id)) continue;
        const auto leases = store_.leases(request.id, heartbeat.worker.id);
        if (!leases) continue;
        std::vector<sdk::Failure> releases;
        for (const sdk::Lease& lease : *leases) {
            if (known.contains(model::to_string({request.id, lease.ref}))) continue;
            sdk::Failure release;
            release.lease = lease.ref;
            release.worker = heartbeat.worker.id;
            release.released = true;
            release.attempts_max = settings_.attempts_max;
            releases.push_back(std::move(release));
            if (releases.size() == store_.info().batch_max) break;  // The rest runs out.
        }
        if (releases.empty()) continue;
        const auto released = store_.fail(request.id, releases);
        kLog.info("leases that their worker does not know go back",
                  {{"request", request.id},
                   {"worker", heartbeat.worker.id},
                   {"leases", released ? released->size() : 0}});
    }
    cluster_.changed();
}

Status Results::renew(const model::Heartbeat& heartbeat, model::HeartbeatAnswer& answer) {
    std::map<sdk::RequestId, std::vector<sdk::LeaseRef>> leases;
    for (const std::string& text : heartbeat.leases) {
        if (const auto id = model::parse_assignment_id(text)) {
            leases[id->request].push_back(id->lease);
        } else {
            answer.lost.push_back(text);
        }
    }
    const std::size_t batch_max = store_.info().batch_max;
    for (const auto& [request, refs] : leases) {
        for (std::size_t at = 0; at < refs.size(); at += batch_max) {
            const auto part = std::span{refs}.subspan(at, std::min(batch_max, refs.size() - at));
            const auto renewed = store_.renew(request, part, settings_.lease);
            if (!renewed) return renewed.status();
            for (std::size_t i = 0; i < part.size(); ++i) {
                // One that was completed meanwhile is no loss.
                const bool lost = (*renewed)[i] == sdk::Outcome::LeaseLost ||
                                  (*renewed)[i] == sdk::Outcome::NotFound;
                if (lost) answer.lost.push_back(model::to_string({request, part[i]}));
            }
        }
    }
    return {};
}

Status Results::find_ended(const model::Heartbeat& heartbeat, model::HeartbeatAnswer& answer) {
    for (const model::RequestRef& ref : heartbeat.requests) {
        const auto request = store_.get(ref.id);
        if (!request && request.error().code != Code::NotFound) return request.status();
        const bool ended =
            !request || request->generation != ref.generation || sdk::is_terminal(request->state);
        if (ended) answer.ended.push_back(ref);
    }
    return {};
}

// For every request that the worker works on, so that it hears of the end of a limit, too.
void Results::find_pauses_and_limits(const model::Heartbeat& heartbeat,
                                     model::HeartbeatAnswer& answer) {
    std::map<sdk::RequestId, std::vector<std::string>> leases;
    for (const std::string& text : heartbeat.leases) {
        if (const auto id = model::parse_assignment_id(text)) leases[id->request].push_back(text);
    }
    if (leases.empty()) return;
    const auto snapshot = cluster_.look();
    if (!snapshot) return;  // The agent keeps what it was told before.
    for (const auto& [id, of_request] : leases) {
        const sdk::Request* request = (*snapshot)->request(id);
        if (request != nullptr && request->state == sdk::RequestState::Paused) {
            answer.paused.insert(answer.paused.end(), of_request.begin(), of_request.end());
        }
        const auto document = request ? cluster_.documents().of(*request) : nullptr;
        if (document == nullptr) continue;
        const std::uint64_t share =
            share_of(document->options, senders_of(*request, heartbeat.worker.id));
        answer.limits.push_back({{id, request->generation}, share});
        if (share != 0) {
            answer.next_heartbeat_ms = std::min(kLimitedHeartbeatMs, heartbeat_ms(settings_));
        }
    }
}

}  // namespace godwit::master
