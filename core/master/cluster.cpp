#include "master/cluster.h"

#include <algorithm>
#include <set>

namespace godwit::master {
namespace {

using base::Millis;
using base::SteadyClock;

// Another master's doings are seen this late at the latest.
constexpr Millis kSnapshotAge{500};
// Even a busy cluster does not make a glance read the store more often.
constexpr Millis kSnapshotGap{10};
constexpr Millis kSuspicion{15'000};
constexpr std::size_t kPageSize = 256;

}  // namespace

const sdk::Worker* Snapshot::worker(const sdk::WorkerId& id) const noexcept {
    const auto found = std::lower_bound(
        workers.begin(), workers.end(), id,
        [](const sdk::Worker& worker, const sdk::WorkerId& wanted) { return worker.id < wanted; });
    return found != workers.end() && found->id == id ? &*found : nullptr;
}

const sdk::Request* Snapshot::request(const sdk::RequestId& id) const noexcept {
    const auto found = std::find_if(active.begin(), active.end(),
                                    [&](const sdk::Request& known) { return known.id == id; });
    return found != active.end() ? &*found : nullptr;
}

Cluster::Cluster(sdk::StateStore& store, Millis heartbeat_timeout)
    : store_{store}, heartbeat_timeout_{heartbeat_timeout} {}

Result<std::shared_ptr<const Snapshot>> Cluster::look() {
    return look(false);
}

Result<std::shared_ptr<const Snapshot>> Cluster::look_closely() {
    return look(true);
}

std::shared_ptr<const Snapshot> Cluster::latest_if_good(bool closely) const {
    const std::lock_guard lock{mutex_};
    if (!latest_) return nullptr;
    const auto age = SteadyClock::now() - latest_->taken_at;
    const bool changed = latest_->changes != changes_.load();
    const bool due = age >= kSnapshotAge || (changed && (closely || age >= kSnapshotGap));
    return due ? nullptr : latest_;
}

Result<std::shared_ptr<const Snapshot>> Cluster::look(bool closely) {
    if (auto snapshot = latest_if_good(closely)) return snapshot;
    const std::lock_guard take_lock{take_mutex_};
    if (auto snapshot = latest_if_good(closely)) return snapshot;
    return take();
}

Result<std::shared_ptr<const Snapshot>> Cluster::take() {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->taken_at = SteadyClock::now();
    snapshot->changes = changes_.load();
    auto workers = store_.workers();
    if (!workers) return std::move(workers).error();
    snapshot->workers = std::move(*workers);
    std::sort(snapshot->workers.begin(), snapshot->workers.end(),
              [](const sdk::Worker& a, const sdk::Worker& b) { return a.id < b.id; });
    const sdk::RequestFilter filter{
        {sdk::RequestState::Queued, sdk::RequestState::Progress, sdk::RequestState::Paused}};
    std::string cursor;
    do {
        auto page = store_.list(filter, cursor, kPageSize);
        if (!page) return std::move(page).error();
        std::move(page->requests.begin(), page->requests.end(),
                  std::back_inserter(snapshot->active));
        cursor = std::move(page->next);
    } while (!cursor.empty());
    snapshot->destination_busy = find_busy_destinations(snapshot->active);

    const std::lock_guard lock{mutex_};
    latest_ = snapshot;
    return std::shared_ptr<const Snapshot>{snapshot};
}

bool Cluster::is_live(const sdk::Worker& worker) const noexcept {
    return worker.silent_for < heartbeat_timeout_;
}

bool Cluster::is_available(const sdk::Worker& worker) const noexcept {
    return is_live(worker) && worker.status != "DRAINING" && worker.status != "ERROR";
}

void Cluster::suspect(const sdk::WorkerId& worker) {
    const std::lock_guard lock{mutex_};
    suspects_[worker] = {SteadyClock::now() + kSuspicion};
}

void Cluster::absolve(const sdk::WorkerId& worker) {
    const std::lock_guard lock{mutex_};
    const auto found = suspects_.find(worker);
    if (found != suspects_.end()) found->second.absolved = true;
}

bool Cluster::is_suspect(const sdk::WorkerId& worker) const {
    const std::lock_guard lock{mutex_};
    const auto found = suspects_.find(worker);
    return found != suspects_.end() && !found->second.absolved &&
           SteadyClock::now() < found->second.until;
}

bool Cluster::is_doubtful(const sdk::WorkerId& worker) const {
    const std::lock_guard lock{mutex_};
    const auto found = suspects_.find(worker);
    return found != suspects_.end() && SteadyClock::now() < found->second.until;
}

std::vector<bool> find_busy_destinations(const std::vector<sdk::Request>& active) {
    std::vector<bool> busy(active.size(), false);
    // Those that may write, sorted as paths: what lies beneath a path follows it at once.
    std::set<std::string> taken;
    const auto take = [&](std::size_t i) {
        const std::string path =
            active[i].destination_path == "/" ? "/" : active[i].destination_path + "/";
        const auto beneath = taken.lower_bound(path);
        busy[i] = beneath != taken.end() && beneath->starts_with(path);
        for (std::size_t slash = path.find('/'); !busy[i] && slash != std::string::npos;
             slash = path.find('/', slash + 1)) {
            busy[i] = taken.contains(path.substr(0, slash + 1));
        }
        if (!busy[i]) taken.insert(path);
    };
    // Who has begun goes on: an older one may have ended before, and be tried again now.
    const auto has_begun = [&](std::size_t i) {
        return active[i].started_at && active[i].state != sdk::RequestState::Queued;
    };
    for (const bool begun : {true, false}) {
        for (std::size_t i = 0; i < active.size(); ++i) {
            if (has_begun(i) == begun) take(i);
        }
    }
    return busy;
}

}  // namespace godwit::master
