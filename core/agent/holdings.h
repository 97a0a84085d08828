// Which assignments this agent holds: being worked on, or done and not yet reported. All of them
// are renewed with every heartbeat; one that is lost is stopped.
#pragma once

#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

namespace godwit::agent {

// Thread-safe.
class Holdings {
public:
    // The token that the assignment's executor watches.
    std::stop_token add(const std::string& assignment);
    void remove(const std::string& assignment);
    void stop(const std::string& assignment);
    void stop_all();

    std::vector<std::string> list() const;
    bool empty() const;

private:
    mutable std::mutex mutex_;
    std::map<std::string, std::stop_source> held_;  // guarded by mutex_
};

}  // namespace godwit::agent
