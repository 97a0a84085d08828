// Holds what this agent sends for one request to its share of the request's bandwidth
// (options.bandwidth_limit_mbps): a token bucket.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

#include "base/time.h"

namespace godwit::transfer {

// Thread-safe: all assignments of the request share it.
class Pacer {
public:
    // Bytes a second; 0: as fast as it goes. Those who wait go by the new rate at once.
    void set_rate(std::uint64_t bytes_per_second);
    std::uint64_t rate() const;

    // Waits until so many bytes may go. False: `stop` was requested.
    bool take(std::uint64_t bytes, std::stop_token stop);

private:
    void refill(base::Deadline now);  // With mutex_ held.

    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    std::uint64_t rate_ = 0;  // guarded by mutex_
    double tokens_ = 0;  // guarded by mutex_; may be owed, after a take that was larger than all
    base::Deadline filled_at_ = base::SteadyClock::now();  // guarded by mutex_
};

}  // namespace godwit::transfer
