// Deletes: the one step that takes something away, and everything that speaks against it.
#include "master/delete_guard.h"

#include "cluster_in_memory.h"
#include "model/progress.h"

namespace godwit::master {
namespace {

using Kind = DeleteVerdict::Kind;
using testing::HasSubstr;
using testing::IsEmpty;

struct Case {
    std::string name;
    model::DeleteLimit limit;
    std::int64_t discovered = 10;
    std::int64_t directories = 3;
    std::int64_t there = 100;
    std::int64_t surplus = 10;
    std::int64_t failed = 0;
    std::int64_t given_up = 0;
    Kind expected = Kind::Go;
    std::string code{};
    std::vector<std::string> numbers{};  // That the message must have.
};

constexpr model::DeleteLimit kHalf{50, true};
constexpr model::DeleteLimit kAll{100, true};
constexpr model::DeleteLimit kNone{0, false};
constexpr model::DeleteLimit kTen{10, false};

const std::vector<Case> kCases{
    {.name = "within the share", .limit = kHalf},
    {.name = "just the share", .limit = kHalf, .surplus = 50},
    {.name = "one more than the share",
     .limit = kHalf,
     .surplus = 51,
     .expected = Kind::Refused,
     .code = "max_delete_exceeded",
     .numbers = {"51", "100", "50 %"}},
    {.name = "just the count", .limit = kTen},
    {.name = "one more than the count",
     .limit = kTen,
     .surplus = 11,
     .expected = Kind::Refused,
     .code = "max_delete_exceeded",
     .numbers = {"11", "100", "10"}},
    {.name = "none may be deleted",
     .limit = kNone,
     .surplus = 1,
     .expected = Kind::Refused,
     .code = "max_delete_exceeded"},
    {.name = "all may be deleted", .limit = kAll, .surplus = 100},
    {.name = "nothing is surplus", .limit = kNone, .surplus = 0, .expected = Kind::Nothing},
    {.name = "nothing is surplus, though files failed",
     .limit = kHalf,
     .surplus = 0,
     .failed = 3,
     .expected = Kind::Nothing},
    {.name = "a file failed",
     .limit = kAll,
     .failed = 7,
     .expected = Kind::Refused,
     .code = "delete_skipped",
     .numbers = {"7"}},
    {.name = "a part of the source was not read",
     .limit = kAll,
     .given_up = 2,
     .expected = Kind::Refused,
     .code = "delete_skipped",
     .numbers = {"2"}},
    {.name = "the source is empty",
     .limit = kAll,
     .discovered = 0,
     .directories = 1,
     .expected = Kind::Refused,
     .code = "max_delete_exceeded",
     .numbers = {"10", "empty"}},
    {.name = "the source has an empty directory", .limit = kAll, .discovered = 0, .directories = 2},
    {.name = "more than numbers of 64 bits can be multiplied",
     .limit = kHalf,
     .there = std::numeric_limits<std::int64_t>::max(),
     .surplus = std::numeric_limits<std::int64_t>::max() / 2 + 1'000'000,
     .expected = Kind::Refused,
     .code = "max_delete_exceeded"},
};

sdk::Counters counters_of(const Case& row) {
    sdk::Counters counters;
    counters[Count::FilesDiscovered] = row.discovered;
    counters[Count::Directories] = row.directories;
    counters[Count::FilesAtDestination] = row.there;
    counters[Count::FilesSurplus] = row.surplus;
    counters[Count::FilesFailed] = row.failed;
    counters[Count::StepsGivenUp] = row.given_up;
    return counters;
}

TEST(DeleteVerdict, FollowsFromWhatWasCounted) {
    for (const Case& row : kCases) {
        model::RequestOptions options;
        options.delete_surplus = model::Delete::After;
        options.max_delete = row.limit;

        const DeleteVerdict verdict = delete_verdict(counters_of(row), options);

        EXPECT_EQ(verdict.kind, row.expected) << row.name << ": " << verdict.message;
        EXPECT_EQ(verdict.code, row.code) << row.name;
        for (const std::string& number : row.numbers) {
            EXPECT_THAT(verdict.message, HasSubstr(number)) << row.name;
        }
    }
}

TEST(DeleteVerdict, IsThatNothingIsDeletedUnlessItWasAskedFor) {
    model::RequestOptions nobody_asked;
    nobody_asked.max_delete = kAll;
    model::RequestOptions rehearsal = nobody_asked;
    rehearsal.delete_surplus = model::Delete::After;
    rehearsal.dry_run = true;

    EXPECT_EQ(delete_verdict(counters_of(kCases[0]), nobody_asked).kind, Kind::Nothing);
    EXPECT_EQ(delete_verdict(counters_of(kCases[0]), rehearsal).kind, Kind::Nothing);
}

// ------------------------------------------------------------------------------ what is made of it

class DeleteGuard : public ClusterInMemory {
protected:
    static sdk::Unit verdict_unit() {
        sdk::Unit unit;
        unit.kind = sdk::UnitKind::Listing;
        unit.stage = model::kDeleteStage;
        unit.payload = "verdict";
        return unit;
    }
    static sdk::Unit removal_unit(std::uint32_t depth = 0) {
        sdk::Unit unit;
        unit.kind = sdk::UnitKind::Directories;
        unit.stage = model::kRemovalStage - depth;
        unit.payload = "remove";
        return unit;
    }
    static sdk::Unit directories_unit() {
        sdk::Unit unit;
        unit.kind = sdk::UnitKind::Directories;
        unit.stage = model::kDirectoryStage;
        return unit;
    }
    // A request that was listed: one chunk, then two deletes, then attributes.
    void list_one_with_deletes(std::int64_t there, std::int64_t surplus,
                               model::DeleteLimit limit = kHalf) {
        model::SyncRequest request = sync("r-1");
        request.options.delete_surplus = model::Delete::After;
        request.options.max_delete = limit;
        add_two_workers();
        admit(request);
        const auto listing = poll("source", 1);
        ASSERT_EQ(listing.size(), 1U);
        sdk::Effects effects;
        effects.units = {chunk("file"), verdict_unit(), directories_unit()};
        if (surplus > 0) {
            effects.units.push_back(removal_unit(1));
            effects.units.push_back(removal_unit());
        }
        effects.counters[Count::Directories] = 1;
        effects.counters[Count::FilesDiscovered] = 1;
        effects.counters[Count::FilesAtDestination] = there;
        effects.counters[Count::FilesSurplus] = surplus;
        ASSERT_EQ(report(succeeded(listing[0], effects)), "applied");
    }
    void copy(std::int64_t failed_files = 0) {
        const auto given = poll("source");
        ASSERT_EQ(given.size(), 1U);
        ASSERT_EQ(given[0].unit.kind, sdk::UnitKind::Chunk);
        sdk::Effects effects;
        effects.counters[Count::FilesFailed] = failed_files;
        effects.counters[Count::FilesCopied] = 1 - failed_files;
        ASSERT_EQ(report(succeeded(given[0], effects)), "applied");
    }
    void finish() {
        const auto given = poll("source");
        ASSERT_EQ(given.size(), 1U);
        ASSERT_EQ(given[0].unit.kind, sdk::UnitKind::Directories);
        ASSERT_EQ(report(succeeded(given[0])), "applied");
    }
    sdk::ErrorPage errors() { return *store_.errors("r-1", "", 10); }
};

TEST_F(DeleteGuard, LetsDeletesGoWhenEveryCopyHasEnded) {
    list_one_with_deletes(10, 2);
    copy();

    const auto given = poll("source");

    ASSERT_EQ(given.size(), 1U);
    EXPECT_EQ(given[0].unit.payload, "remove");
    // One that could not be deleted does not stop the others.
    sdk::Effects effects;
    effects.counters[Count::FilesDeleted] = 1;
    effects.counters[Count::FilesFailed] = 1;
    ASSERT_EQ(report(succeeded(given[0], effects)), "applied");
    const auto last = poll("source");
    ASSERT_EQ(last.size(), 1U);
    EXPECT_EQ(last[0].unit.stage, model::kRemovalStage);
    ASSERT_EQ(report(succeeded(last[0])), "applied");
    finish();
    EXPECT_EQ(state("r-1"), RequestState::CompletedWithErrors);
    EXPECT_EQ(get("r-1").reason, "") << "nothing was refused";
}

TEST_F(DeleteGuard, StopsWhatIsLeftToDeleteWhenAStepIsGivenUp) {
    list_one_with_deletes(10, 2);
    copy();
    const auto given = poll("source");
    ASSERT_EQ(given.size(), 1U);
    ASSERT_EQ(given[0].unit.payload, "remove");
    sdk::Effects effects;
    effects.counters[Count::StepsGivenUp] = 1;
    effects.errors.emplace_back().code = "max_delete_exceeded";

    ASSERT_EQ(report(succeeded(given[0], effects)), "applied");

    finish();
    EXPECT_EQ(state("r-1"), RequestState::CompletedWithErrors);
    EXPECT_EQ(get("r-1").reason, "max_delete_exceeded");
}

TEST_F(DeleteGuard, LooksAtWhatFailedUpToTheLastMoment) {
    list_one_with_deletes(10, 2);
    copy(1);

    finish();

    EXPECT_EQ(state("r-1"), RequestState::CompletedWithErrors);
    EXPECT_EQ(get("r-1").reason, "delete_skipped");
    EXPECT_THAT(get("r-1").detail["master"], HasSubstr("deletes refused: 1 files failed"));
}

TEST_F(DeleteGuard, EndsARequestWithMoreToDeleteThanItMay) {
    list_one_with_deletes(10, 6);
    copy();

    finish();

    const sdk::Request ended = get("r-1");
    EXPECT_EQ(ended.state, RequestState::CompletedWithErrors);
    EXPECT_EQ(ended.reason, "max_delete_exceeded");
    EXPECT_THAT(ended.detail.at("master"), HasSubstr("6 of 10"));
    EXPECT_EQ(ended.counters[Count::FilesDeleted], 0);
    EXPECT_EQ(ended.counters[Count::FilesFailed], 0);
    ASSERT_EQ(errors().errors.size(), 1U);
    EXPECT_EQ(errors().errors[0].code, "max_delete_exceeded");
    EXPECT_EQ(errors().errors[0].worker, "master");
    EXPECT_GT(errors().errors[0].first_at, sdk::WallTime{});
}

TEST_F(DeleteGuard, EndsAQuietDeleteQuietly) {
    list_one_with_deletes(10, 0);
    copy();

    finish();

    EXPECT_EQ(state("r-1"), RequestState::Completed);
    EXPECT_THAT(errors().errors, IsEmpty());
}

TEST_F(DeleteGuard, EndsTheRequestWhenNothingComesAfterIt) {
    model::SyncRequest request = sync("r-1");
    request.options.delete_surplus = model::Delete::After;
    add_two_workers();
    admit(request);
    list("r-1", {verdict_unit()});

    EXPECT_THAT(poll("source"), IsEmpty());

    EXPECT_EQ(state("r-1"), RequestState::Completed);
}

TEST_F(DeleteGuard, LetsNothingGoThatItCannotJudge) {
    list_one_with_deletes(10, 6);
    copy();
    store_.fail("get", {Code::Unavailable, "gone"});

    EXPECT_THAT(poll("source", 1), testing::Each(testing::Field(
                                       &model::Assignment::unit,
                                       testing::Field(&sdk::Unit::stage, model::kDirectoryStage))))
        << "given back, and refused when it was claimed again";
    EXPECT_EQ(get("r-1").counters[Count::StepsGivenUp], 1);
}

TEST_F(DeleteGuard, TriesAgainWhenItsVerdictDidNotReachTheStore) {
    list_one_with_deletes(10, 6);
    copy();
    store_.fail("complete", {Code::Unavailable, "gone"});

    EXPECT_THAT(poll("source"), IsEmpty());
    EXPECT_EQ(get("r-1").counters[Count::StepsGivenUp], 0);
    pass(settings_.lease, {worker("source", {"/src"}), worker("destination", {"/dst"})});
    ASSERT_EQ(store_.reap("r-1", {})->size(), 1U);
    cluster_.changed();

    finish();
    EXPECT_EQ(get("r-1").reason, "max_delete_exceeded");
}

TEST_F(DeleteGuard, StaysWithItsVerdictWhenTheRequestIsPausedAfterIt) {
    list_one_with_deletes(10, 6);
    copy();
    const auto given = poll("source");
    ASSERT_EQ(given.size(), 1U);
    ASSERT_TRUE(lifecycle_.apply("r-1", RequestEvent::Pause, "operator"));
    ASSERT_TRUE(lifecycle_.apply("r-1", RequestEvent::Resume));

    ASSERT_EQ(report(succeeded(given[0])), "applied");

    EXPECT_EQ(state("r-1"), RequestState::CompletedWithErrors);
    EXPECT_EQ(get("r-1").reason, "max_delete_exceeded");
}

}  // namespace
}  // namespace godwit::master
