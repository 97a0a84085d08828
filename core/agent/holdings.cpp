#include "agent/holdings.h"

#include <algorithm>

#include "base/log.h"
#include "base/threads.h"

namespace godwit::agent {
namespace {

using base::Deadline;
using base::SteadyClock;

// How long the fence sleeps when nothing is held; adding something wakes it.
constexpr base::Millis kIdle{60'000};

const base::Log kLog{"agent"};

}  // namespace

Holdings::Holdings() : fence_{[this](std::stop_token stop) { fence(std::move(stop)); }} {}

std::stop_token Holdings::add(const std::string& assignment, base::Millis lease) {
    std::stop_token token;
    {
        const std::lock_guard lock{mutex_};
        Held& held = held_[assignment];
        held.lease = lease;
        held.ends_at = SteadyClock::now() + lease;
        added_ = true;
        token = held.stop.get_token();
    }
    changed_.notify_one();
    return token;
}

void Holdings::remove(const std::string& assignment) {
    const std::lock_guard lock{mutex_};
    held_.erase(assignment);
}

bool Holdings::stop(const std::string& assignment) {
    // Callbacks of a stop run inside of request_stop(): not under the lock.
    std::stop_source source{std::nostopstate};
    {
        const std::lock_guard lock{mutex_};
        if (const auto found = held_.find(assignment); found != held_.end()) {
            source = found->second.stop;
        }
    }
    return source.request_stop();
}

void Holdings::stop_all() {
    for (const std::string& assignment : list()) stop(assignment);
}

void Holdings::renew(const std::vector<std::string>& assignments, Deadline sent_at) {
    const std::lock_guard lock{mutex_};
    for (const std::string& assignment : assignments) {
        const auto found = held_.find(assignment);
        if (found == held_.end()) continue;
        found->second.ends_at = std::max(found->second.ends_at, sent_at + found->second.lease);
    }
}

bool Holdings::is_over(const std::string& assignment) const {
    const std::lock_guard lock{mutex_};
    const auto found = held_.find(assignment);
    return found == held_.end() || found->second.stop.stop_requested() ||
           found->second.ends_at <= SteadyClock::now();
}

std::vector<std::string> Holdings::list() const {
    const std::lock_guard lock{mutex_};
    std::vector<std::string> names;
    for (const auto& [name, held] : held_) names.push_back(name);
    return names;
}

bool Holdings::empty() const {
    const std::lock_guard lock{mutex_};
    return held_.empty();
}

void Holdings::fence(std::stop_token stop) {
    base::name_this_thread("fence");
    while (!stop.stop_requested()) {
        std::vector<std::stop_source> over;
        {
            std::unique_lock lock{mutex_};
            const Deadline now = SteadyClock::now();
            Deadline next = now + kIdle;
            for (auto& [name, held] : held_) {
                if (held.stop.stop_requested()) continue;
                if (held.ends_at <= now) {
                    kLog.warning("lease not renewed in time, stopping its work",
                                 {{"assignment", name}});
                    over.push_back(held.stop);
                } else {
                    next = std::min(next, held.ends_at);
                }
            }
            added_ = false;
            if (over.empty()) changed_.wait_until(lock, stop, next, [&] { return added_; });
        }
        for (std::stop_source& source : over) source.request_stop();
    }
}

}  // namespace godwit::agent
