// The conformance kit of AssignmentPolicy: what every policy must keep, whatever it prefers.
//
//     GODWIT_ASSIGNMENT_POLICY_CONFORMANCE(Mine, [] {
//         return godwit::conformance::make_from<godwit::sdk::AssignmentPolicy>(PLUGIN_FILE, {});
//     })
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "godwit/conformance/load.h"
#include "godwit/sdk/assignment_policy.h"

namespace godwit::conformance {

using PolicyFactory = std::function<std::unique_ptr<sdk::AssignmentPolicy>()>;

// A picture that owns what it shows. Built once, then read.
class Scene {
public:
    std::uint32_t add_worker(std::vector<std::string> storage_paths, std::uint32_t slots = 4) {
        sdk::Worker worker;
        worker.id = "worker-" + std::to_string(workers_.size());
        worker.status = "READY";
        worker.storage_paths = std::move(storage_paths);
        worker.peer_address = "10.0.0.1:" + std::to_string(4000 + workers_.size());
        worker.endpoints = {{"eth0", "10.0." + std::to_string(workers_.size() % 3) + ".1"}};
        worker.transports = {"libfabric/tcp;ofi_rxm"};
        worker.slots = slots;
        workers_.push_back(std::move(worker));
        views_.push_back({});
        return static_cast<std::uint32_t>(workers_.size() - 1);
    }

    sdk::Request& add_request(const std::string& source, const std::string& destination,
                              std::uint64_t pending) {
        sdk::Request request;
        request.id = "request-" + std::to_string(requests_.size());
        request.generation = 77 * (requests_.size() + 1);
        request.source_path = source;
        request.destination_path = destination;
        request.state = sdk::RequestState::Progress;
        request.backlog.pending[static_cast<std::size_t>(sdk::UnitKind::Chunk)] = pending;
        requests_.push_back(std::move(request));
        return requests_.back();
    }

    sdk::WorkerView& view(std::uint32_t worker) { return views_[worker]; }
    sdk::Worker& worker(std::uint32_t index) { return workers_[index]; }

    // As the host would draw it: candidates whose source `worker` mounts, and their destinations.
    sdk::Picture picture(std::uint32_t worker, std::uint32_t capacity,
                         bool keep_unreachable = false) {
        candidates_.clear();
        destinations_.clear();
        for (std::size_t i = 0; i < workers_.size(); ++i) views_[i].worker = &workers_[i];
        for (const sdk::Request& request : requests_) {
            if (sdk::mount_of(workers_[worker], request.source_path).empty()) continue;
            std::vector<std::uint32_t> destinations;
            for (std::uint32_t w = 0; w < workers_.size(); ++w) {
                if (!sdk::mount_of(workers_[w], request.destination_path).empty()) {
                    destinations.push_back(w);
                }
            }
            if (destinations.empty() && !keep_unreachable) continue;
            destinations_.push_back(std::move(destinations));
            candidates_.push_back({&request, destinations_.back()});
        }
        return {worker, views_, candidates_, capacity};
    }

    std::deque<sdk::Request>& requests() { return requests_; }

private:
    std::deque<sdk::Worker> workers_;
    std::vector<sdk::WorkerView> views_;
    std::deque<sdk::Request> requests_;
    std::deque<std::vector<std::uint32_t>> destinations_;
    std::vector<sdk::RequestView> candidates_;
};

// Fails where the choices break a rule of the interface.
inline void expect_sound(const sdk::Picture& picture, const std::vector<sdk::Choice>& choices) {
    std::uint64_t units = 0;
    for (const sdk::Choice& choice : choices) {
        ASSERT_LT(choice.candidate, picture.candidates.size());
        EXPECT_GE(choice.units_max, 1u);
        units += choice.units_max;
        const auto& allowed = picture.candidates[choice.candidate].destinations;
        if (allowed.empty()) {
            EXPECT_EQ(choice.destination, sdk::kNoDestination);
        } else {
            EXPECT_NE(std::find(allowed.begin(), allowed.end(), choice.destination), allowed.end())
                << "destination " << choice.destination << " is none of the candidate's";
        }
    }
    EXPECT_LE(units, picture.capacity);
}

inline bool same_choices(const std::vector<sdk::Choice>& a, const std::vector<sdk::Choice>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const sdk::Choice& x, const sdk::Choice& y) {
                          return x.candidate == y.candidate && x.destination == y.destination &&
                                 x.units_max == y.units_max;
                      });
}

