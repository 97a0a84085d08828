#include "godwit/sdk/plugin.h"

#include "policy.h"

namespace godwit::policy_storage_affinity {

constexpr std::span<const sdk::OptionSpec> kTable{kOptions};

}  // namespace godwit::policy_storage_affinity

GODWIT_ASSIGNMENT_POLICY_PLUGIN("storage_affinity", "1.0.0",
                                "work goes to the workers that mount the storage",
                                godwit::policy_storage_affinity::kTable,
                                godwit::policy_storage_affinity::create)
