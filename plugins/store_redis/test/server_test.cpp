// What the scripts ask of a server, and what a server may hold that is not ours.
#include <algorithm>
#include <sstream>
#include <thread>

#include "redis_fixture.h"

namespace godwit::store_redis {
namespace {

using conformance::eventually;
using sdk::Code;
using sdk::Outcome;
using testing::HasSubstr;

// The words of a line of MONITOR: 1700000000.5 [0 127.0.0.1:1] "set" "key\"s" "value"
std::vector<std::string> words_of(const std::string& line) {
    std::vector<std::string> words;
    bool inside = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '"') {
            inside = !inside;
            if (inside) words.emplace_back();
        } else if (inside) {
            if (line[i] == '\\') ++i;
            words.back() += line[i];
        }
    }
    return words;
}

TEST(RedisServerUse, TheKeysOfEveryScriptAreInOneSlot) {
    test_support::RedisServer redis{{false, {"--cluster-enabled", "yes"}}};
    RawClient raw{redis.port()};
    ASSERT_EQ(raw.ask({"CLUSTER", "ADDSLOTSRANGE", "0", "16383"}), "OK");
    ASSERT_TRUE(eventually([&] {
        return raw.ask({"CLUSTER", "INFO"}).find("cluster_state:ok") != std::string::npos;
    }));
    // A server of a cluster sees to the keys that are declared; the next test to those that are
    // not.
    ASSERT_THAT(raw.ask({"EVAL", "return 1", "2", "{a}x", "{b}x"}), HasSubstr("CROSSSLOT"));

    auto store = make_store({{"url", redis.url()}});

    ASSERT_NE(store, nullptr);
    use_everything(*store, "clustered");
}

TEST(RedisServerUse, EveryScriptDeclaresTheKeysItTouches) {
    test_support::RedisServer redis;
    auto store = make_store({{"url", redis.url()}});
    RawClient monitor{redis.port()};
    ASSERT_EQ(monitor.ask({"MONITOR"}), "OK");

    use_everything(*store, "watched");

    RawClient{redis.port()}.ask({"ECHO", "the end"});
    std::vector<std::string> declared;
    std::size_t touched = 0;
    while (true) {
        const std::string line = monitor.next();
        const std::vector<std::string> words = words_of(line);
        ASSERT_FALSE(words.empty()) << line;
        if (words[0] == "ECHO") break;
        if (words[0] == "EVALSHA" || words[0] == "EVAL") {
            const std::size_t count = std::stoul(words[2]);
            declared.assign(words.begin() + 3, words.begin() + 3 + static_cast<long>(count));
        }
        if (line.find(" lua] ") == std::string::npos) continue;
        if (words[0] == "TIME" || words[0] == "PUBLISH") continue;
        const bool all_keys = words[0] == "UNLINK";
        for (std::size_t i = 1; i < (all_keys ? words.size() : 2); ++i) {
            ++touched;
            EXPECT_THAT(declared, testing::Contains(words[i])) << line;
        }
    }
    EXPECT_GT(touched, 100u);
}

TEST(RedisServerUse, TheTextOfAScriptTravelsOnce) {
    test_support::RedisServer redis;
    auto store = make_store({{"url", redis.url()}});
    use_everything(*store, "first");
    RawClient raw{redis.port()};
    ASSERT_THAT(raw.ask({"INFO", "commandstats"}), HasSubstr("cmdstat_eval:"));
    raw.ask({"CONFIG", "RESETSTAT"});

    use_everything(*store, "second");

    EXPECT_THAT(raw.ask({"INFO", "commandstats"}), testing::Not(HasSubstr("cmdstat_eval:")));
    EXPECT_THAT(raw.ask({"INFO", "commandstats"}), HasSubstr("cmdstat_evalsha:"));
}

TEST(RedisServerUse, AServerThatForgotTheScriptsIsTaughtAnew) {
    test_support::RedisServer redis;
    auto store = make_store({{"url", redis.url()}});
    for (int i = 0; i < 3; ++i) {
        use_everything(*store, "taught");
        RawClient{redis.port()}.ask({"SCRIPT", "FLUSH"});
    }
}

TEST(RedisServerUse, ARemovedRequestLeavesNoKeyBehind) {
    test_support::RedisServer redis;
    auto store = make_store({{"url", redis.url()}});

    use_everything(*store, "gone");

    // The epoch stays, so that tokens never go back.
    EXPECT_EQ(RawClient{redis.port()}.ask({"KEYS", "*"}), "godwit:{/index}:server\n");
}

