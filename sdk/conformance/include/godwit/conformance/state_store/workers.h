// Conformance of StateStore: workers, and the hints of subscribe().
#pragma once

#include <atomic>
#include <mutex>

#include "godwit/conformance/state_store/fixture.h"

namespace godwit::conformance {

class StateStoreWorkers : public StateStoreFixture {
protected:
    sdk::Worker worker_of(const sdk::WorkerId& id) const {
        sdk::Worker worker;
        worker.id = id;
        worker.incarnation = "first start";
        worker.status = "READY";
        worker.storage_paths = {"/home/\xff", "", "/scratch"};
        worker.endpoints = {{"ib0", "10.0.0.1"}, {"", "fe80::1"}};
        worker.peer_address = "10.0.0.1:7000";
        worker.transports = {"libfabric", "ucx"};
        worker.slots = 0xFFFF'FFFF;
        return worker;
    }

    // The worker as the store shows it; nothing when it does not.
    std::optional<sdk::Worker> find(const sdk::WorkerId& id) {
        auto workers = store_->workers();
        EXPECT_TRUE(workers) << workers.error().message;
        if (!workers) return std::nullopt;
        std::optional<sdk::Worker> found;
        for (const sdk::Worker& worker : *workers) {
            if (worker.id != id) continue;
            EXPECT_FALSE(found) << "a worker is listed twice";
            found = worker;
        }
        return found;
    }
};

TEST_P(StateStoreWorkers, AWorkerReadsBackAsItWasGiven) {
    const sdk::Worker given = worker_of(worker_);

    ASSERT_TRUE(store_->upsert_worker(given));

    const auto read = find(worker_);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->incarnation, given.incarnation);
    EXPECT_EQ(read->status, given.status);
    EXPECT_EQ(read->storage_paths, given.storage_paths);
    EXPECT_EQ(read->endpoints, given.endpoints);
    EXPECT_EQ(read->peer_address, given.peer_address);
    EXPECT_EQ(read->transports, given.transports);
    EXPECT_EQ(read->slots, given.slots);
    EXPECT_GT(read->last_seen, sdk::WallTime{});
    EXPECT_GE(read->silent_for, sdk::Millis{0});
    EXPECT_LT(read->silent_for, kPatience);
}

TEST_P(StateStoreWorkers, EachUpsertTellsTheIncarnationOfBefore) {
    sdk::Worker worker = worker_of(worker_);

    EXPECT_EQ(*store_->upsert_worker(worker), "");
    EXPECT_EQ(*store_->upsert_worker(worker), "first start");
    worker.incarnation = "second start";
    worker.status = "DRAINING";
    EXPECT_EQ(*store_->upsert_worker(worker), "first start");
    EXPECT_EQ(*store_->upsert_worker(worker), "second start");

    const auto read = find(worker_);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->status, "DRAINING");
}

TEST_P(StateStoreWorkers, ASilentWorkerGrowsOlderUntilItIsSeenAgain) {
    sdk::Worker worker = worker_of(worker_);
    ASSERT_TRUE(store_->upsert_worker(worker));
    const sdk::WallTime first_seen = find(worker_)->last_seen;

    ASSERT_TRUE(eventually([&] {
        const auto read = find(worker_);
        return !read || read->silent_for >= sdk::Millis{50};
    }));
    EXPECT_EQ(find(worker_)->last_seen, first_seen);
    const auto seen_again = std::chrono::steady_clock::now();
    ASSERT_TRUE(store_->upsert_worker(worker));
    const auto read = find(worker_);

    ASSERT_TRUE(read);
    EXPECT_GT(read->last_seen, first_seen);
    // A store may count in whole milliseconds.
    EXPECT_LE(read->silent_for, std::chrono::steady_clock::now() - seen_again + sdk::Millis{2});
}

TEST_P(StateStoreWorkers, ARemovedWorkerIsGone) {
    ASSERT_TRUE(store_->upsert_worker(worker_of(worker_)));

    EXPECT_TRUE(store_->remove_worker(worker_));
    EXPECT_TRUE(store_->remove_worker(worker_));

    EXPECT_FALSE(find(worker_));
    EXPECT_EQ(*store_->upsert_worker(worker_of(worker_)), "");
}

TEST_P(StateStoreWorkers, IdsOutsideOfTheAlphabetAreRefused) {
    for (const std::string id : {"", "a b", "\xff"}) {
        const auto before = store_->upsert_worker(worker_of(id));
        ASSERT_FALSE(before);
        EXPECT_EQ(before.error().code, sdk::Code::InvalidArgument);
    }
}

