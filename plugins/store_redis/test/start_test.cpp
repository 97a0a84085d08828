// What a site configures, and what the server says to it.
#include <chrono>

#include "redis_fixture.h"

namespace godwit::store_redis {
namespace {

using sdk::Code;
using testing::HasSubstr;
using testing::Not;
using Durability = sdk::StoreInfo::Durability;

sdk::Error refused(const Options& options) {
    const auto store = try_store(options);
    EXPECT_FALSE(store);
    return store ? sdk::Error{} : store.error();
}

class Environment {
public:
    explicit Environment(const std::string& url) { ::setenv("REDIS_URL", url.c_str(), 1); }
    ~Environment() { ::unsetenv("REDIS_URL"); }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;
};

TEST(RedisStart, NamesEveryWrongOptionAtOnce) {
    const sdk::Error error = refused({{"url", "redis://h:port"},
                                      {"prefix", "a{b}"},
                                      {"connections", "0"},
                                      {"command_timeout_ms", "soon"},
                                      {"conections", "1"}});

    EXPECT_EQ(error.code, Code::InvalidArgument);
    EXPECT_THAT(error.message, HasSubstr("options.url: the port must be a number"));
    EXPECT_THAT(error.message, HasSubstr("options.prefix"));
    EXPECT_THAT(error.message, HasSubstr("options.connections: expected an integer in 1..256"));
    EXPECT_THAT(error.message, HasSubstr("options.command_timeout_ms"));
    EXPECT_THAT(error.message, HasSubstr("'conections', did you mean 'connections'?"));
}

TEST(RedisStart, TheEnvironmentGoesBeforeTheOption) {
    test_support::RedisServer redis;
    const Environment environment{redis.url()};

    auto store = try_store({{"url", "redis://127.0.0.1:1/0"}});

    ASSERT_TRUE(store) << store.error().message;
    EXPECT_TRUE((*store)->ping());
}

TEST(RedisStart, AWrongEnvironmentIsNamedAsSuch) {
    const Environment environment{"rediss://me:secret@h"};

    const sdk::Error error = refused({});

    EXPECT_EQ(error.code, Code::InvalidArgument);
    EXPECT_THAT(error.message, HasSubstr("REDIS_URL"));
    EXPECT_THAT(error.message, HasSubstr("stunnel"));
    EXPECT_THAT(error.message, Not(HasSubstr("secret")));
}

TEST(RedisStart, AWrongPasswordEndsTheStartAndIsNotShown) {
    test_support::RedisServer redis{{false, {"--requirepass", "right"}}};
    const std::string at = "@127.0.0.1:" + std::to_string(redis.port()) + "/0";

    const sdk::Error wrong = refused({{"url", "redis://:hunter2" + at}});
    const sdk::Error missing = refused({{"url", redis.url()}});
    const sdk::Error unknown = refused({{"url", "redis://nobody:hunter2" + at}});

    for (const sdk::Error& error : {wrong, missing, unknown}) {
        EXPECT_EQ(error.code, Code::InvalidArgument) << error.message;
        EXPECT_THAT(error.message, Not(HasSubstr("hunter2")));
    }
    EXPECT_THAT(wrong.message, HasSubstr("WRONGPASS"));
    EXPECT_THAT(missing.message, HasSubstr("NOAUTH"));
    auto store = make_store({{"url", "redis://:right" + at}});
    EXPECT_TRUE(store->ping());
}

TEST(RedisStart, ADatabaseThatIsNotThereEndsTheStart) {
    test_support::RedisServer redis;

    const sdk::Error error = refused({{"url", redis.url(99)}});

    EXPECT_EQ(error.code, Code::InvalidArgument);
    EXPECT_THAT(error.message, HasSubstr("/99"));
}

TEST(RedisStart, DatabasesAndPrefixesKeepTheirRequestsApart) {
    test_support::RedisServer redis;
    auto zero = make_store({{"url", redis.url(0)}});
    auto one = make_store({{"url", redis.url(1)}});
    auto other = make_store({{"url", redis.url(0)}, {"prefix", "other:"}});
    ASSERT_TRUE(zero && one && other);

    ASSERT_TRUE(zero->create(request_of("r")));

    EXPECT_TRUE(zero->get("r"));
    EXPECT_FALSE(one->get("r"));
    EXPECT_FALSE(other->get("r"));
    EXPECT_TRUE(one->list({}, "", 10)->requests.empty());
    EXPECT_TRUE(other->list({}, "", 10)->requests.empty());
}

TEST(RedisStart, ASocketWillDo) {
    test_support::RedisServer redis;

    auto store = make_store({{"url", "unix://" + redis.socket_path() + "?db=1"}});

    ASSERT_NE(store, nullptr);
    use_everything(*store, "by-socket");
}

TEST(RedisStart, AUserWithoutDangerousCommandsWillDo) {
    test_support::RedisServer redis;
    RawClient raw{redis.port()};
    ASSERT_EQ(raw.ask({"ACL", "SETUSER", "limited", "on", ">pw", "~godwit:*", "&godwit:*", "+@all",
                       "-@dangerous"}),
              "OK");
    const std::string url = "redis://limited:pw@127.0.0.1:" + std::to_string(redis.port());

    auto store = make_store({{"url", url}});

    ASSERT_NE(store, nullptr);
    use_everything(*store, "limited");
    EXPECT_THAT(raw.ask({"ACL", "LOG"}), Not(HasSubstr("evalsha")));
}

TEST(RedisStart, AServerThatMayEvictIsWarnedOf) {
    test_support::RedisServer redis{{false, {"--maxmemory-policy", "allkeys-lru"}}};
    test_support::RedisServer sound;
    ListeningHost warned;
    ListeningHost content;

    ASSERT_TRUE(try_store({{"url", redis.url()}}, warned.host()));
    ASSERT_TRUE(try_store({{"url", sound.url()}}, content.host()));

    EXPECT_THAT(warned.lines(), HasSubstr("maxmemory_policy=allkeys-lru"));
    EXPECT_THAT(content.lines(), Not(HasSubstr("maxmemory")));
}

TEST(RedisStart, TellsTheDurabilityThatTheServerIsSetTo) {
    test_support::RedisServer forgetful;
    test_support::RedisServer careful{{true, {"--appendfsync", "everysec"}}};
    test_support::RedisServer strict{{true, {"--appendfsync", "always"}}};

    EXPECT_EQ(make_store({{"url", forgetful.url()}})->info().durability, Durability::None);
    EXPECT_EQ(make_store({{"url", careful.url()}})->info().durability, Durability::Process);
    EXPECT_EQ(make_store({{"url", strict.url()}})->info().durability, Durability::Machine);
    EXPECT_TRUE(make_store({{"url", strict.url()}})->info().shared);
}

TEST(RedisStart, StartsBeforeItsServerAndUsesItOnceItIsThere) {
    test_support::RedisServer redis{{true, {}}};
    redis.kill();
    ListeningHost host;
    const std::string url = "redis://:hunter2@127.0.0.1:" + std::to_string(redis.port());
    auto store = try_store({{"url", redis.url()}}, host.host());
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE(try_store({{"url", url}}, host.host()));
    EXPECT_THAT(host.lines(), HasSubstr("waiting for it"));
    EXPECT_THAT(host.lines(), Not(HasSubstr("hunter2")));
    const auto early = (*store)->ping();
    ASSERT_FALSE(early);
    EXPECT_EQ(early.error().code, Code::Unavailable);

    redis.start();

    EXPECT_TRUE((*store)->ping());
    EXPECT_EQ((*store)->info().durability, Durability::Process);
}

}  // namespace
}  // namespace godwit::store_redis
