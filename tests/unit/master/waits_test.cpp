#include "master/waits.h"

#include <gtest/gtest.h>

namespace godwit::master {
namespace {

using base::Millis;

class WaitingTooLong : public testing::Test {
protected:
    bool expired(const std::string& reason, Millis after, Millis patience = Millis{1'000}) {
        return waits_.has_expired("r-1", {reason, ""}, patience, start_ + after);
    }

    Waits waits_;
    const base::Deadline start_{std::chrono::hours{1}};
};

TEST_F(WaitingTooLong, IsNoticedWhenPatienceIsOver) {
    EXPECT_FALSE(expired("no_source_worker", Millis{0}));
    EXPECT_FALSE(expired("no_source_worker", Millis{999}));
    EXPECT_TRUE(expired("no_source_worker", Millis{1'000}));
}

TEST_F(WaitingTooLong, BeginsAnewWhenItWentOnBetween) {
    EXPECT_FALSE(expired("no_source_worker", Millis{0}));
    EXPECT_FALSE(expired("", Millis{500}));
    EXPECT_FALSE(expired("no_source_worker", Millis{600}));

    EXPECT_FALSE(expired("no_source_worker", Millis{1'500}));
    EXPECT_TRUE(expired("no_source_worker", Millis{1'600}));
}

TEST_F(WaitingTooLong, IsOneThingWhicheverSideIsMissing) {
    EXPECT_FALSE(expired("no_source_worker", Millis{0}));

    EXPECT_TRUE(expired("no_destination_worker", Millis{1'000}));
}

TEST_F(WaitingTooLong, DoesNotApplyToAnotherRequest) {
    EXPECT_FALSE(expired("destination_busy", Millis{0}));
    EXPECT_FALSE(expired("destination_busy", Millis{1'000'000}));
}

TEST_F(WaitingTooLong, NeverHappensWithoutAnEndToPatience) {
    EXPECT_FALSE(expired("no_source_worker", Millis{0}, Millis{0}));
    EXPECT_FALSE(expired("no_source_worker", Millis{1'000'000}, Millis{0}));
}

TEST_F(WaitingTooLong, IsForgottenWithTheRequest) {
    EXPECT_FALSE(expired("no_source_worker", Millis{0}));
    waits_.tidy(Snapshot{});

    EXPECT_FALSE(expired("no_source_worker", Millis{2'000}));
}

}  // namespace
}  // namespace godwit::master
