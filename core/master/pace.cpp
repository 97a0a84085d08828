#include "master/pace.h"

#include <algorithm>
#include <cmath>

#include "model/counters.h"

namespace godwit::master {
namespace {

using sdk::Count;
using sdk::Counters;
using Seconds = std::chrono::duration<double>;

// The rate follows a change to two thirds within this.
constexpr double kSmoothingSeconds = 3.0;
// Waits count a third after this.
constexpr double kWaitMemorySeconds = 10.0;
constexpr std::chrono::milliseconds kSampleGap{200};

constexpr bool is_wait(std::size_t kind) {
    return model::kCountNames[kind].section == "waits_us";
}

// Files that are over, whatever became of them: none of them takes time any more.
double files_over(const Counters& counters) {
    return static_cast<double>(counters[Count::FilesCopied] + counters[Count::FilesFailed] +
                               counters[Count::FilesVanished]);
}

double bytes_over(const Counters& counters) {
    return static_cast<double>(counters[Count::BytesCopied] + counters[Count::BytesFailed] +
                               counters[Count::BytesVanished]);
}

template <class Waits>
std::string largest_of(const Waits& waits) {
    double sum = 0;
    std::size_t largest = 0;
    for (std::size_t i = 0; i < sdk::kCountKinds; ++i) {
        if (!is_wait(i)) continue;
        sum += static_cast<double>(waits[i]);
        if (!is_wait(largest) || waits[i] > waits[largest]) largest = i;
    }
    // Less than a microsecond is what is left of waits that are long over.
    if (sum < 1) return {};
    const auto percent = std::lround(100.0 * static_cast<double>(waits[largest]) / sum);
    return std::string{model::kCountNames[largest].name} + " (" + std::to_string(percent) + " %)";
}

}  // namespace

PaceWatch::Sample PaceWatch::first_sample(const sdk::Request& request, base::Deadline now) {
    Sample sample;
    sample.at = now;
    sample.counters = request.counters;
    sample.idle_since = now;
    sample.counters_then = request.counters;
    return sample;
}

void PaceWatch::sample(const std::vector<sdk::Request>& active, base::Deadline now) {
    const std::lock_guard lock{mutex_};
    std::map<sdk::RequestId, Sample> kept;
    for (const sdk::Request& request : active) {
        const auto known = samples_.find(request.id);
        const bool anew = known == samples_.end() || request.counters[Count::BytesCopied] <
                                                         known->second.counters[Count::BytesCopied];
        Sample sample = anew ? first_sample(request, now) : known->second;
        if (!anew && now - sample.at >= kSampleGap) advance(sample, request, now);
        kept.emplace(request.id, sample);
    }
    samples_.swap(kept);
}

void PaceWatch::advance(Sample& sample, const sdk::Request& request, base::Deadline now) {
    const Counters& counters = request.counters;
    const double passed = Seconds{now - sample.at}.count();
    const double bytes =
        static_cast<double>(counters[Count::BytesCopied] - sample.counters[Count::BytesCopied]);
    const double weight = 1 - std::exp(-passed / kSmoothingSeconds);
    double& rate = sample.bytes_per_second;
    rate = rate == 0 ? bytes / passed : rate + weight * (bytes / passed - rate);

    for (std::size_t i = 0; i < sdk::kCountKinds; ++i) {
        if (!is_wait(i)) continue;
        const std::int64_t waited = counters.values[i] - sample.counters.values[i];
        sample.waits[i] = sample.waits[i] * std::exp(-passed / kWaitMemorySeconds) +
                          static_cast<double>(std::max<std::int64_t>(waited, 0));
    }

    const double files_done = files_over(counters) - files_over(sample.counters_then);
    const double bytes_done = bytes_over(counters) - bytes_over(sample.counters_then);
    const bool nothing_yet = files_over(sample.counters_then) == 0 && files_done == 0 &&
                             bytes_over(sample.counters_then) == 0 && bytes_done == 0;
    if (files_done > 0 || bytes_done > 0) {
        sample.costs.learn(std::max(files_done, 0.0), std::max(bytes_done, 0.0),
                           Seconds{now - sample.idle_since}.count());
    }
    // A stall belongs to what is done after it; planning before the first byte, and a pause, do
    // not.
    const bool waits_for_nobody = nothing_yet || request.state != sdk::RequestState::Progress;
    if (files_done > 0 || bytes_done > 0 || waits_for_nobody) {
        sample.idle_since = now;
        sample.counters_then = counters;
    }
    sample.at = now;
    sample.counters = counters;
}

model::Pace PaceWatch::pace_of(const sdk::Request& request,
                               const model::RequestOptions& options) const {
    model::Pace pace;
    const Counters& counters = request.counters;
    if (request.started_at && request.finished_at) {
        const Seconds took = *request.finished_at - *request.started_at;
        pace.bytes_per_second =
            static_cast<double>(counters[Count::BytesCopied]) / std::max(took.count(), 0.001);
        pace.limited_by = largest_of(counters.values);
        return pace;
    }
    const std::lock_guard lock{mutex_};
    const auto known = samples_.find(request.id);
    if (known == samples_.end()) return pace;
    pace.bytes_per_second = known->second.bytes_per_second;
    pace.limited_by = largest_of(known->second.waits);
    if (request.state != sdk::RequestState::Progress ||
        !model::listing_complete(request, options)) {
        return pace;
    }
    const double files = static_cast<double>(counters[Count::FilesPlanned]) - files_over(counters);
    const double bytes = static_cast<double>(counters[Count::BytesPlanned]) - bytes_over(counters);
    const auto seconds =
        known->second.costs.seconds_for(std::max(files, 0.0), std::max(bytes, 0.0));
    // Errors of rounding do not make a second.
    if (seconds) pace.eta_seconds = static_cast<std::int64_t>(std::ceil(*seconds - 1e-6));
    return pace;
}

}  // namespace godwit::master
