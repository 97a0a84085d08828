#include "master/pace.h"

#include <cmath>

namespace godwit::master {
namespace {

using sdk::Count;

// The rate follows a change to two thirds within this.
constexpr double kSmoothingSeconds = 3.0;
constexpr std::chrono::milliseconds kSampleGap{200};

}  // namespace

void PaceWatch::sample(const std::vector<sdk::Request>& active, base::Deadline now) {
    const std::lock_guard lock{mutex_};
    std::map<sdk::RequestId, Sample> kept;
    for (const sdk::Request& request : active) {
        const std::int64_t bytes = request.counters[Count::BytesCopied];
        const auto known = samples_.find(request.id);
        if (known == samples_.end() || bytes < known->second.bytes) {
            kept.emplace(request.id, Sample{now, bytes, 0});
            continue;
        }
        Sample sample = known->second;
        const std::chrono::duration<double> passed = now - sample.at;
        if (passed >= kSampleGap) {
            const double rate = static_cast<double>(bytes - sample.bytes) / passed.count();
            const double weight = 1 - std::exp(-passed.count() / kSmoothingSeconds);
            const bool first = sample.bytes_per_second == 0;
            sample.bytes_per_second =
                first ? rate : sample.bytes_per_second + weight * (rate - sample.bytes_per_second);
            sample.at = now;
            sample.bytes = bytes;
        }
        kept.emplace(request.id, sample);
    }
    samples_.swap(kept);
}

model::Pace PaceWatch::pace_of(const sdk::Request& request) const {
    model::Pace pace;
    const auto copied = static_cast<double>(request.counters[Count::BytesCopied]);
    if (request.started_at && request.finished_at) {
        const std::chrono::duration<double> took = *request.finished_at - *request.started_at;
        pace.bytes_per_second = copied / std::max(took.count(), 0.001);
        return pace;
    }
    const std::lock_guard lock{mutex_};
    const auto known = samples_.find(request.id);
    if (known == samples_.end()) return pace;
    pace.bytes_per_second = known->second.bytes_per_second;
    if (model::listing_complete(request) && pace.bytes_per_second > 0) {
        const double left = static_cast<double>(request.counters[Count::BytesPlanned]) - copied;
        pace.eta_seconds =
            static_cast<std::int64_t>(std::ceil(std::max(0.0, left) / pace.bytes_per_second));
    }
    return pace;
}

}  // namespace godwit::master
