#include "agent/pacers.h"

namespace godwit::agent {

std::shared_ptr<transfer::Pacer> Pacers::of(const transfer::RequestKey& request) {
    const std::lock_guard lock{mutex_};
    std::erase_if(pacers_, [](const auto& entry) { return entry.second.expired(); });
    auto& known = pacers_[request];
    auto pacer = known.lock();
    if (!pacer) {
        pacer = std::make_shared<transfer::Pacer>();
        known = pacer;
    }
    return pacer;
}

void Pacers::set(const transfer::RequestKey& request, std::uint64_t bytes_per_second) {
    const std::lock_guard lock{mutex_};
    const auto found = pacers_.find(request);
    if (found == pacers_.end()) return;
    if (const auto pacer = found->second.lock()) pacer->set_rate(bytes_per_second);
}

}  // namespace godwit::agent