TEST(RedisServerUse, AFullServerLetsWorkEndAndTakesNoNewOne) {
    test_support::RedisServer redis;
    auto store = make_store({{"url", redis.url()}});
    ASSERT_TRUE(store->create(request_of("r", 4)));
    const auto leases = store->claim("r", claim_of("worker", 3));
    ASSERT_TRUE(leases && leases->size() == 3u);
    RawClient raw{redis.port()};
    ASSERT_EQ(raw.ask({"CONFIG", "SET", "maxmemory", "1"}), "OK");

    const auto created = store->create(request_of("other"));
    const auto claimed = store->claim("r", claim_of("worker"));
    const auto completed = store->complete("r", completions_of({leases->at(0)}));
    const auto failed = store->fail("r", failures_of({leases->at(1)}, 1));
    sdk::Transition cancel;
    cancel.to = sdk::RequestState::Cancelled;
    const auto cancelled = store->transition("r", store->get("r")->revision, cancel);
    const auto removed = store->remove("r");

    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().code, Code::Unavailable) << created.error().message;
    ASSERT_FALSE(claimed);
    EXPECT_EQ(claimed.error().code, Code::Unavailable) << claimed.error().message;
    ASSERT_TRUE(completed) << completed.error().message;
    EXPECT_EQ(completed->at(0), Outcome::Applied);
    ASSERT_TRUE(failed) << failed.error().message;
    EXPECT_TRUE(failed->at(0).exhausted);
    EXPECT_TRUE(cancelled) << cancelled.error().message;
    EXPECT_TRUE(removed) << removed.error().message;
}

TEST(RedisServerUse, ForeignDataUnderOurKeysIsAnErrorAndNoCrash) {
    test_support::RedisServer redis;
    auto store = make_store({{"url", redis.url()}});
    RawClient raw{redis.port()};
    raw.ask({"SET", "godwit:{text}:request", "not a hash"});
    raw.ask({"HSET", "godwit:{hash}:request", "fingerprint", "x", "state", "SLEEPING"});
    raw.ask({"HSET", "godwit:{/index}:workers", "w", "\xc1"});

    for (const std::string id : {"text", "hash"}) {
        const auto request = store->get(id);
        ASSERT_FALSE(request);
        EXPECT_EQ(request.error().code, Code::Internal) << request.error().message;
    }
    EXPECT_EQ(store->workers().error().code, Code::Internal);
    raw.ask({"ZADD", "godwit:{/index}:all", "0", "nonsense"});
    EXPECT_EQ(store->list({}, "", 10).error().code, Code::Internal);
    EXPECT_TRUE(store->ping());
}

TEST(RedisServerUse, AnnouncementsOfRequestsThatNeverCameAreSweptOnceTheyAreOld) {
    test_support::RedisServer redis;
    auto store = make_store({{"url", redis.url()}});
    ASSERT_TRUE(store->create(request_of("real")));
    RawClient raw{redis.port()};
    const std::string announced = "godwit:{/index}:announced";
    for (const std::string name : {"all", "active"}) {
        raw.ask({"ZADD", "godwit:{/index}:" + name, "0", "0000000000000001:old"});
        raw.ask({"ZADD", "godwit:{/index}:" + name, "0", "0000000000000002:young"});
        raw.ask({"ZADD", "godwit:{/index}:" + name, "0", "0000000000000003:real"});
    }
    raw.ask({"HSET", announced, "0000000000000001:old", "1", "0000000000000003:real", "1"});
    raw.ask({"HSET", announced, "0000000000000002:young", "9000000000000000"});

    for (int round = 0; round < 2; ++round) {
        const auto page = store->list({}, "", 10);
        ASSERT_TRUE(page) << page.error().message;
        ASSERT_EQ(page->requests.size(), 1u);
        EXPECT_EQ(page->requests[0].id, "real");
    }

    EXPECT_EQ(raw.ask({"ZCARD", "godwit:{/index}:all"}), "2") << "real and young";
    EXPECT_EQ(raw.ask({"ZCARD", "godwit:{/index}:active"}), "2");
    EXPECT_EQ(raw.ask({"HEXISTS", announced, "0000000000000001:old"}), "0");
}

