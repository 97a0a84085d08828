// When a request will be done, and what it waits for.
#include <gtest/gtest.h>

#include "master/cost_model.h"
#include "master/pace.h"

namespace godwit::master {
namespace {

using base::Millis;
using sdk::Count;

constexpr double kMiB = 1024 * 1024;

TEST(CostModel, KnowsNothingBeforeItSawSomething) {
    EXPECT_FALSE(CostModel{}.seconds_for(1, 1));
    EXPECT_EQ(CostModel{}.seconds_for(0, 0), 0) << "nothing is left to do";
}

TEST(CostModel, TellsTheCostOfFilesFromThatOfBytes) {
    CostModel model;
    // A file costs 10 ms, a MiB costs 1 ms.
    model.learn(100, 10 * kMiB, 1.01);
    model.learn(1, 4'000 * kMiB, 4.01);
    model.learn(50, 500 * kMiB, 1.0);

    EXPECT_NEAR(*model.seconds_for(1'000, 0), 10, 0.1);
    EXPECT_NEAR(*model.seconds_for(0, 10'000 * kMiB), 10, 0.1);
    EXPECT_NEAR(*model.seconds_for(100, 1'000 * kMiB), 2, 0.1);
}

TEST(CostModel, NeedsNoMoreThanBytesOrFiles) {
    CostModel bytes;
    bytes.learn(0, 100 * kMiB, 1);
    EXPECT_NEAR(*bytes.seconds_for(1, 200 * kMiB), 2, 1e-9);
    CostModel files;
    files.learn(100, 0, 1);
    EXPECT_NEAR(*files.seconds_for(200, 0), 2, 1e-9);
    EXPECT_FALSE(files.seconds_for(0, kMiB)) << "what a byte costs was never seen";
}

TEST(CostModel, NeverTakesAnythingForAGift) {
    CostModel model;
    // More files in less time: least squares alone would give the bytes a negative cost.
    model.learn(10, 100 * kMiB, 1.0);
    model.learn(20, 300 * kMiB, 1.9);
    model.learn(30, 100 * kMiB, 3.2);

    EXPECT_GT(*model.seconds_for(1, 0), 0);
    EXPECT_GE(model.seconds_for(0, kMiB).value_or(0), 0);
}

TEST(CostModel, ForgetsWhatIsLongAgo) {
    CostModel model;
    for (int i = 0; i < 10; ++i) model.learn(0, kMiB, 10);
    for (int i = 0; i < 1'000; ++i) model.learn(0, kMiB, 1);

    EXPECT_NEAR(*model.seconds_for(0, kMiB), 1, 0.01);
}

// ------------------------------------------------------------------------------- of a whole
// request

class Foresight : public testing::Test {
protected:
    Foresight() {
        request_.id = "r-1";
        request_.state = sdk::RequestState::Progress;
        request_.counters[Count::Directories] = 1;
        watch_.sample({request_}, now_);
    }
    void copy(std::int64_t files, std::int64_t bytes, Millis within) {
        request_.counters[Count::FilesCopied] += files;
        request_.counters[Count::BytesCopied] += bytes;
        now_ += within;
        watch_.sample({request_}, now_);
    }
    void wait(Count stage, std::int64_t microseconds, Millis within = Millis{1'000}) {
        request_.counters[stage] += microseconds;
        now_ += within;
        watch_.sample({request_}, now_);
    }
    std::optional<std::int64_t> eta(const model::RequestOptions& options = {}) {
        return watch_.pace_of(request_, options).eta_seconds;
    }
    std::string limited_by() { return watch_.pace_of(request_).limited_by; }

    PaceWatch watch_;
    sdk::Request request_;
    base::Deadline now_{std::chrono::hours{1}};
};

TEST_F(Foresight, OfManySmallFilesGoesByTheFiles) {
    request_.counters[Count::FilesPlanned] = 1'000'000;
    request_.counters[Count::BytesPlanned] = 1'000'000;
    for (int second = 0; second < 10; ++second) copy(1'000, 1'000, Millis{1'000});

    EXPECT_EQ(eta(), 990);
}

// After many small ones, one large file is left: that it is one file does not make it soon done,
// and that no file is done for a while does not make the end far away.
TEST_F(Foresight, OfOneLargeFileGoesByItsBytes) {
    request_.counters[Count::FilesPlanned] = 10'001;
    request_.counters[Count::BytesPlanned] = 10'000'000'000;
    for (int second = 0; second < 10; ++second) copy(1'000, 1'000, Millis{1'000});
    for (int second = 0; second < 10; ++second) copy(0, 100'000'000, Millis{1'000});

    EXPECT_NEAR(static_cast<double>(*eta()), 90, 3);
}

TEST_F(Foresight, CountsOnNothingThatIsOver) {
    request_.counters[Count::FilesPlanned] = 100;
    request_.counters[Count::BytesPlanned] = 1'000;
    copy(40, 400, Millis{1'000});
    request_.counters[Count::FilesFailed] = 50;
    request_.counters[Count::BytesFailed] = 500;
    request_.counters[Count::FilesVanished] = 10;
    request_.counters[Count::BytesVanished] = 100;

    EXPECT_EQ(eta(), 0);
}

TEST_F(Foresight, GetsLongerWithAStall) {
    request_.counters[Count::BytesPlanned] = 100'000;
    copy(0, 10'000, Millis{1'000});
    ASSERT_EQ(eta(), 9);

    copy(0, 0, Millis{9'000});
    copy(0, 10'000, Millis{1'000});

    EXPECT_GT(*eta(), 20);
}

TEST_F(Foresight, IsNotDarkenedByAPauseOrByPlanning) {
    request_.counters[Count::BytesPlanned] = 100'000;
    copy(0, 0, Millis{3'600'000});
    copy(0, 10'000, Millis{1'000});
    ASSERT_EQ(eta(), 9);

    request_.state = sdk::RequestState::Paused;
    copy(0, 0, Millis{3'600'000});
    EXPECT_FALSE(eta()) << "nobody works on it";
    request_.state = sdk::RequestState::Progress;
    copy(0, 10'000, Millis{1'000});

    EXPECT_EQ(eta(), 8);
}

// The delete that waits for its turn is a listing, too.
TEST_F(Foresight, BeginsWhenTheListingIsCompleteThoughADeleteWaits) {
    request_.counters[Count::BytesPlanned] = 100'000;
    request_.backlog.pending[static_cast<std::size_t>(sdk::UnitKind::Listing)] = 1;
    request_.backlog.pending[static_cast<std::size_t>(sdk::UnitKind::Chunk)] = 1;
    copy(0, 10'000, Millis{1'000});
    model::RequestOptions options;
    options.delete_surplus = model::Delete::After;

    EXPECT_EQ(eta(options), 9);
    EXPECT_FALSE(eta()) << "without deletes that one is a part of the source";
}

// ---------------------------------------------------------------------------------------
// limited_by

TEST_F(Foresight, NamesNothingWhereNothingWasWaitedFor) {
    wait(Count::BytesCopied, 100);

    EXPECT_EQ(limited_by(), "");
}

TEST_F(Foresight, NamesTheStageThatIsWaitedForMost) {
    request_.counters[Count::WaitSourceRead] += 290;
    wait(Count::WaitDestinationWrite, 710);

    EXPECT_EQ(limited_by(), "destination_write (71 %)");
}

TEST_F(Foresight, NamesWhatIsWaitedForNow) {
    wait(Count::WaitSourceMetadata, 1'000'000);
    ASSERT_EQ(limited_by(), "source_metadata (100 %)");

    for (int second = 0; second < 60; ++second) wait(Count::WaitTransport, 100'000);

    EXPECT_EQ(limited_by(), "transport (100 %)");
}

TEST_F(Foresight, NamesNothingAnyMoreWhenWaitsAreLongOver) {
    wait(Count::WaitTransport, 1'000);
    for (int minute = 0; minute < 10; ++minute) wait(Count::BytesCopied, 1, Millis{60'000});

    EXPECT_EQ(limited_by(), "");
}

TEST_F(Foresight, OfWhatIsDoneNamesWhatWasWaitedForAllTheTime) {
    request_.state = sdk::RequestState::Completed;
    request_.started_at = sdk::WallTime{Millis{1'000}};
    request_.finished_at = sdk::WallTime{Millis{2'000}};
    request_.counters[Count::WaitBandwidthLimit] = 3;
    request_.counters[Count::WaitTransport] = 1;

    EXPECT_EQ(limited_by(), "bandwidth_limit (75 %)");
}

}  // namespace
}  // namespace godwit::master
