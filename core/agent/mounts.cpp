#include "agent/mounts.h"

#include "base/log.h"

namespace godwit::agent {
namespace {

const base::Log kLog{"agent"};

}  // namespace

Mounts::Mounts(std::vector<std::string> storage_paths) : storage_paths_{std::move(storage_paths)} {}

std::vector<std::string> Mounts::check() {
    const std::lock_guard lock{mutex_};
    for (const std::string& path : storage_paths_) {
        // May block as long as the file system hangs; then the heartbeat stays away, and rightly.
        const auto now = files::file_system_of(path);
        if (now) file_systems_.try_emplace(path, *now);
        const bool same = now && file_systems_.at(path) == *now;
        const auto before = present_.find(path);
        if (before != present_.end() && before->second == same) continue;
        present_[path] = same;
        if (same) {
            kLog.info("storage path present",
                      {{"path", path}, {"file_system", files::describe(*now)}});
        } else if (now) {
            kLog.error(
                "storage path is on another file system than at the start (unmounted?): not "
                "offered until it is back, or the agent is restarted",
                {{"path", path},
                 {"was", files::describe(file_systems_.at(path))},
                 {"now", files::describe(*now)}});
        } else {
            kLog.error("storage path not offered",
                       {{"path", path}, {"reason", now.error().message}});
        }
    }
    std::vector<std::string> paths;
    for (const auto& [path, there] : present_) {
        if (there) paths.push_back(path);
    }
    return paths;
}

std::vector<std::string> Mounts::present() const {
    const std::lock_guard lock{mutex_};
    std::vector<std::string> paths;
    for (const auto& [path, there] : present_) {
        if (there) paths.push_back(path);
    }
    return paths;
}

}  // namespace godwit::agent
