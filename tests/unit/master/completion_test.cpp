// How requests go on and end by themselves.
#include "cluster_in_memory.h"

namespace godwit::master {
namespace {

class Completion : public ClusterInMemory {
protected:
    static sdk::Effects failed_files(int count) {
        sdk::Effects effects;
        effects.counters[Count::FilesFailed] = count;
        return effects;
    }
};

TEST_F(Completion, BeginsWithTheFirstUnitThatIsHandedOut) {
    add_two_workers();
    admit(sync("r-1"));

    EXPECT_EQ(poll("source").size(), 1U);

    EXPECT_EQ(state("r-1"), RequestState::Progress);
    EXPECT_TRUE(get("r-1").started_at);
}

TEST_F(Completion, ComesWhenNothingIsLeftToDo) {
    const model::Assignment given = given_chunk();
    EXPECT_EQ(state("r-1"), RequestState::Progress);

    ASSERT_EQ(report(succeeded(given)), "applied");

    EXPECT_EQ(state("r-1"), RequestState::Completed);
    EXPECT_TRUE(get("r-1").finished_at);
    EXPECT_EQ(get("r-1").reason, "");
}

TEST_F(Completion, OfAnEmptySourceComesWithItsListing) {
    add_two_workers();
    admit(sync("r-1"));

    list("r-1", {});

    EXPECT_EQ(state("r-1"), RequestState::Completed);
}

TEST_F(Completion, WaitsForTheLastUnit) {
    add_two_workers();
    admit(sync("r-1"));
    list("r-1", {chunk("a"), chunk("b")});
    const auto given = poll("source");
    ASSERT_EQ(given.size(), 2U);

    ASSERT_EQ(report(succeeded(given[0])), "applied");
    EXPECT_EQ(state("r-1"), RequestState::Progress);
    ASSERT_EQ(report(succeeded(given[1])), "applied");
    EXPECT_EQ(state("r-1"), RequestState::Completed);
}

TEST_F(Completion, WithAFailedFileSaysSo) {
    const model::Assignment given = given_chunk();

    ASSERT_EQ(report(succeeded(given, failed_files(1))), "applied");

    EXPECT_EQ(state("r-1"), RequestState::CompletedWithErrors);
}

TEST_F(Completion, WithFilesThatVanishedIsStillOne) {
    const model::Assignment given = given_chunk();
    sdk::Effects effects;
    effects.counters[Count::FilesVanished] = 1;
    effects.errors.emplace_back().code = "source_vanished";

    ASSERT_EQ(report(succeeded(given, effects)), "applied");

    EXPECT_EQ(state("r-1"), RequestState::Completed);
}

// A directory that could not be listed may have held anything.
TEST_F(Completion, WithAListingThatWasGivenUpSaysSo) {
    add_two_workers();
    admit(sync("r-1"));
    sdk::Unit further;
    further.kind = sdk::UnitKind::Listing;
    further.label = "folder";
    list("r-1", {further});
    const auto listing = poll("source");
    ASSERT_EQ(listing.size(), 1U);

    ASSERT_EQ(report(failed(listing[0], "io_error", false)), "applied");

    EXPECT_EQ(state("r-1"), RequestState::CompletedWithErrors);
    EXPECT_EQ(get("r-1").error_count, 1U);
}

// Nothing was copied, and nobody knows what was to be: this is no sync with some errors.
TEST_F(Completion, OfARequestWhoseFirstListingWasGivenUpIsItsFailure) {
    add_two_workers();
    admit(sync("r-1"));
    for (std::uint32_t attempt = 1; attempt <= settings_.attempts_max; ++attempt) {
        const auto listing = poll("source");
        ASSERT_EQ(listing.size(), 1U);
        ASSERT_EQ(report(failed(listing[0], attempt == 1 ? "io_error" : "peer_lost")), "applied");
        pass(std::chrono::minutes{2},
             {worker("source", {"/src"}), worker("destination", {"/dst"})});
        cluster_.absolve("destination");
    }

    EXPECT_EQ(state("r-1"), RequestState::Failed);
    EXPECT_EQ(get("r-1").reason, "peer_lost");
    EXPECT_EQ(get("r-1").detail["master"], "peer_lost it was");
}

TEST_F(Completion, IsDeniedToARequestWithTooManyFailures) {
    model::SyncRequest request = sync("r-1");
    request.options.max_failures = 2;
    add_two_workers();
    admit(request);
    list("r-1", {chunk("a"), chunk("b"), chunk("c")});
    const auto given = poll("source", 2);
    ASSERT_EQ(given.size(), 2U);

    ASSERT_EQ(report(succeeded(given[0], failed_files(2))), "applied");
    EXPECT_EQ(state("r-1"), RequestState::Progress) << "as many may fail";
    ASSERT_EQ(report(succeeded(given[1], failed_files(1))), "applied");

    EXPECT_EQ(state("r-1"), RequestState::Failed);
    EXPECT_EQ(get("r-1").reason, "max_failures_exceeded");
    EXPECT_EQ(get("r-1").backlog.outstanding(), 0U);
}

TEST_F(Completion, IsNotedLaterWhenTheStoreDidNotTakeIt) {
    const model::Assignment given = given_chunk();
    store_.fail("transition", {Code::Unavailable, "gone"});

    ASSERT_EQ(report(succeeded(given)), "applied");
    EXPECT_EQ(state("r-1"), RequestState::Progress);
    tick();

    EXPECT_EQ(state("r-1"), RequestState::Completed);
}

TEST_F(Completion, ComesThoughTheStoreDidNotTakeTheBeginning) {
    add_two_workers();
    admit(sync("r-1"));
    store_.fail("transition", {Code::Unavailable, "gone"});
    const auto listing = poll("source");
    ASSERT_EQ(listing.size(), 1U);
    EXPECT_EQ(state("r-1"), RequestState::Queued);

    ASSERT_EQ(report(succeeded(listing[0])), "applied");
    tick();
    tick();

    EXPECT_EQ(state("r-1"), RequestState::Completed);
    EXPECT_TRUE(get("r-1").started_at);
}

TEST_F(Completion, IsLeftAloneByLaterTicks) {
    const model::Assignment given = given_chunk();
    ASSERT_EQ(report(succeeded(given)), "applied");
    const sdk::Revision revision = get("r-1").revision;

    tick();
    lifecycle_.check("r-1");
    lifecycle_.check("nothing");

    EXPECT_EQ(get("r-1").revision, revision);
}

}  // namespace
}  // namespace godwit::master
