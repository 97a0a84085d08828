// How fast requests move: watched by this master, not kept in the store.
#pragma once

#include <map>
#include <mutex>

#include "base/time.h"
#include "godwit/sdk/types.h"
#include "model/progress.h"

namespace godwit::master {

// Thread-safe.
class PaceWatch {
public:
    // Every few hundred milliseconds, with all unfinished requests as they are `now`.
    void sample(const std::vector<sdk::Request>& active, base::Deadline now);

    // Of an unfinished request as watched; of a finished one, its average.
    model::Pace pace_of(const sdk::Request& request) const;

private:
    struct Sample {
        base::Deadline at{};
        std::int64_t bytes = 0;
        double bytes_per_second = 0;
    };
    mutable std::mutex mutex_;
    std::map<sdk::RequestId, Sample> samples_;  // guarded by mutex_
};

}  // namespace godwit::master
