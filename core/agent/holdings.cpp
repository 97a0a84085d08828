#include "agent/holdings.h"

namespace godwit::agent {

std::stop_token Holdings::add(const std::string& assignment) {
    const std::lock_guard lock{mutex_};
    return held_[assignment].get_token();
}

void Holdings::remove(const std::string& assignment) {
    const std::lock_guard lock{mutex_};
    held_.erase(assignment);
}

void Holdings::stop(const std::string& assignment) {
    // Callbacks of a stop run inside of request_stop(): not under the lock.
    std::stop_source source{std::nostopstate};
    {
        const std::lock_guard lock{mutex_};
        if (const auto found = held_.find(assignment); found != held_.end()) source = found->second;
    }
    source.request_stop();
}

void Holdings::stop_all() {
    for (const std::string& assignment : list()) stop(assignment);
}

std::vector<std::string> Holdings::list() const {
    const std::lock_guard lock{mutex_};
    std::vector<std::string> names;
    for (const auto& [name, source] : held_) names.push_back(name);
    return names;
}

bool Holdings::empty() const {
    const std::lock_guard lock{mutex_};
    return held_.empty();
}

}  // namespace godwit::agent
