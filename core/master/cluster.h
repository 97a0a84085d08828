// What the master sees of the cluster: workers and unfinished requests, read from the store at most
// every so often, so that a poll costs no scan of the store.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "godwit/sdk/state_store.h"
#include "master/documents.h"
#include "master/quarantine.h"

namespace godwit::master {

// Immutable once made. May be some hundred milliseconds old: claims are decided by the store.
struct Snapshot {
    std::vector<sdk::Worker> workers;    // All that are known, by id.
    std::vector<sdk::Request> active;    // QUEUED, PROGRESS and PAUSED, oldest first.
    std::vector<bool> destination_busy;  // Per active request: another one writes there.
    base::Deadline taken_at{};
    std::uint64_t changes = 0;  // Of Cluster::changed(), before it was taken.

    const sdk::Worker* worker(const sdk::WorkerId& id) const noexcept;
    // Null when it is not active.
    const sdk::Request* request(const sdk::RequestId& id) const noexcept;
};

// Thread-safe.
class Cluster {
public:
    // `store` outlives it.
    Cluster(sdk::StateStore& store, base::Millis heartbeat_timeout);

    // A picture that is a few milliseconds old at the most after a change that this master knows
    // of, and half a second after another one's.
    Result<std::shared_ptr<const Snapshot>> look();
    // One that shows every change that this master knows of.
    Result<std::shared_ptr<const Snapshot>> look_closely();
    // Something happened.
    void changed() noexcept { changes_.fetch_add(1); }

    bool is_live(const sdk::Worker& worker) const noexcept;
    // Live, and willing to take new work (not DRAINING or in ERROR).
    bool is_available(const sdk::Worker& worker) const noexcept;

    // A worker that another could not reach is not chosen as a destination until it says that it
    // lives, or for some seconds.
    void suspect(const sdk::WorkerId& worker);
    void absolve(const sdk::WorkerId& worker);
    bool is_suspect(const sdk::WorkerId& worker) const;
    // Another could not reach it in the last seconds, whatever it has said since: its word to the
    // master tells nothing about the way between agents. Others are better destinations.
    bool is_doubtful(const sdk::WorkerId& worker) const;

    // Workers on which nothing succeeds, by the results that this master took in.
    Quarantine& quarantine() noexcept { return quarantine_; }
    // What requests say.
    Documents& documents() noexcept { return documents_; }

private:
    Result<std::shared_ptr<const Snapshot>> look(bool closely);
    std::shared_ptr<const Snapshot> latest_if_good(bool closely) const;
    Result<std::shared_ptr<const Snapshot>> take();

    sdk::StateStore& store_;
    const base::Millis heartbeat_timeout_;
    Quarantine quarantine_;
    Documents documents_;
    std::atomic<std::uint64_t> changes_{1};
    std::mutex take_mutex_;  // One takes, the others wait for it.
    mutable std::mutex mutex_;
    std::shared_ptr<const Snapshot> latest_;  // guarded by mutex_
    struct Suspicion {
        base::Deadline until;
        bool absolved = false;
    };
    std::map<sdk::WorkerId, Suspicion> suspects_;  // guarded by mutex_
};

inline bool mounts(const sdk::Worker& worker, std::string_view path) noexcept {
    return !sdk::mount_of(worker, path).empty();
}

// Which of these requests (oldest first) has to wait because another one writes to the same place,
// above it, or beneath it: one that has begun, or else an older one.
std::vector<bool> find_busy_destinations(const std::vector<sdk::Request>& active);

}  // namespace godwit::master
