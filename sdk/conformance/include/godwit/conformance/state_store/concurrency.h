// Conformance of StateStore: many callers at once, and several masters on one shared store.
#pragma once

#include <atomic>
#include <barrier>
#include <map>
#include <mutex>

#include "godwit/conformance/state_store/fixture.h"

namespace godwit::conformance {

class StateStoreConcurrency : public StateStoreFixture {
protected:
    static constexpr int kThreads = 8;

    // Runs `body(i)` on kThreads threads that start together.
    template <class Body>
    static void race(Body&& body) {
        std::barrier start{kThreads};
        std::vector<std::jthread> threads;
        for (int i = 0; i < kThreads; ++i) {
            threads.emplace_back([&, i] {
                start.arrive_and_wait();
                body(i);
            });
        }
    }

    // Claims and completes with `store` until nothing is left; gives how many it completed.
    int work_off(sdk::StateStore& store, const sdk::WorkerId& worker, std::size_t batch) {
        int completed = 0;
        sdk::ClaimSpec spec = claim_spec(batch);
        spec.worker = worker;
        while (true) {
            const auto leases = store.claim(id_, spec);
            if (!leases || leases->empty()) return completed;
            std::vector<sdk::Completion> items;
            for (const sdk::Lease& lease : *leases) {
                items.push_back({lease.ref, {}});
                items.back().effects.counters[sdk::Count::FilesCopied] = 1;
            }
            const auto outcomes = store.complete(id_, items);
            if (!outcomes) return completed;
            for (const sdk::Outcome outcome : *outcomes) {
                if (outcome == sdk::Outcome::Applied) ++completed;
            }
        }
    }
};

TEST_P(StateStoreConcurrency, EveryUnitIsClaimedByExactlyOne) {
    constexpr int kUnits = 200;
    create(chunks(kUnits));
    std::mutex mutex;
    std::map<std::uint64_t, int> winners;
    std::set<sdk::Token> tokens;

    race([&](int i) {
        sdk::ClaimSpec spec = claim_spec(3);
        spec.worker = worker_ + "-" + std::to_string(i);
        while (true) {
            const auto leases = store_->claim(id_, spec);
            if (!leases || leases->empty()) return;
            const std::lock_guard lock{mutex};
            for (const sdk::Lease& lease : *leases) {
                ++winners[lease.ref.unit];
                tokens.insert(lease.ref.token);
            }
        }
    });

    EXPECT_EQ(winners.size(), static_cast<std::size_t>(kUnits));
    EXPECT_EQ(tokens.size(), static_cast<std::size_t>(kUnits));
    for (const auto& [unit, count] : winners) EXPECT_EQ(count, 1) << "unit " << unit;
}

TEST_P(StateStoreConcurrency, ACompletionIsAppliedByExactlyOne) {
    create(chunks(20));
    for (int round = 0; round < 20; ++round) {
        const sdk::Lease lease = claim_one();
        std::atomic<int> applied{0};
        std::atomic<int> already_done{0};
        race([&](int) {
            std::vector<sdk::Completion> items{{lease.ref, {}}};
            items[0].effects.counters[sdk::Count::FilesCopied] = 1;
            const auto outcomes = store_->complete(id_, items);
            if (!outcomes || outcomes->size() != 1) return;
            if (outcomes->front() == sdk::Outcome::Applied) ++applied;
            if (outcomes->front() == sdk::Outcome::AlreadyDone) ++already_done;
        });
        ASSERT_EQ(applied, 1);
        ASSERT_EQ(already_done, kThreads - 1);
    }
    EXPECT_EQ(counter(sdk::Count::FilesCopied), 20);
}

TEST_P(StateStoreConcurrency, EitherTheCompletionOrTheReaperWins) {
    for (int round = 0; round < 30; ++round) {
        id_ = fresh_id("request");
        create(chunks(1));
        const sdk::Lease lease = claim_one();
        std::atomic<int> applied{0};
        std::atomic<int> reaped{0};

        race([&](int i) {
            if (i % 2 == 0) {
                const std::vector<sdk::Completion> items{{lease.ref, {}}};
                const auto outcomes = store_->complete(id_, items);
                if (outcomes && outcomes->at(0) == sdk::Outcome::Applied) ++applied;
            } else {
                sdk::ReapSpec spec;
                spec.worker = worker_;
                const auto taken = store_->reap(id_, spec);
                if (taken) reaped += static_cast<int>(taken->size());
            }
        });

        ASSERT_EQ(applied + reaped, 1);
        ASSERT_EQ(get().backlog.outstanding(), static_cast<std::uint64_t>(reaped));
    }
}

TEST_P(StateStoreConcurrency, OneOfManyTransitionsFromARevisionWins) {
    create();
    for (int round = 0; round < 20; ++round) {
        const sdk::Revision seen = get().revision;
        std::atomic<int> won{0};
        std::atomic<int> conflicts{0};
        race([&](int) {
            sdk::Transition change;
            change.to = sdk::RequestState::Progress;
            const auto revision = store_->transition(id_, seen, change);
            if (revision) {
                ++won;
            } else if (revision.error().code == sdk::Code::Conflict) {
                ++conflicts;
            }
        });
        ASSERT_EQ(won, 1);
        ASSERT_EQ(conflicts, kThreads - 1);
    }
}

TEST_P(StateStoreConcurrency, OneOfManyCreatesMakesTheRequest) {
    for (int round = 0; round < 10; ++round) {
        id_ = fresh_id("request");
        std::atomic<int> created{0};
        std::atomic<int> existing{0};
        race([&](int i) {
            sdk::NewRequest request = new_request(id_, chunks(2));
            request.generation = static_cast<std::uint64_t>(i) + 1;
            const auto reply = store_->create(request);
            if (reply) ++(reply->created ? created : existing);
        });
        ASSERT_EQ(created, 1);
        ASSERT_EQ(existing, kThreads - 1);
        ASSERT_EQ(get().backlog.outstanding(), 2u);
    }
}

TEST_P(StateStoreConcurrency, WhatFollowsAGroupIsAddedOnceHoweverManyPartsEndAtOnce) {
    for (int round = 0; round < 10; ++round) {
        id_ = fresh_id("request");
        std::vector<sdk::Unit> parts = chunks(kThreads);
        for (sdk::Unit& part : parts) part.group = 9;
        create({listing("/")});
        sdk::Effects effects;
        effects.groups.push_back({9, kThreads, unit_of(sdk::UnitKind::Publish, "then")});
        effects.units = parts;
        ASSERT_EQ(complete(claim_one().ref, effects), sdk::Outcome::Applied);
        const auto leases = claim(kThreads);
        ASSERT_EQ(leases.size(), parts.size());

        race([&](int i) {
            const std::vector<sdk::Completion> items{{leases[static_cast<std::size_t>(i)].ref, {}}};
            EXPECT_TRUE(store_->complete(id_, items));
        });

        ASSERT_EQ(labels(claim(10)), std::vector<std::string>{"then"});
    }
}

TEST_P(StateStoreConcurrency, WorkGoesOnWhileLeasesAreTakenAway) {
    constexpr int kUnits = 300;
    create(chunks(kUnits));
    std::atomic<int> completed{0};
    std::atomic<bool> done{false};
    std::jthread reaper{[&] {
        sdk::ReapSpec spec;
        spec.losses_max = 1'000'000'000;
        for (int i = 0; !done; ++i) {
            spec.worker = worker_ + "-" + std::to_string(i % kThreads);
            EXPECT_TRUE(store_->reap(id_, spec));
        }
    }};

    race([&](int i) {
        const bool patient = eventually([&] {
            completed += work_off(*store_, worker_ + "-" + std::to_string(i), 4);
            return completed >= kUnits;
        });
        EXPECT_TRUE(patient);
    });
    done = true;
    reaper.join();

    EXPECT_EQ(completed, kUnits);
    EXPECT_EQ(counter(sdk::Count::FilesCopied), kUnits);
    EXPECT_EQ(get().backlog.outstanding(), 0u);
    EXPECT_TRUE(get().holders.empty());
}

TEST_P(StateStoreConcurrency, NothingIsHeldOnceARequestWasCancelledUnderWork) {
    create(chunks(200));
    race([&](int i) {
        if (i == 0) {
            transition_to(sdk::RequestState::Cancelled);
        } else {
            work_off(*store_, worker_ + "-" + std::to_string(i), 2);
        }
    });

    EXPECT_EQ(get().backlog.outstanding(), 0u);
    EXPECT_TRUE(get().holders.empty());
    EXPECT_TRUE(claim(10).empty());
}

TEST_P(StateStoreConcurrency, ADifferentRequestForEachThreadIsLeftAlone) {
    std::vector<std::string> ids;
    for (int i = 0; i < kThreads; ++i) ids.push_back(fresh_id("request"));

    race([&](int i) {
        const std::string& id = ids[static_cast<std::size_t>(i)];
        EXPECT_TRUE(store_->create(new_request(id, chunks(5))));
        const auto leases = store_->claim(id, claim_spec(10));
        EXPECT_TRUE(leases && leases->size() == 5);
        EXPECT_TRUE(store_->remove(id));
        EXPECT_FALSE(store_->get(id));
    });
}

TEST_P(StateStoreConcurrency, WhatOneMasterDidTheOtherSees) {
    if (!store_->info().shared) GTEST_SKIP() << "info().shared is not claimed";
    auto other = make_store();
    ASSERT_NE(other, nullptr);
    create(chunks(2));
    const sdk::Lease lease = claim_one();

    const auto seen = other->get(id_);
    ASSERT_TRUE(seen) << seen.error().message;
    EXPECT_EQ(seen->backlog.leased_of(sdk::UnitKind::Chunk), 1u);
    const auto held = other->leases(id_, worker_);
    ASSERT_TRUE(held) << held.error().message;
    ASSERT_EQ(held->size(), 1u);
    EXPECT_EQ(held->front().ref, lease.ref);
    const std::vector<sdk::Completion> items{{lease.ref, {}}};
    const auto outcomes = other->complete(id_, items);
    ASSERT_TRUE(outcomes) << outcomes.error().message;
    EXPECT_EQ(outcomes->front(), sdk::Outcome::Applied);
    EXPECT_EQ(complete(lease.ref), sdk::Outcome::AlreadyDone);
}

TEST_P(StateStoreConcurrency, SeveralMastersShareTheWorkWithoutDoingAnythingTwice) {
    if (!store_->info().shared) GTEST_SKIP() << "info().shared is not claimed";
    constexpr int kUnits = 200;
    auto other = make_store();
    ASSERT_NE(other, nullptr);
    create(chunks(kUnits));
    std::atomic<int> completed{0};

    race([&](int i) {
        sdk::StateStore& store = i % 2 == 0 ? *store_ : *other;
        completed += work_off(store, worker_ + "-" + std::to_string(i), 3);
    });

    EXPECT_EQ(completed, kUnits);
    EXPECT_EQ(counter(sdk::Count::FilesCopied), kUnits);
}

TEST_P(StateStoreConcurrency, AMasterThatStartsLaterGoesOnWhereTheFirstLeftOff) {
    if (!store_->info().shared) GTEST_SKIP() << "info().shared is not claimed";
    create(chunks(2));
    const sdk::Lease lease = claim_one();
    store_.reset();

    store_ = make_store();

    ASSERT_NE(store_, nullptr);
    EXPECT_EQ(renew(lease.ref), sdk::Outcome::Applied);
    EXPECT_EQ(complete(lease.ref), sdk::Outcome::Applied);
    EXPECT_EQ(labels(claim(10)), std::vector<std::string>{"chunk 1"});
}

}  // namespace godwit::conformance
