#include "transfer/pacer.h"

#include <algorithm>
#include <chrono>

namespace godwit::transfer {
namespace {

// What may be saved up while nothing was sent. Short, or a pause would be made good by a burst.
constexpr std::chrono::duration<double> kSavings{0.05};

}  // namespace

void Pacer::set_rate(std::uint64_t bytes_per_second) {
    {
        const std::lock_guard lock{mutex_};
        if (rate_ == bytes_per_second) return;
        refill(base::SteadyClock::now());
        rate_ = bytes_per_second;
        // What is owed was owed at the old rate: it would hold up a faster one for too long.
        tokens_ = std::max(tokens_, -static_cast<double>(rate_));
    }
    changed_.notify_all();
}

std::uint64_t Pacer::rate() const {
    const std::lock_guard lock{mutex_};
    return rate_;
}

void Pacer::refill(base::Deadline now) {
    const std::chrono::duration<double> passed = now - filled_at_;
    filled_at_ = now;
    const auto rate = static_cast<double>(rate_);
    tokens_ = std::min(tokens_ + rate * passed.count(), rate * kSavings.count());
}

bool Pacer::take(std::uint64_t bytes, std::stop_token stop) {
    std::unique_lock lock{mutex_};
    for (;;) {
        if (rate_ == 0) return !stop.stop_requested();
        refill(base::SteadyClock::now());
        // Goes when nothing is owed, and owes the rest: pieces may be larger than the bucket.
        if (tokens_ >= 0) break;
        const std::chrono::duration<double> owed{-tokens_ / static_cast<double>(rate_)};
        const std::uint64_t rate = rate_;
        const auto until = base::SteadyClock::now() +
                           std::chrono::duration_cast<base::SteadyClock::duration>(owed) +
                           base::Millis{1};
        changed_.wait_until(lock, stop, until, [&] { return rate_ != rate; });
        if (stop.stop_requested()) return false;
    }
    tokens_ -= static_cast<double>(bytes);
    return true;
}

}  // namespace godwit::transfer
