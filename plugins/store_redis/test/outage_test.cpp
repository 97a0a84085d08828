// Servers that crash, hang, lose data, and come back.
#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "redis_fixture.h"

namespace godwit::store_redis {
namespace {

using conformance::eventually;
using sdk::Code;
using sdk::Outcome;
using testing::HasSubstr;

// A worker's life: claims, completes, repeats what it got no answer to.
class Workload {
public:
    Workload(sdk::StateStore& store, std::string request)
        : store_{store}, request_{std::move(request)} {}

    void work(const std::string& worker, const std::atomic<bool>& stop) {
        while (!stop) {
            const auto leases = store_.claim(request_, claim_of(worker, 4));
            if (!leases || leases->empty()) {
                std::this_thread::yield();
                continue;
            }
            remember(*leases);
            complete(completions_of(*leases), stop);
        }
    }

    int completed() const { return completed_; }
    int repeated_tokens() const { return repeated_tokens_; }

private:
    void remember(const std::vector<sdk::Lease>& leases) {
        const std::lock_guard lock{mutex_};
        for (const sdk::Lease& lease : leases) {
            if (!tokens_.insert(lease.ref.token).second) ++repeated_tokens_;
        }
    }

    void complete(const std::vector<sdk::Completion>& items, const std::atomic<bool>& stop) {
        while (!stop) {
            const auto outcomes = store_.complete(request_, items);
            if (!outcomes) continue;
            for (const Outcome outcome : *outcomes) {
                if (outcome == Outcome::Applied || outcome == Outcome::AlreadyDone) ++completed_;
            }
            return;
        }
    }

