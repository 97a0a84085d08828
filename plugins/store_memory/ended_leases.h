// A bounded memory of leases that ended, so that a repeated complete or fail is known for what it
// is. Thread-compatible.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>

#include "godwit/sdk/types.h"

namespace godwit::store_memory {

enum class Ending : std::uint8_t { Completed, Failed, Exhausted };

// While the request may still hand out leases, and once it is terminal: finished requests are kept
// for days, and only answers that are under way are worth remembering then.
inline constexpr std::size_t kEndedMax = 4096;
inline constexpr std::size_t kEndedTerminalMax = 1024;

class EndedLeases {
public:
    void remember(const sdk::LeaseRef& lease, Ending ending) {
        if (endings_.emplace(lease, ending).second) order_.push_back(lease);
        shrink(kEndedMax);
    }

    std::optional<Ending> find(const sdk::LeaseRef& lease) const {
        const auto found = endings_.find(lease);
        if (found == endings_.end()) return std::nullopt;
        return found->second;
    }

    // Forgets the oldest.
    void shrink(std::size_t keep) {
        while (order_.size() > keep) {
            endings_.erase(order_.front());
            order_.pop_front();
        }
    }

private:
    std::map<sdk::LeaseRef, Ending> endings_;
    std::deque<sdk::LeaseRef> order_;
};

}  // namespace godwit::store_memory
