#include <gtest/gtest.h>

#include "godwit/conformance/assignment_policy.h"

namespace {

using namespace godwit;
using conformance::Scene;

std::unique_ptr<sdk::AssignmentPolicy> make(const sdk::Options& options = {}) {
    return conformance::make_from<sdk::AssignmentPolicy>(PLUGIN_FILE, options);
}

std::vector<sdk::Choice> choose(Scene& scene, std::uint32_t worker, std::uint32_t capacity) {
    return *make()->choose(scene.picture(worker, capacity));
}

TEST(StorageAffinity, AWorkerThatMountsBothSidesWritesItself) {
    Scene scene;
    const auto both = scene.add_worker({"/a", "/b"});
    scene.add_worker({"/b"});
    scene.add_request("/a/x", "/b/y", 10);

    for (const sdk::Choice& choice : choose(scene, both, 4)) EXPECT_EQ(choice.destination, both);
}

TEST(StorageAffinity, OthersWaitWhileThoseThatMountBothSidesCanTakeAll) {
    Scene scene;
    const auto both = scene.add_worker({"/a", "/b"}, 4);
    const auto source_only = scene.add_worker({"/a"});
    scene.add_request("/a/x", "/b/y", 4);

    EXPECT_TRUE(choose(scene, source_only, 4).empty());

    scene.view(both).in_flight = 4;
    const auto choices = choose(scene, source_only, 4);
    ASSERT_EQ(choices.size(), 1u);
    EXPECT_EQ(choices[0].destination, both);
    EXPECT_EQ(choices[0].units_max, 4u);
}

TEST(StorageAffinity, WhatOneThatMountsBothSidesHasFailedOnIsNotKeptForIt) {
    Scene scene;
    const auto both = scene.add_worker({"/a", "/b"}, 4);
    const auto source_only = scene.add_worker({"/a"});
    sdk::Request& request = scene.add_request("/a/x", "/b/y", 1);
    request.detail[scene.worker(both).id] = "input/output error";

    EXPECT_EQ(choose(scene, source_only, 4).size(), 1u);

    request.backlog.leased[0] = 1;
    EXPECT_TRUE(choose(scene, source_only, 4).empty()) << "it may be about to take it";
}

TEST(StorageAffinity, HigherPriorityGoesFirst) {
    Scene scene;
    const auto self = scene.add_worker({"/a"});
    scene.add_worker({"/b"});
    scene.add_request("/a/x", "/b/1", 10);
    scene.add_request("/a/x", "/b/2", 1).priority = 5;

    const auto choices = choose(scene, self, 2);

    ASSERT_EQ(choices.size(), 2u);
    EXPECT_EQ(choices[0].candidate, 1u);
    EXPECT_EQ(choices[1].candidate, 0u);
}

TEST(StorageAffinity, CapacityIsSharedByRequestsOfOnePriority) {
    Scene scene;
    const auto self = scene.add_worker({"/a"});
    scene.add_worker({"/b"});
    scene.add_request("/a/x", "/b/1", 10);
    scene.add_request("/a/x", "/b/2", 10).backlog.leased[1] = 2;

    std::vector<std::uint32_t> units(2);
    for (const sdk::Choice& choice : choose(scene, self, 4)) {
        units[choice.candidate] += choice.units_max;
    }

    EXPECT_EQ(units, (std::vector<std::uint32_t>{3, 1}));
}

TEST(StorageAffinity, TheLeastLoadedDestinationWrites) {
    Scene scene;
    const auto self = scene.add_worker({"/a"});
    const auto busy = scene.add_worker({"/b"});
    const auto idle = scene.add_worker({"/b"});
    scene.worker(busy).endpoints = scene.worker(idle).endpoints;
    scene.view(busy).writing_for = 3;
    scene.add_request("/a/x", "/b/y", 10);

    const auto choices = choose(scene, self, 1);

    ASSERT_EQ(choices.size(), 1u);
    EXPECT_EQ(choices[0].destination, idle);
}

TEST(StorageAffinity, ADestinationInTheSameSubnetComesBeforeAnIdleOne) {
    Scene scene;
    const auto self = scene.add_worker({"/a"});
    const auto near = scene.add_worker({"/b"});
    const auto far = scene.add_worker({"/b"});
    scene.worker(self).endpoints = {{"ib0", "192.168.7.1"}};
    scene.worker(near).endpoints = {{"ib0", "192.168.7.2"}};
    scene.worker(far).endpoints = {{"ib0", "192.168.8.2"}};
    scene.view(near).writing_for = 3;
    scene.add_request("/a/x", "/b/y", 10);

    EXPECT_EQ(choose(scene, self, 1).at(0).destination, near);
}

TEST(StorageAffinity, ADestinationWithoutACommonTransportIsTheLastResort) {
    Scene scene;
    const auto self = scene.add_worker({"/a"});
    const auto other = scene.add_worker({"/b"});
    const auto same = scene.add_worker({"/b"});
    scene.worker(other).transports = {"ucx/rc"};
    scene.worker(other).endpoints = scene.worker(self).endpoints;
    scene.add_request("/a/x", "/b/y", 10);

    EXPECT_EQ(choose(scene, self, 1).at(0).destination, same);
}

TEST(StorageAffinity, UnknownOptionIsRefusedByName) {
    const auto* descriptor = conformance::load_descriptor(PLUGIN_FILE);
    ASSERT_NE(descriptor, nullptr);

    const auto made = descriptor->make_assignment_policy(
        conformance::make_options({{"local_frist", "true"}}), conformance::test_host());

    ASSERT_FALSE(made);
    EXPECT_NE(made.error().message.find("did you mean 'local_first'?"), std::string::npos)
        << made.error().message;
}

}  // namespace

GODWIT_ASSIGNMENT_POLICY_CONFORMANCE(StorageAffinity, [] { return make(); })
