#include "url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::store_redis {
namespace {

using testing::HasSubstr;
using testing::Not;

Target parsed(const std::string& url) {
    auto target = parse_url(url);
    EXPECT_TRUE(target) << url << ": " << target.error().message;
    return target ? *target : Target{};
}

std::string refused(const std::string& url) {
    const auto target = parse_url(url);
    EXPECT_FALSE(target) << "took " << url;
    return target ? "" : target.error().message;
}

TEST(RedisUrl, NamesHostPortAndDatabase) {
    const Target full = parsed("redis://redis-host:6380/2");
    EXPECT_EQ(full.host, "redis-host");
    EXPECT_EQ(full.port, 6380);
    EXPECT_EQ(full.db, 2);

    const Target shortest = parsed("redis://h");
    EXPECT_EQ(shortest.host, "h");
    EXPECT_EQ(shortest.port, 6379);
    EXPECT_EQ(shortest.db, 0);
    EXPECT_EQ(shortest.password, "");

    EXPECT_EQ(parsed("redis://h:1/").db, 0);
}

TEST(RedisUrl, TakesAnIpv6AddressInBrackets) {
    const Target target = parsed("redis://[fe80::1]:7000/1");

    EXPECT_EQ(target.host, "fe80::1");
    EXPECT_EQ(target.port, 7000);
    EXPECT_EQ(target.shown(), "redis://[fe80::1]:7000/1");
}

TEST(RedisUrl, TakesUserAndPasswordWithEncodedCharacters) {
    const Target both = parsed("redis://me%40site:p%3A%2f%25@h/1");
    EXPECT_EQ(both.user, "me@site");
    EXPECT_EQ(both.password, "p:/%");

    const Target password_only = parsed("redis://:secret@h");
    EXPECT_EQ(password_only.user, "");
    EXPECT_EQ(password_only.password, "secret");

    EXPECT_EQ(parsed("redis://:a@b@h").password, "a@b");
}

TEST(RedisUrl, TakesASocket) {
    const Target target = parsed("unix:///run/redis/redis.sock?db=3");
    EXPECT_EQ(target.host, "");
    EXPECT_EQ(target.path, "/run/redis/redis.sock");
    EXPECT_EQ(target.db, 3);

    EXPECT_EQ(parsed("redis+unix:///run/a%20b.sock").path, "/run/a b.sock");
    const Target with_password = parsed("redis+unix://:secret@/run/redis.sock");
    EXPECT_EQ(with_password.path, "/run/redis.sock");
    EXPECT_EQ(with_password.password, "secret");
}

TEST(RedisUrl, IsShownWithoutItsPassword) {
    EXPECT_EQ(parsed("redis://me:secret@h:1/2").shown(), "redis://me:***@h:1/2");
    EXPECT_EQ(parsed("redis+unix://:secret@/s?db=1").shown(), "unix://:***@/s?db=1");
    EXPECT_EQ(parsed("redis://h").shown(), "redis://h:6379/0");
}

TEST(RedisUrl, WithTlsIsRefusedWithAWayOut) {
    EXPECT_THAT(refused("rediss://h"), HasSubstr("stunnel"));
    EXPECT_THAT(refused("rediss://h"), HasSubstr("unix://"));
}

TEST(RedisUrl, SaysWhatIsWrongWithIt) {
    EXPECT_THAT(refused(""), HasSubstr("expected redis://"));
    EXPECT_THAT(refused("localhost:6379"), HasSubstr("expected redis://"));
    EXPECT_THAT(refused("http://h"), HasSubstr("expected redis://"));
    EXPECT_THAT(refused("redis://"), HasSubstr("host is missing"));
    EXPECT_THAT(refused("redis://:6379"), HasSubstr("host is missing"));
    EXPECT_THAT(refused("redis://h:port"), HasSubstr("port must be"));
    EXPECT_THAT(refused("redis://h:0"), HasSubstr("port must be"));
    EXPECT_THAT(refused("redis://h:65536"), HasSubstr("port must be"));
    EXPECT_THAT(refused("redis://h:"), HasSubstr("port must be"));
    EXPECT_THAT(refused("redis://[::1"), HasSubstr("']'"));
    EXPECT_THAT(refused("redis://[::1]6379"), HasSubstr(":port"));
    EXPECT_THAT(refused("redis://h/x"), HasSubstr("database"));
    EXPECT_THAT(refused("redis://h/-1"), HasSubstr("database"));
    EXPECT_THAT(refused("redis://h/1?db=2"), HasSubstr("'?'"));
    EXPECT_THAT(refused("unix://relative"), HasSubstr("absolute"));
    EXPECT_THAT(refused("unix:///s?database=1"), HasSubstr("?db="));
    EXPECT_THAT(refused("redis://a%2:b@h"), HasSubstr("hex digits"));
    EXPECT_THAT(refused("redis://user@h"), HasSubstr("needs a password"));
}

TEST(RedisUrl, NeverRepeatsWhatMayBeAPassword) {
    for (const std::string url :
         {"redis://me:secret@h:port", "redis://me:secret@", "redis://me:secret%@h",
          "http://me:secret@h", "rediss://me:secret@h", "redis://secret", "me:secret@h",
          "unix://me:secret@relative", "redis://me:secret@h/db"}) {
        auto target = parse_url(url);
        if (target) continue;  // Where there is nothing wrong with it.
        EXPECT_THAT(target.error().message, Not(HasSubstr("secret"))) << url;
    }
}

}  // namespace
}  // namespace godwit::store_redis
