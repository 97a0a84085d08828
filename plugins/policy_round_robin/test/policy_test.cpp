#include <gtest/gtest.h>

#include "godwit/conformance/assignment_policy.h"

namespace {

using namespace godwit;
using conformance::Scene;

std::unique_ptr<sdk::AssignmentPolicy> make() {
    return conformance::make_from<sdk::AssignmentPolicy>(PLUGIN_FILE, {});
}

TEST(RoundRobin, RequestsTakeTurns) {
    Scene scene;
    const auto self = scene.add_worker({"/a"});
    scene.add_worker({"/b"});
    for (int i = 0; i < 3; ++i) scene.add_request("/a/x", "/b/" + std::to_string(i), 10);

    std::vector<std::uint32_t> order;
    const auto policy = make();
    for (const sdk::Choice& choice : *policy->choose(scene.picture(self, 6))) {
        order.push_back(choice.candidate);
    }

    EXPECT_EQ(order, (std::vector<std::uint32_t>{0, 1, 2, 0, 1, 2}));
}

TEST(RoundRobin, DestinationsTakeTurnsAcrossPolls) {
    Scene scene;
    const auto self = scene.add_worker({"/a"});
    scene.add_worker({"/b"});
    scene.add_worker({"/b"});
    sdk::Request& request = scene.add_request("/a/x", "/b/y", 10);
    const auto policy = make();

    const auto first = policy->choose(scene.picture(self, 1))->at(0).destination;
    request.backlog.leased[1] = 1;
    const auto second = policy->choose(scene.picture(self, 1))->at(0).destination;

    EXPECT_NE(first, second);
}

TEST(RoundRobin, TakesNoOptions) {
    const auto* descriptor = conformance::load_descriptor(PLUGIN_FILE);
    ASSERT_NE(descriptor, nullptr);

    const auto made = descriptor->make_assignment_policy(
        conformance::make_options({{"weight", "3"}}), conformance::test_host());

    ASSERT_FALSE(made);
    EXPECT_NE(made.error().message.find("unknown key 'weight'"), std::string::npos);
}

}  // namespace

GODWIT_ASSIGNMENT_POLICY_CONFORMANCE(RoundRobin, [] { return make(); })
