// How fast requests move, when they will be done, and what they wait for: watched by this master,
// not kept in the store.
#pragma once

#include <array>
#include <map>
#include <mutex>

#include "base/time.h"
#include "godwit/sdk/types.h"
#include "master/cost_model.h"
#include "model/progress.h"

namespace godwit::master {

// Thread-safe.
class PaceWatch {
public:
    // Every few hundred milliseconds, with all unfinished requests as they are `now`.
    void sample(const std::vector<sdk::Request>& active, base::Deadline now);

    // Of an unfinished request as watched; of a finished one, its average.
    model::Pace pace_of(const sdk::Request& request,
                        const model::RequestOptions& options = {}) const;

private:
    struct Sample {
        base::Deadline at{};
        sdk::Counters counters;
        double bytes_per_second = 0;
        // Since when nothing was done, for the costs.
        base::Deadline idle_since{};
        sdk::Counters counters_then;
        CostModel costs;
        std::array<double, sdk::kCountKinds> waits{};  // Recent ones, of the counts that are waits.
    };
    static Sample first_sample(const sdk::Request& request, base::Deadline now);
    static void advance(Sample& sample, const sdk::Request& request, base::Deadline now);

    mutable std::mutex mutex_;
    std::map<sdk::RequestId, Sample> samples_;  // guarded by mutex_
};

}  // namespace godwit::master