TEST(RedisServerUse, ActiveRequestsAreFoundWithoutLookingAtFinishedOnes) {
    test_support::RedisServer redis;
    auto store = make_store({{"url", redis.url()}});
    sdk::Transition done;
    done.to = sdk::RequestState::Completed;
    for (int i = 0; i < 50; ++i) {
        const std::string id = "done-" + std::to_string(i);
        ASSERT_TRUE(store->create(request_of(id)));
        ASSERT_TRUE(store->transition(id, 1, done));
    }
    ASSERT_TRUE(store->create(request_of("active")));
    RawClient raw{redis.port()};
    raw.ask({"CONFIG", "RESETSTAT"});

    const auto page = store->list({{sdk::RequestState::Queued}}, "", 100);

    ASSERT_TRUE(page) << page.error().message;
    EXPECT_EQ(page->requests.size(), 1u);
    EXPECT_THAT(raw.ask({"INFO", "commandstats"}), HasSubstr("cmdstat_evalsha:calls=1,"));
    EXPECT_EQ(store->list({}, "", 100)->requests.size(), 51u);
}

TEST(RedisServerUse, LargeBatchesAreDividedAndAppliedWhole) {
    test_support::RedisServer redis;
    auto store = make_store({{"url", redis.url()}});
    ASSERT_TRUE(store->create(request_of("r", 12)));
    const auto leases = store->claim("r", claim_of("worker", 12));
    ASSERT_TRUE(leases && leases->size() == 12u);
    auto items = completions_of(*leases);
    for (auto& item : items) {
        item.effects.units = conformance::chunks(2);
        for (sdk::Unit& unit : item.effects.units) unit.payload.assign(900'000, 'x');
    }
    RawClient raw{redis.port()};
    raw.ask({"CONFIG", "RESETSTAT"});

    const auto outcomes = store->complete("r", items);

    ASSERT_TRUE(outcomes) << outcomes.error().message;
    EXPECT_EQ(*outcomes, std::vector(12, Outcome::Applied));
    EXPECT_THAT(raw.ask({"INFO", "commandstats"}), HasSubstr("cmdstat_evalsha:calls=6,"));
    EXPECT_EQ(store->get("r")->backlog.outstanding(), 24u);
    EXPECT_EQ(store->claim("r", claim_of("worker", 24))->size(), 24u);
}

TEST(RedisServerUse, AnItemBeyondAllMeasureIsRefused) {
    test_support::RedisServer redis;
    auto store = make_store({{"url", redis.url()}});
    ASSERT_TRUE(store->create(request_of("r", 1)));
    auto items = completions_of(*store->claim("r", claim_of("worker")));
    ASSERT_EQ(items.size(), 1u);
    items[0].effects.units = conformance::chunks(70);
    for (sdk::Unit& unit : items[0].effects.units) unit.payload.assign(1'000'000, 'x');

    const auto outcomes = store->complete("r", items);

    ASSERT_FALSE(outcomes);
    EXPECT_EQ(outcomes.error().code, Code::InvalidArgument);
    EXPECT_EQ(store->get("r")->backlog.outstanding(), 1u);
}

TEST(RedisServerUse, EndedUnitsAndOldLeasesTakeNoMemory) {
    constexpr int kUnits = 12'000;
    test_support::RedisServer redis;
    auto store = make_store({{"url", redis.url()}});
    ASSERT_TRUE(store->create(request_of("r", kUnits)));
    for (int done = 0; done < kUnits;) {
        const auto leases = store->claim("r", claim_of("worker", 200));
        ASSERT_TRUE(leases && !leases->empty());
        ASSERT_TRUE(store->complete("r", completions_of(*leases)));
        done += static_cast<int>(leases->size());
    }
    RawClient raw{redis.port()};
    EXPECT_EQ(raw.ask({"KEYS", "godwit:{r}:*"}).size(),
              std::string{"godwit:{r}:request\ngodwit:{r}:ended\n"}.size());
    EXPECT_EQ(raw.ask({"ZCARD", "godwit:{r}:ended"}), "4096");
    sdk::Transition done;
    done.to = sdk::RequestState::Completed;

    ASSERT_TRUE(store->transition("r", 1, done));

    EXPECT_EQ(raw.ask({"ZCARD", "godwit:{r}:ended"}), "1024");
}

}  // namespace
}  // namespace godwit::store_redis
