#include "http/router.h"

#include <gtest/gtest.h>

#include "http/target.h"

namespace godwit::http {
namespace {

Route route(std::string method, std::string pattern) {
    return {.method = std::move(method), .pattern = std::move(pattern), .handler = [](auto&&...) {
                return json_response(200, "1");
            }};
}

Router routes() {
    Router router;
    const auto add = [&](std::string method, std::string pattern) {
        router.add(route(std::move(method), std::move(pattern)));
    };
    add("GET", "/");
    add("GET", "/sync");
    add("POST", "/sync");
    add("GET", "/sync/{id}");
    add("DELETE", "/sync/{id}");
    add("POST", "/workers/{worker_id}/assignment");
    add("POST", "/workers/{worker_id}/{anything}");
    add("POST", "/workers/heartbeat");
    add("GET", "/workers/{worker_id}");
    add("HEAD", "/sync");
    return router;
}

std::string pattern_of(const Router& router, std::string_view method, std::string_view path) {
    const auto match = router.match(method, path);
    if (match.route != nullptr) return match.route->pattern;
    return std::to_string(match.miss->status);
}

TEST(Router, FindsByMethodAndPath) {
    const Router router = routes();
    EXPECT_EQ(pattern_of(router, "GET", "/"), "/");
    EXPECT_EQ(pattern_of(router, "GET", "/sync"), "/sync");
    EXPECT_EQ(pattern_of(router, "DELETE", "/sync/a"), "/sync/{id}");
    EXPECT_EQ(pattern_of(router, "GET", "/sync/a/b"), "404");
    EXPECT_EQ(pattern_of(router, "GET", "/Sync"), "404");
}

TEST(Router, LiteralWinsOverPlaceholder) {
    const Router router = routes();
    EXPECT_EQ(pattern_of(router, "POST", "/workers/heartbeat"), "/workers/heartbeat");
    EXPECT_EQ(pattern_of(router, "GET", "/workers/heartbeat"), "/workers/{worker_id}");
    EXPECT_EQ(pattern_of(router, "POST", "/workers/w/assignment"),
              "/workers/{worker_id}/assignment");
    EXPECT_EQ(pattern_of(router, "POST", "/workers/w/x"), "/workers/{worker_id}/{anything}");
}

TEST(Router, PlaceholdersAreNamedAndDecoded) {
    const Router router = routes();
    const auto match = router.match("POST", "/workers/a%2Fb/c%20d");

    ASSERT_NE(match.route, nullptr);
    const std::vector<std::pair<std::string, std::string>> expected{{"worker_id", "a/b"},
                                                                    {"anything", "c d"}};
    EXPECT_EQ(match.parameters, expected);
}

TEST(Router, OneSlashAtTheEndDoesNotCount) {
    const Router router = routes();
    EXPECT_EQ(pattern_of(router, "GET", "/sync/"), "/sync");
    EXPECT_EQ(pattern_of(router, "GET", "/sync/a/"), "/sync/{id}");
    EXPECT_EQ(pattern_of(router, "GET", "/sync//"), "404");
    EXPECT_EQ(pattern_of(router, "GET", "//sync"), "404");
    EXPECT_EQ(pattern_of(router, "POST", "/workers//assignment"), "404");
}

TEST(Router, HeadGoesToGetUnlessItHasARouteOfItsOwn) {
    const Router router = routes();
    EXPECT_EQ(router.match("HEAD", "/sync/a").route->method, "GET");
    EXPECT_EQ(router.match("HEAD", "/sync").route->method, "HEAD");
    EXPECT_EQ(pattern_of(router, "HEAD", "/workers/heartbeat/"), "/workers/{worker_id}");
}

TEST(Router, WrongMethodIsToldAllThatFit) {
    const Router router = routes();
    const auto match = router.match("PATCH", "/workers/heartbeat");

    ASSERT_TRUE(match.miss);
    EXPECT_EQ(match.miss->status, 405);
    const std::pair<std::string, std::string> allow{"Allow", "GET, HEAD, POST"};
    EXPECT_EQ(match.miss->headers.front(), allow);
}

TEST(Router, EncodingThatIsNoneIsABadRequest) {
    const Router router = routes();
    for (const char* path : {"/sync/%", "/sync/%4", "/sync/%4/x", "/sync/%zz", "/sync/%00",
                             "/sync/%-1", "/sync/% 1", "sync"}) {
        EXPECT_EQ(pattern_of(router, "GET", path), "400") << path;
    }
}

TEST(RouterDeathTest, RouteThatCannotWorkAborts) {
    Router router = routes();
    EXPECT_DEATH(router.add(route("GET", "/sync/{other}")), "there is one already");
    EXPECT_DEATH(router.add(route("GET", "sync")), "its pattern is no path");
    EXPECT_DEATH(router.add({.method = "GET", .pattern = "/new", .handler = {}}), "no handler");
}

TEST(Query, KeepsOrderAndDecodes) {
    const std::vector<std::pair<std::string, std::string>> expected{
        {"a", "1"}, {"b", ""}, {"c d", "=&"}, {"a", "2"}, {"", "x"}};
    EXPECT_EQ(parse_query("a=1&b&c+d=%3D%26&&a=2&=x"), expected);
    EXPECT_EQ(parse_query("")->size(), 0U);
}

TEST(Query, RefusesBadEncodingAndCrowds) {
    EXPECT_FALSE(parse_query("a=%"));
    EXPECT_FALSE(parse_query("%0=1"));
    EXPECT_FALSE(parse_query("a=%00"));
    std::string many = "a=1";
    for (std::size_t i = 1; i < kQueryPairsMax; ++i) many += "&a=1";
    EXPECT_TRUE(parse_query(many));
    EXPECT_FALSE(parse_query(many + "&a=1"));
}

}  // namespace
}  // namespace godwit::http
