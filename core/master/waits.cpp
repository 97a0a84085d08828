#include "master/waits.h"

#include <algorithm>

#include "base/bytes.h"

namespace godwit::master {
namespace {

constexpr const char* kDestinationBusy = "destination_busy";

}  // namespace

Wait wait_of(const Cluster& cluster, const Snapshot& snapshot, const sdk::Request& request,
             bool busy) {
    const auto available = [&](const std::string& path, const sdk::WorkerId& only) {
        return std::any_of(snapshot.workers.begin(), snapshot.workers.end(),
                           [&](const sdk::Worker& worker) {
                               return cluster.is_available(worker) && mounts(worker, path) &&
                                      (only.empty() || worker.id == only);
                           });
    };
    if (busy) return {kDestinationBusy, "waiting: another request writes to the same place"};
    if (!available(request.source_path, request.pinned_worker)) {
        std::string detail = "waiting: no active worker mounts the source '" +
                             base::to_utf8_lossy(request.source_path) + "'";
        if (!request.pinned_worker.empty()) {
            detail += " (reassigned to worker '" + request.pinned_worker + "' only)";
        }
        return {"no_source_worker", std::move(detail)};
    }
    if (!available(request.destination_path, "")) {
        return {"no_destination_worker", "waiting: no active worker mounts the destination '" +
                                             base::to_utf8_lossy(request.destination_path) + "'"};
    }
    return {};
}

bool Waits::has_expired(const sdk::RequestId& id, const Wait& wait, base::Millis patience,
                        base::Deadline now) {
    const std::lock_guard lock{mutex_};
    if (wait.reason.empty() || wait.reason == kDestinationBusy) {
        since_.erase(id);
        return false;
    }
    const base::Deadline since = since_.emplace(id, now).first->second;
    return patience.count() > 0 && now - since >= patience;
}

void Waits::tidy(const Snapshot& snapshot) {
    const std::lock_guard lock{mutex_};
    std::erase_if(since_, [&](const auto& waiting) {
        return std::none_of(
            snapshot.active.begin(), snapshot.active.end(),
            [&](const sdk::Request& request) { return request.id == waiting.first; });
    });
}

}  // namespace godwit::master
