#include "godwit/sdk/plugin.h"

#include "policy.h"

GODWIT_ASSIGNMENT_POLICY_PLUGIN("round_robin", "1.0.0", "every request and destination in turn",
                                godwit::sdk::kNoOptions, godwit::policy_round_robin::create)
