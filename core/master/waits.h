// Requests of which nothing can be handed out: what each waits for, and whether it did for too
// long.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "base/time.h"
#include "godwit/sdk/types.h"
#include "master/cluster.h"

namespace godwit::master {

struct Wait {
    std::string reason;  // A closed code; empty: it waits for nothing.
    std::string detail;  // For people.
};

// Of a request with units to hand out. `busy`: another request writes to the same place.
Wait wait_of(const Cluster& cluster, const Snapshot& snapshot, const sdk::Request& request,
             bool busy);

// For how long requests have been waiting for workers. Thread-safe.
class Waits {
public:
    // Notes that it waits for this as of `now`; true when that has gone on for `patience` (0: no
    // end to it). To wait for another request takes as long as that one takes.
    bool has_expired(const sdk::RequestId& id, const Wait& wait, base::Millis patience,
                     base::Deadline now);
    // Forgets all requests that are not active any more.
    void tidy(const Snapshot& snapshot);

private:
    std::mutex mutex_;
    std::map<sdk::RequestId, base::Deadline> since_;  // guarded by mutex_
};

}  // namespace godwit::master
