#include <godwit/conformance/assignment_policy.h>
#include <godwit/conformance/load.h>

GODWIT_ASSIGNMENT_POLICY_CONFORMANCE(LeastServed, [] {
    return godwit::conformance::make_from<godwit::sdk::AssignmentPolicy>(PLUGIN_FILE, {});
})