// A cluster of random shape; the same for the same seed.
inline void fill_randomly(Scene& scene, std::mt19937_64& random) {
    const auto upto = [&](std::uint64_t most) { return random() % (most + 1); };
    const std::vector<std::string> paths = {"/a", "/b", "/c", "/d"};
    const std::uint64_t workers = 1 + upto(7);
    for (std::uint64_t w = 0; w < workers; ++w) {
        std::vector<std::string> mounts;
        for (const std::string& path : paths) {
            if (random() % 2 == 0) mounts.push_back(path);
        }
        const std::uint32_t index =
            scene.add_worker(std::move(mounts), static_cast<std::uint32_t>(1 + upto(7)));
        scene.view(index).in_flight = static_cast<std::uint32_t>(upto(10));
        scene.view(index).writing_for = static_cast<std::uint32_t>(upto(10));
    }
    const std::uint64_t requests = upto(12);
    for (std::uint64_t r = 0; r < requests; ++r) {
        sdk::Request& request =
            scene.add_request(paths[upto(3)] + "/x", paths[upto(3)] + "/y", upto(20));
        request.priority = static_cast<std::int32_t>(upto(4)) - 2;
        request.backlog.leased[1] = upto(10);
    }
}

class AssignmentPolicyConformance : public testing::TestWithParam<PolicyFactory> {
protected:
    void SetUp() override {
        policy_ = GetParam()();
        ASSERT_NE(policy_, nullptr);
    }
    std::vector<sdk::Choice> choose(const sdk::Picture& picture) {
        auto choices = policy_->choose(picture);
        EXPECT_TRUE(choices) << (choices ? "" : choices.error().message);
        return choices ? *choices : std::vector<sdk::Choice>{};
    }

    std::unique_ptr<sdk::AssignmentPolicy> policy_;
};

TEST_P(AssignmentPolicyConformance, NothingToDoIsNoChoice) {
    Scene scene;
    const auto self = scene.add_worker({"/a"});

    EXPECT_TRUE(choose(scene.picture(self, 4)).empty());
}

TEST_P(AssignmentPolicyConformance, NoCapacityIsNoChoice) {
    Scene scene;
    const auto self = scene.add_worker({"/a", "/b"});
    scene.add_request("/a/x", "/b/y", 10);

    EXPECT_TRUE(choose(scene.picture(self, 0)).empty());
}

TEST_P(AssignmentPolicyConformance, TheOnlyWorkGoesToTheOnlyWorker) {
    Scene scene;
    const auto self = scene.add_worker({"/a"});
    const auto other = scene.add_worker({"/b"});
    scene.add_request("/a/x", "/b/y", 10);
    const auto picture = scene.picture(self, 4);

    const auto choices = choose(picture);

    ASSERT_FALSE(choices.empty());
    expect_sound(picture, choices);
    EXPECT_EQ(choices.front().destination, other);
}

TEST_P(AssignmentPolicyConformance, AWorkerThatFindsItsOwnWayGetsWorkWithoutDestination) {
    Scene scene;
    const auto self = scene.add_worker({"/a"});
    scene.add_request("/a/x", "/nowhere", 1);

    const auto choices = choose(scene.picture(self, 1, true));

    ASSERT_EQ(choices.size(), 1u);
    EXPECT_EQ(choices.front().destination, sdk::kNoDestination);
}

