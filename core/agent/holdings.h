// Which assignments this agent holds: being worked on, or done and not yet reported. All of them
// are renewed with every heartbeat; one that is lost is stopped, and so is one that could not be
// renewed in time: another agent may have it by then, though the master cannot say so.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/time.h"

namespace godwit::agent {

// Thread-safe.
class Holdings {
public:
    Holdings();

    // The token that the assignment's executor watches.
    std::stop_token add(const std::string& assignment, base::Millis lease);
    void remove(const std::string& assignment);
    // False: it was told before, or is not held.
    bool stop(const std::string& assignment);
    void stop_all();
    // The master has confirmed these, in answer to a heartbeat of `sent_at`.
    void renew(const std::vector<std::string>& assignments, base::Deadline sent_at);

    // It was stopped, or its lease has run out. The fence, who stops it then, is a thread like any
    // other: when this process goes on after it was halted, others may run before.
    bool is_over(const std::string& assignment) const;

    std::vector<std::string> list() const;
    bool empty() const;

private:
    struct Held {
        std::stop_source stop;
        base::Millis lease{};
        base::Deadline ends_at;
    };

    void fence(std::stop_token stop);

    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    std::map<std::string, Held> held_;  // guarded by mutex_
    bool added_ = false;                // guarded by mutex_; since the fence looked
    std::jthread fence_;
};

}  // namespace godwit::agent
