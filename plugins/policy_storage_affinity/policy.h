// Work goes where the storage is: a worker that mounts both sides copies by itself; others help
// only with what those cannot take, and send to the least loaded destination near them.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "godwit/sdk/assignment_policy.h"
#include "godwit/sdk/plugin.h"

namespace godwit::policy_storage_affinity {

struct Settings {
    bool local_first = true;
    int subnet_prefix_v4 = 24;
    int subnet_prefix_v6 = 64;
};

// Immutable; thread-safe.
class StorageAffinity final : public sdk::AssignmentPolicy {
public:
    explicit StorageAffinity(const Settings& settings) noexcept : settings_{settings} {}

    sdk::Result<std::vector<sdk::Choice>> choose(const sdk::Picture& picture) noexcept override;

private:
    const Settings settings_;
};

// Whether two IP addresses agree in their first bits. False for what is no IP address.
bool same_subnet(std::string_view a, std::string_view b, const Settings& settings) noexcept;

extern const sdk::OptionSpec kOptions[3];

sdk::Result<std::unique_ptr<sdk::AssignmentPolicy>> create(const sdk::Options& options,
                                                           const sdk::Host& host);

}  // namespace godwit::policy_storage_affinity
