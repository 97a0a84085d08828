#include "agent/holdings.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

namespace godwit::agent {
namespace {

using base::Millis;
using base::SteadyClock;

// False: no stop was requested within the time.
bool is_stopped_within(const std::stop_token& token, std::chrono::seconds patience) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock{mutex};
    never.wait_for(lock, token, patience, [] { return false; });
    return token.stop_requested();
}

constexpr std::chrono::seconds kPatience{20};
constexpr Millis kLong{3'600'000};
constexpr Millis kShort{50};

TEST(Holdings, AnAssignmentThatIsNotRenewedIsStopped) {
    Holdings holdings;

    EXPECT_TRUE(is_stopped_within(holdings.add("a", kShort), kPatience));
}

TEST(Holdings, OneThatIsRenewedOutlivesOneThatIsNot) {
    Holdings holdings;
    const auto renewed = holdings.add("a", kShort);
    holdings.renew({"a"}, SteadyClock::now() + kLong);

    EXPECT_TRUE(is_stopped_within(holdings.add("b", 2 * kShort), kPatience));
    EXPECT_FALSE(renewed.stop_requested());
}

TEST(Holdings, ANewLeaseIsWatchedAlthoughTheFenceSleepsForLonger) {
    Holdings holdings;
    // When one has been stopped, the fence has nothing to wait for but the next.
    for (const char* name : {"a", "b", "c", "d", "e"}) {
        ASSERT_TRUE(is_stopped_within(holdings.add(name, kShort), kPatience)) << name;
    }
}

TEST(Holdings, ANewLeaseIsWatchedInThePlaceOfAnEndedOne) {
    Holdings holdings;
    for (const char* name : {"a", "b", "c", "d", "e"}) {
        ASSERT_TRUE(is_stopped_within(holdings.add(name, kShort), kPatience)) << name;
        holdings.remove(name);
    }
}

TEST(Holdings, WhatIsOverIsSaidWhetherOrNotTheFenceHasRun) {
    Holdings holdings;
    holdings.add("held", kLong);
    holdings.add("stopped", kLong);
    holdings.stop("stopped");
    holdings.add("late", Millis{0});

    EXPECT_FALSE(holdings.is_over("held"));
    EXPECT_TRUE(holdings.is_over("stopped"));
    EXPECT_TRUE(holdings.is_over("late"));
    EXPECT_TRUE(holdings.is_over("unknown"));
}

TEST(Holdings, StopAndStopAllReachTheirExecutors) {
    Holdings holdings;
    const auto a = holdings.add("a", kLong);
    const auto b = holdings.add("b", kLong);

    holdings.stop("a");
    EXPECT_TRUE(a.stop_requested());
    EXPECT_FALSE(b.stop_requested());
    holdings.stop_all();
    EXPECT_TRUE(b.stop_requested());
    EXPECT_EQ(holdings.list().size(), 2U) << "held until its result is reported";
}

}  // namespace
}  // namespace godwit::agent