    sdk::StateStore& store_;
    const std::string request_;
    std::atomic<int> completed_{0};
    std::atomic<int> repeated_tokens_{0};
    std::mutex mutex_;
    std::set<sdk::Token> tokens_;
};

TEST(RedisOutage, NothingAcknowledgedIsLostWhenTheServerIsKilledUnderWork) {
    constexpr int kUnits = 8'000;
    test_support::RedisServer redis{{true, {}}};
    auto store = make_store(quick(redis.url()));
    ASSERT_NE(store, nullptr);
    // Much at once for the little time that quick() gives a command.
    ASSERT_TRUE(
        eventually([&] { return static_cast<bool>(store->create(request_of("work", kUnits))); }));
    Workload workload{*store, "work"};
    std::atomic<bool> stop{false};
    std::vector<std::jthread> workers;
    for (int i = 0; i < 4; ++i) {
        workers.emplace_back([&, i] { workload.work("worker-" + std::to_string(i), stop); });
    }

    for (int crash = 1; crash <= 3; ++crash) {
        EXPECT_TRUE(eventually([&] { return workload.completed() > crash * 1000; }));
        redis.kill();
        const int acknowledged = workload.completed();
        redis.start();
        const auto request = store->get("work");
        ASSERT_TRUE(request) << request.error().message;
        EXPECT_GE(request->counters[sdk::Count::FilesCopied], acknowledged);
    }
    // Leases whose claim was answered to nobody are taken back.
    EXPECT_TRUE(eventually([&] {
        const sdk::Backlog backlog = store->get("work")->backlog;
        for (int i = 0; backlog.pending_of(sdk::UnitKind::Chunk) == 0 && i < 4; ++i) {
            sdk::ReapSpec spec;
            spec.worker = "worker-" + std::to_string(i);
            spec.losses_max = 1'000'000;
            EXPECT_TRUE(store->reap("work", spec));
        }
        return backlog.outstanding() == 0;
    }));
    stop = true;
    workers.clear();

    EXPECT_EQ(store->get("work")->counters[sdk::Count::FilesCopied], kUnits);
    EXPECT_EQ(workload.completed(), kUnits);
    EXPECT_EQ(workload.repeated_tokens(), 0);
}

// As after a power failure with appendfsync everysec: the last claim is forgotten by the server.
TEST(RedisOutage, ALostClaimNeverLeadsToTheSameTokenTwice) {
    test_support::RedisServer redis{{true, {}}};
    auto store = make_store(quick(redis.url()));
    ASSERT_TRUE(store->create(request_of("r", 1)));
    RawClient raw{redis.port()};
    const std::string script =
        "for _, key in ipairs(KEYS) do local dump = redis.call('DUMP', key) "
        "if dump then redis.call('SET', 'saved:' .. key, dump) end end";
    const std::string restore =
        "for _, key in ipairs(KEYS) do local dump = redis.call('GET', 'saved:' .. key) "
        "redis.call('DEL', key) if dump then redis.call('RESTORE', key, 0, dump) end end";
    std::vector<std::string> keys;
    for (const std::string name : {"request", "units", "payloads", "ready", "deadlines", "holding",
                                   "holders", "stages", "stage_counts", "ended"}) {
        keys.push_back("godwit:{r}:" + name);
    }
    const auto evaluate = [&](const std::string& text) {
        std::vector<std::string> words{"EVAL", text, std::to_string(keys.size())};
        words.insert(words.end(), keys.begin(), keys.end());
        EXPECT_EQ(raw.ask(words), "");
    };
    evaluate(script);
    const auto lost = store->claim("r", claim_of("first"));
    ASSERT_TRUE(lost && lost->size() == 1);
    evaluate(restore);
    ASSERT_EQ(store->get("r")->backlog.leased_of(sdk::UnitKind::Chunk), 0u);

    redis.kill();
    redis.start();
    const auto again = store->claim("r", claim_of("second"));

    ASSERT_TRUE(again) << again.error().message;
    ASSERT_EQ(again->size(), 1u);
    const sdk::LeaseRef before = lost->front().ref;
    const sdk::LeaseRef after = again->front().ref;
    EXPECT_EQ(after.unit, before.unit);
    EXPECT_EQ(after.token.number, before.token.number) << "the loss was not simulated";
    EXPECT_GT(after.token.epoch, before.token.epoch);
    EXPECT_EQ(store->complete("r", completions_of(*lost))->at(0), Outcome::LeaseLost);
    EXPECT_EQ(store->complete("r", completions_of(*again))->at(0), Outcome::Applied);
}

TEST(RedisOutage, TokensGoOnEvenIfTheServerForgotEverything) {
    test_support::RedisServer redis;
    auto store = make_store(quick(redis.url()));
    std::set<sdk::Token> tokens;
    for (int life = 0; life < 3; ++life) {
        ASSERT_TRUE(store->create(request_of("r", 3)));
        const auto leases = store->claim("r", claim_of("worker", 3));
        ASSERT_TRUE(leases && leases->size() == 3);
        for (const sdk::Lease& lease : *leases) {
            EXPECT_TRUE(tokens.insert(lease.ref.token).second);
        }
        redis.kill();
        redis.start();
        EXPECT_EQ(store->get("r").error().code, Code::NotFound);
    }
}

TEST(RedisOutage, TokensRiseWithEveryRunOfAServerThatHidesItsRun) {
    test_support::RedisServer redis{{true, {}}};
    RawClient raw{redis.port()};
    ASSERT_EQ(raw.ask({"ACL", "SETUSER", "limited", "on", ">pw", "~*", "&*", "+@all", "-info"}),
              "OK");
    const std::string url = "redis://limited:pw@127.0.0.1:" + std::to_string(redis.port());
    auto first = make_store(quick(url));
    ASSERT_TRUE(first->create(request_of("r", 2)));
    const auto before = first->claim("r", claim_of("worker"));
    auto second = make_store(quick(url));

    const auto after = second->claim("r", claim_of("worker"));

    ASSERT_TRUE(before && after && !before->empty() && !after->empty());
    EXPECT_GT(after->front().ref.token, before->front().ref.token);
    EXPECT_GT(after->front().ref.token.epoch, before->front().ref.token.epoch);
}

TEST(RedisOutage, AServerThatIsAwayIsUnavailableAndUsedAgainOnceItIsBack) {
    test_support::RedisServer redis{{true, {}}};
    auto store = make_store(quick(redis.url()));
    ASSERT_TRUE(store->create(request_of("r", 1)));
    const auto leases = store->claim("r", claim_of("worker"));
    ASSERT_TRUE(leases);
    sdk::Worker worker;
    worker.id = "worker";

    redis.kill();
    const std::vector<sdk::Error> errors{
        store->ping().error(),
        store->get("r").error(),
        store->create(request_of("other")).error(),
        store->transition("r", 1, {}).error(),
        store->claim("r", claim_of("worker")).error(),
        store->complete("r", completions_of(*leases)).error(),
        store->list({}, "", 10).error(),
        store->upsert_worker(worker).error(),
        store->workers().error(),
        store->remove("r").error(),
    };
    for (const sdk::Error& error : errors) {
        EXPECT_EQ(error.code, Code::Unavailable) << error.message;
        EXPECT_THAT(error.message, HasSubstr("Connection refused"));
    }
    redis.start();

    EXPECT_TRUE(store->ping());
    EXPECT_EQ(store->get("r")->backlog.leased_of(sdk::UnitKind::Chunk), 1u);
    EXPECT_EQ(store->complete("r", completions_of(*leases))->at(0), Outcome::Applied);
    EXPECT_FALSE(store->get("other"));
}

TEST(RedisOutage, AServerThatHangsEndsNoCallLaterThanItsTimeOut) {
    test_support::RedisServer redis;
    auto store = make_store(quick(redis.url()));
    ASSERT_TRUE(store->create(request_of("r", 1)));

    redis.pause();
    const auto begin = std::chrono::steady_clock::now();
    const auto claimed = store->claim("r", claim_of("worker"));
    const auto read = store->get("r");
    const auto took = std::chrono::steady_clock::now() - begin;
    redis.resume();

    ASSERT_FALSE(claimed);
    EXPECT_EQ(claimed.error().code, Code::UnknownOutcome) << "it may well be run later";
    EXPECT_THAT(claimed.error().message, HasSubstr("no answer in time"));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Code::Unavailable) << "a read changes nothing";
    EXPECT_LT(took, std::chrono::seconds{3});
    EXPECT_TRUE(store->get("r"));
}

TEST(RedisOutage, BorrowersOfABusyPoolWaitNoLongerThanForAnAnswer) {
    test_support::RedisServer redis;
    Options options = quick(redis.url());
    options.emplace_back("connections", "1");
    auto store = make_store(options);
    ASSERT_TRUE(store->ping());

    redis.pause();
    std::atomic<int> unavailable{0};
    {
        std::vector<std::jthread> callers;
        for (int i = 0; i < 6; ++i) {
            callers.emplace_back([&] {
                const auto status = store->ping();
                if (!status && status.error().code == Code::Unavailable) ++unavailable;
            });
        }
    }
    redis.resume();

    EXPECT_EQ(unavailable, 6);
    EXPECT_TRUE(store->ping());
}

TEST(RedisOutage, HintsComeAgainAfterTheServerWasAway) {
    test_support::RedisServer redis{{true, {}}};
    // Patient with a busy machine: this server never hangs.
    auto store = make_store({{"url", redis.url()}});
    std::atomic<int> heard{0};
    const auto subscription = store->subscribe([&](const sdk::RequestId& id) {
        if (id == "r") ++heard;
    });
    ASSERT_TRUE(subscription) << subscription.error().message;
    ASSERT_TRUE(store->create(request_of("r")));
    const auto change = [&] {
        const auto request = store->get("r");
        if (request) {
            EXPECT_TRUE(store->transition("r", request->revision, {}));
        } else {
            EXPECT_EQ(request.error().code, Code::Unavailable) << request.error().message;
        }
    };
    ASSERT_TRUE(eventually([&] {
        change();
        return heard > 0;
    }));

    redis.kill();
    redis.start();
    const int before = heard;

    EXPECT_TRUE(eventually([&] {
        change();
        return heard > before;
    }));
}

TEST(RedisOutage, SubscriptionAndStoreEndWithinASecondWhateverTheServerDoes) {
    test_support::RedisServer redis;
    const auto time_to_end = [&](bool pause, bool kill) {
        auto store = make_store(quick(redis.url()));
        std::atomic<int> heard{0};
        auto subscription = store->subscribe([&](const sdk::RequestId&) { ++heard; });
        EXPECT_TRUE(subscription);
        EXPECT_TRUE(eventually([&] {
            EXPECT_TRUE(store->create(request_of("r")));
            EXPECT_TRUE(store->remove("r"));
            return heard > 0;
        }));
        if (pause) redis.pause();
        if (kill) redis.kill();
        const auto begin = std::chrono::steady_clock::now();
        subscription->reset();
        store.reset();
        const auto took = std::chrono::steady_clock::now() - begin;
        redis.resume();
        return took;
    };

    EXPECT_LT(time_to_end(false, false), std::chrono::seconds{1});
    EXPECT_LT(time_to_end(true, false), std::chrono::seconds{1});
    EXPECT_LT(time_to_end(false, true), std::chrono::seconds{1});
}

}  // namespace
}  // namespace godwit::store_redis