TEST_P(AssignmentPolicyConformance, EqualPicturesHaveEqualChoices) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        std::mt19937_64 random{seed};
        Scene scene;
        fill_randomly(scene, random);
        const auto first = choose(scene.picture(0, 8));
        const auto second = choose(scene.picture(0, 8));
        EXPECT_TRUE(same_choices(first, second)) << "seed " << seed;
    }
}

TEST_P(AssignmentPolicyConformance, RandomPicturesKeepTheRules) {
    for (std::uint64_t seed = 0; seed < 3000; ++seed) {
        std::mt19937_64 random{seed};
        Scene scene;
        fill_randomly(scene, random);
        const auto picture =
            scene.picture(0, static_cast<std::uint32_t>(random() % 12), random() % 2 == 0);
        expect_sound(picture, choose(picture));
        if (HasFailure()) FAIL() << "seed " << seed;
    }
}

TEST_P(AssignmentPolicyConformance, ConcurrentCallsAgree) {
    std::mt19937_64 random{7};
    Scene scene;
    fill_randomly(scene, random);
    const auto picture = scene.picture(0, 8);
    const auto expected = choose(picture);
    std::vector<int> agreed(4, 0);
    {
        std::vector<std::jthread> threads;
        for (std::size_t t = 0; t < agreed.size(); ++t) {
            threads.emplace_back([&, t] {
                for (int round = 0; round < 500; ++round) {
                    const auto choices = policy_->choose(picture);
                    agreed[t] += choices && same_choices(*choices, expected);
                }
            });
        }
    }
    for (const int rounds : agreed) EXPECT_EQ(rounds, 500);
}

// Every request that has work gets some before others have got all of theirs.
TEST_P(AssignmentPolicyConformance, NobodyOfEqualPriorityStarves) {
    Scene scene;
    const auto self = scene.add_worker({"/a"}, 2);
    scene.add_worker({"/b"}, 64);
    for (int i = 0; i < 5; ++i) scene.add_request("/a/x", "/b/y" + std::to_string(i), 100);
    std::vector<int> served(5, 0);

    for (int round = 0; round < 50; ++round) {
        for (const sdk::Choice& choice : choose(scene.picture(self, 2))) {
            sdk::Request& request = scene.requests()[choice.candidate];
            auto& backlog = request.backlog;
            const std::size_t chunk = static_cast<std::size_t>(sdk::UnitKind::Chunk);
            backlog.pending[chunk] -= choice.units_max;
            backlog.leased[chunk] += choice.units_max;
            served[choice.candidate] += static_cast<int>(choice.units_max);
        }
    }

    for (const int units : served) EXPECT_GE(units, 10);
}

// 200 workers and 200 requests are a cluster, not a stress test: it must answer at all.
TEST_P(AssignmentPolicyConformance, ALargeClusterIsServed) {
    Scene scene;
    std::vector<std::string> all;
    for (int i = 0; i < 20; ++i) all.push_back("/m" + std::to_string(i));
    for (int w = 0; w < 200; ++w) scene.add_worker({all[w % 20], all[(w + 1) % 20]});
    for (int r = 0; r < 200; ++r) {
        scene.add_request(all[r % 20] + "/x", all[(r + 1) % 20] + "/y" + std::to_string(r), 50);
    }
    for (std::uint32_t w = 0; w < 200; ++w) {
        const auto picture = scene.picture(w, 16);
        const auto choices = choose(picture);
        ASSERT_FALSE(choices.empty());
        expect_sound(picture, choices);
    }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(AssignmentPolicyConformance);

}  // namespace godwit::conformance

#define GODWIT_ASSIGNMENT_POLICY_CONFORMANCE(name, factory)            \
    namespace godwit::conformance {                                    \
    INSTANTIATE_TEST_SUITE_P(name, AssignmentPolicyConformance,        \
                             testing::Values(PolicyFactory{factory})); \
    }
