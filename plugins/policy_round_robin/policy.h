// Everybody in turn: requests and destinations are taken one after the other, whoever asks, and
// whatever lies where.
#pragma once

#include <memory>

#include "godwit/sdk/assignment_policy.h"
#include "godwit/sdk/plugin.h"

namespace godwit::policy_round_robin {

// Stateless; thread-safe. Whose turn it is follows from how much is under way.
class RoundRobin final : public sdk::AssignmentPolicy {
public:
    sdk::Result<std::vector<sdk::Choice>> choose(const sdk::Picture& picture) noexcept override;
};

sdk::Result<std::unique_ptr<sdk::AssignmentPolicy>> create(const sdk::Options& options,
                                                           const sdk::Host& host);

}  // namespace godwit::policy_round_robin