class StateStoreHints : public StateStoreFixture {
protected:
    // What a subscription told so far. The watcher may run on any thread.
    class Heard {
    public:
        sdk::Watcher watcher() {
            return [this](const sdk::RequestId& id) {
                const std::lock_guard lock{mutex_};
                ++counts_[id];
            };
        }
        int of(const sdk::RequestId& id) {
            const std::lock_guard lock{mutex_};
            return counts_[id];
        }

    private:
        std::mutex mutex_;
        std::map<sdk::RequestId, int> counts_;
    };

    // Hints may be lost, so the change is made again until one comes through. What was said before
    // it does not count: another request is changed first, until that one is heard of.
    template <class Change>
    bool heard_after(Heard& heard, Change&& change) {
        const sdk::RequestId marker = fresh_id("marker");
        EXPECT_TRUE(store_->create(new_request(marker)));
        const bool settled = eventually([&] {
            EXPECT_TRUE(store_->transition(marker, store_->get(marker)->revision, {}));
            return heard.of(marker) > 0 || HasFailure();
        });
        const int before = heard.of(id_);
        return settled && eventually([&] {
                   change();
                   return heard.of(id_) > before || HasFailure();
               });
    }
};

TEST_P(StateStoreHints, ASubscriberHearsOfChanges) {
    Heard heard;
    auto subscription = store_->subscribe(heard.watcher());
    ASSERT_TRUE(subscription) << subscription.error().message;
    create(chunks(1));

    EXPECT_TRUE(heard_after(heard, [&] { transition_to(sdk::RequestState::Progress); }));
    EXPECT_TRUE(heard_after(heard, [&] {
        sdk::Effects effects;
        effects.units = chunks(1);
        complete(claim_one().ref, effects);
    }));
    EXPECT_TRUE(heard_after(heard, [&] { fail(failure_of(claim_one(), 1'000'000'000)); }));
    EXPECT_TRUE(heard_after(heard, [&] {
        sdk::ReapSpec spec;
        spec.worker = worker_;
        spec.losses_max = 1'000'000'000;
        claim_one();
        reap(spec);
    }));
}

TEST_P(StateStoreHints, ASubscriberHearsOfANewRequest) {
    Heard heard;
    auto subscription = store_->subscribe(heard.watcher());
    ASSERT_TRUE(subscription) << subscription.error().message;

    EXPECT_TRUE(eventually([&] {
        id_ = fresh_id("request");
        create(chunks(1));
        return eventually_soon([&] { return heard.of(id_) > 0; }) || HasFailure();
    }));
}

TEST_P(StateStoreHints, EverySubscriberHears) {
    Heard first;
    Heard second;
    auto one = store_->subscribe(first.watcher());
    auto two = store_->subscribe(second.watcher());
    ASSERT_TRUE(one && two);
    create();

    EXPECT_TRUE(heard_after(first, [&] { transition_to(sdk::RequestState::Queued); }));
    EXPECT_TRUE(heard_after(second, [&] { transition_to(sdk::RequestState::Queued); }));
}

TEST_P(StateStoreHints, AnEndedSubscriptionIsNotCalledAnyMore) {
    Heard ended;
    Heard lasting;
    auto one = store_->subscribe(ended.watcher());
    auto two = store_->subscribe(lasting.watcher());
    ASSERT_TRUE(one && two);
    create();
    ASSERT_TRUE(heard_after(ended, [&] { transition_to(sdk::RequestState::Queued); }));

    one->reset();
    const int calls = ended.of(id_);

    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(heard_after(lasting, [&] { transition_to(sdk::RequestState::Queued); }));
    }
    EXPECT_EQ(ended.of(id_), calls);
}

TEST_P(StateStoreHints, TheEndOfASubscriptionWaitsForItsWatcher) {
    std::atomic<bool> inside{false};
    std::atomic<bool> let_go{false};
    auto subscription = store_->subscribe([&](const sdk::RequestId&) {
        inside = true;
        eventually([&] { return let_go.load(); });
        inside = false;
    });
    ASSERT_TRUE(subscription) << subscription.error().message;
    create();
    ASSERT_TRUE(eventually([&] {
        transition_to(sdk::RequestState::Queued);
        return inside.load() || HasFailure();
    }));

    std::jthread ender{[&] {
        subscription->reset();
        EXPECT_FALSE(inside) << "the watcher was still running";
    }};
    EXPECT_FALSE(eventually_soon([&] { return !inside.load(); }));
    let_go = true;
}

TEST_P(StateStoreHints, ASubscriptionMayOutliveItsStoreAndEndsQuickly) {
    Heard heard;
    auto other = make_store();
    ASSERT_NE(other, nullptr);
    auto subscription = other->subscribe(heard.watcher());
    ASSERT_TRUE(subscription) << subscription.error().message;

    const auto begin = std::chrono::steady_clock::now();
    other.reset();
    subscription->reset();

    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{2});
}

}  // namespace godwit::conformance
