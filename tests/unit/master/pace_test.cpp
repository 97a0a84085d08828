#include "master/pace.h"

#include <gtest/gtest.h>

namespace godwit::master {
namespace {

using base::Millis;
using sdk::Count;

// A request that is watched while its time goes by.
class Pace : public testing::Test {
protected:
    Pace() {
        request_.id = "r-1";
        request_.state = sdk::RequestState::Progress;
        request_.counters[Count::BytesPlanned] = 1'000'000;
    }

    void sample() { watch_.sample({request_}, now_); }
    // So much was copied within the time.
    void copy(std::int64_t bytes, Millis within) {
        request_.counters[Count::BytesCopied] += bytes;
        now_ += within;
        sample();
    }
    double rate() const { return watch_.pace_of(request_).bytes_per_second; }

    PaceWatch watch_;
    sdk::Request request_;
    base::Deadline now_{std::chrono::hours{1}};
};

TEST_F(Pace, OfWhatWasNeverSeenIsUnknown) {
    const model::Pace pace = watch_.pace_of(request_);

    EXPECT_EQ(pace.bytes_per_second, 0);
    EXPECT_FALSE(pace.eta_seconds);
}

TEST_F(Pace, IsTheRateBetweenTwoLooks) {
    sample();
    copy(10'000, Millis{500});

    EXPECT_DOUBLE_EQ(rate(), 20'000);
}

TEST_F(Pace, IsThatOfTheFirstBytesAtOnceHoweverLongPlanningTook) {
    sample();
    copy(0, Millis{60'000});
    copy(10'000, Millis{1'000});

    EXPECT_DOUBLE_EQ(rate(), 10'000);
}

TEST_F(Pace, FollowsAChangeSmoothly) {
    sample();
    copy(10'000, Millis{1'000});

    copy(20'000, Millis{1'000});
    EXPECT_GT(rate(), 10'000);
    EXPECT_LT(rate(), 20'000);
    for (int second = 0; second < 30; ++second) copy(20'000, Millis{1'000});
    EXPECT_NEAR(rate(), 20'000, 20);
    for (int second = 0; second < 30; ++second) copy(0, Millis{1'000});
    EXPECT_NEAR(rate(), 0, 20);
}

TEST_F(Pace, IsNotJudgedByTwoLooksAtOnce) {
    sample();
    copy(10'000, Millis{1'000});

    copy(10'000, Millis{1});
    EXPECT_DOUBLE_EQ(rate(), 10'000);
    copy(0, Millis{999});
    EXPECT_DOUBLE_EQ(rate(), 10'000) << "the bytes of the quick look were lost";
}

TEST_F(Pace, StartsAnewWithARequestThatDoes) {
    sample();
    copy(10'000, Millis{1'000});

    request_.counters[Count::BytesCopied] = 0;
    sample();
    EXPECT_EQ(rate(), 0);
    copy(500, Millis{1'000});
    EXPECT_DOUBLE_EQ(rate(), 500);
}

TEST_F(Pace, OfOneRequestIsNotAnothers) {
    sdk::Request other = request_;
    other.id = "r-2";
    watch_.sample({request_, other}, now_);
    request_.counters[Count::BytesCopied] += 1'000;

    watch_.sample({request_, other}, now_ + Millis{1'000});

    EXPECT_DOUBLE_EQ(rate(), 1'000);
    EXPECT_EQ(watch_.pace_of(other).bytes_per_second, 0);
}

TEST_F(Pace, OfWhatIsActiveNoMoreIsForgotten) {
    sample();
    copy(10'000, Millis{1'000});

    watch_.sample({}, now_);

    EXPECT_EQ(rate(), 0);
}

TEST_F(Pace, SaysWhenItWillBeDone) {
    sample();
    copy(10'000, Millis{1'000});

    EXPECT_EQ(watch_.pace_of(request_).eta_seconds, 99);
    request_.counters[Count::BytesPlanned] = 15'001;
    EXPECT_EQ(watch_.pace_of(request_).eta_seconds, 1) << "not rounded up";
    request_.counters[Count::BytesPlanned] = 5'000;
    EXPECT_EQ(watch_.pace_of(request_).eta_seconds, 0) << "more was copied than planned";
}

TEST_F(Pace, SaysNothingOfTheEndWhileTheListingGoesOn) {
    request_.backlog.pending[static_cast<std::size_t>(sdk::UnitKind::Listing)] = 1;
    sample();
    copy(10'000, Millis{1'000});

    EXPECT_DOUBLE_EQ(rate(), 10'000);
    EXPECT_FALSE(watch_.pace_of(request_).eta_seconds);
}

TEST_F(Pace, OfWhatIsDoneIsItsAverage) {
    request_.counters[Count::BytesCopied] = 30'000;
    request_.started_at = sdk::WallTime{Millis{1'000'000}};
    request_.finished_at = sdk::WallTime{Millis{1'003'000}};

    const model::Pace pace = watch_.pace_of(request_);

    EXPECT_DOUBLE_EQ(pace.bytes_per_second, 10'000);
    EXPECT_FALSE(pace.eta_seconds);
}

TEST_F(Pace, OfWhatWasDoneInNoTimeIsANumber) {
    request_.counters[Count::BytesCopied] = 30'000;
    request_.started_at = request_.finished_at = sdk::WallTime{Millis{1'000'000}};

    EXPECT_GT(watch_.pace_of(request_).bytes_per_second, 0);
    EXPECT_LT(watch_.pace_of(request_).bytes_per_second, 1e12);
}

}  // namespace
}  // namespace godwit::master
