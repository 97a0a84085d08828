#include "master/scheduler.h"

#include "base/ticket.h"
#include "cluster_in_memory.h"

namespace godwit::master {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class Schedule : public ClusterInMemory {
protected:
    // What of each assignment tells them apart.
    static std::vector<std::string> labels(const std::vector<model::Assignment>& assignments) {
        std::vector<std::string> labels;
        for (const auto& assignment : assignments) labels.push_back(assignment.unit.label);
        return labels;
    }
    static sdk::Worker unreachable(const sdk::WorkerId& id, const std::string& path) {
        sdk::Worker worker = ClusterInMemory::worker(id, {path});
        worker.peer_address.clear();
        return worker;
    }
    std::uint32_t writing_for(const sdk::WorkerId& id) {
        std::uint32_t writing = 0;
        policy_.decide = [&](const sdk::Picture& picture) -> ObedientPolicy::Choices {
            for (const sdk::WorkerView& view : picture.workers) {
                if (view.worker->id == id) writing = view.writing_for;
            }
            return std::vector<sdk::Choice>{};
        };
        look();
        poll("source");
        policy_.decide = nullptr;
        return writing;
    }
};

// ------------------------------------------------------------------------------------- who gets
// any

TEST_F(Schedule, HasNothingForAWorkerThatIsNotKnown) {
    add_two_workers();
    admit(sync("r-1"));

    EXPECT_THAT(poll("stranger"), IsEmpty());
    EXPECT_THAT(poll(""), IsEmpty());
    EXPECT_EQ(state("r-1"), RequestState::Queued);
}

TEST_F(Schedule, HasNothingForAWorkerThatTakesNothing) {
    add_two_workers();
    admit(sync("r-1"));

    for (const char* status : {"DRAINING", "ERROR"}) {
        add_worker(worker("source", {"/src"}, status));
        EXPECT_THAT(poll("source"), IsEmpty()) << status;
    }
    add_worker(worker("source", {"/src"}));
    pass(settings_.worker_heartbeat_timeout, {worker("destination", {"/dst"})});
    EXPECT_THAT(poll("source"), IsEmpty()) << "it was silent for too long";
}

TEST_F(Schedule, GivesWorkToThoseWhoMountItsSource) {
    add_two_workers();
    add_worker(worker("elsewhere", {"/srcx", "/other"}));
    admit(sync("r-1"));

    EXPECT_THAT(poll("destination"), IsEmpty());
    EXPECT_THAT(poll("elsewhere"), IsEmpty());
    EXPECT_EQ(poll("source").size(), 1U);
}

TEST_F(Schedule, SeesAtOnceWhatWasChangedAMomentAgo) {
    add_worker(worker("destination", {"/dst"}));
    admit(sync("r-1"));
    EXPECT_THAT(poll("source"), IsEmpty());

    add_worker(worker("source", {"/src"}));

    EXPECT_EQ(poll("source").size(), 1U);
}

// ------------------------------------------------------------------------------------ destinations

TEST_F(Schedule, WaitsForADestination) {
    add_worker(worker("source", {"/src"}));
    admit(sync("r-1"));
    EXPECT_THAT(poll("source"), IsEmpty());

    add_worker(unreachable("destination", "/dst"));
    EXPECT_THAT(poll("source"), IsEmpty()) << "nobody knows where it is";
    add_worker(worker("destination", {"/dst"}, "DRAINING"));
    EXPECT_THAT(poll("source"), IsEmpty());
    add_worker(worker("destination", {"/dst"}));
    const auto given = poll("source");

    ASSERT_EQ(given.size(), 1U);
    EXPECT_EQ(given[0].destination, "destination");
    EXPECT_THAT(given[0].peers, ElementsAre(Pair("destination", "destination:1")));
    EXPECT_THAT(given[0].destination_pool, ElementsAre("destination"));
    EXPECT_THAT(given[0].source_pool, ElementsAre("source"));
}

TEST_F(Schedule, LetsAWorkerThatMountsBothWriteItself) {
    sdk::Worker both = unreachable("source", "/src");
    both.storage_paths.push_back("/dst");
    add_worker(both);
    admit(sync("r-1"));
    cluster_.suspect("source");

    const auto given = poll("source");

    ASSERT_EQ(given.size(), 1U);
    EXPECT_EQ(given[0].destination, "source");
}

TEST_F(Schedule, AvoidsADestinationThatCouldNotBeReached) {
    add_two_workers();
    admit(sync("r-1"));
    cluster_.suspect("destination");

    EXPECT_THAT(poll("source"), IsEmpty());
    add_worker(worker("other", {"/dst"}));
    const auto given = poll("source");

    ASSERT_EQ(given.size(), 1U);
    EXPECT_THAT(given[0].destination_pool, ElementsAre("other"));
}

TEST_F(Schedule, LeavesTheDestinationToTheGuidesClient) {
    add_worker(worker("source", {"/src"}));
    admit(sync("r-1"));

    const auto given = poll("source", 1, AskForm::Single);

    ASSERT_EQ(given.size(), 1U);
    EXPECT_EQ(given[0].destination, "");
    EXPECT_THAT(given[0].peers, IsEmpty());
    EXPECT_THAT(given[0].destination_pool, IsEmpty());
}

// ------------------------------------------------------------------------------- which and how
// many

TEST_F(Schedule, GivesAsManyUnitsAsWereAskedFor) {
    add_two_workers();
    admit(sync("r-1"));
    list("r-1", {chunk("a"), chunk("b"), chunk("c")});

    EXPECT_THAT(poll("source", 0), IsEmpty());
    EXPECT_THAT(labels(poll("source", 2)), ElementsAre("a", "b"));
    EXPECT_THAT(labels(poll("source", 2)), ElementsAre("c"));
    EXPECT_THAT(poll("source", 2), IsEmpty());
}

TEST_F(Schedule, FillsTheCapacityFromSeveralRequests) {
    add_two_workers();
    for (const char* id : {"a", "b", "c"}) {
        admit(sync(id, std::string{"/src/"} + id, std::string{"/dst/"} + id));
    }

    EXPECT_THAT(labels(poll("source", 2)), ElementsAre("/src/a", "/src/b"));
    EXPECT_THAT(labels(poll("source", 2)), ElementsAre("/src/c"));
}

TEST_F(Schedule, PassesOverRequestsThatMayNotGoOn) {
    add_two_workers();
    add_worker(worker("chosen", {"/src"}));
    admit(sync("paused", "/src/a", "/dst/a"));
    admit(sync("pinned", "/src/b", "/dst/b"));
    admit(sync("free", "/src/c", "/dst/c"));
    admit(sync("busy", "/src/d", "/dst/c"));
    ASSERT_TRUE(lifecycle_.apply("paused", RequestEvent::Pause));
    ASSERT_TRUE(lifecycle_.reassign("pinned", "chosen"));

    EXPECT_THAT(labels(poll("source")), ElementsAre("/src/c"));
    EXPECT_THAT(labels(poll("chosen")), ElementsAre("/src/b"));
}

TEST_F(Schedule, HoldsListingsBackWhileEnoughIsPlanned) {
    settings_.planning_window = 2;
    add_two_workers();
    admit(sync("r-1"));
    sdk::Unit more;
    more.kind = sdk::UnitKind::Listing;
    more.label = "more";
    list("r-1", {more, chunk("a"), chunk("b"), chunk("c")});

    EXPECT_THAT(labels(poll("source", 1)), ElementsAre("a"));
    EXPECT_THAT(labels(poll("source", 2)), ElementsAre("b", "c"));
    EXPECT_THAT(labels(poll("source", 2)), ElementsAre("more"));
}

TEST_F(Schedule, GivesAUnitToAnotherWorkerThanTheOneThatFailed) {
    const model::Assignment given = given_chunk();
    add_worker(worker("another", {"/src"}));
    ASSERT_EQ(report(failed(given, "io_error")), "applied");
    pass(std::chrono::minutes{1}, {worker("source", {"/src"}), worker("another", {"/src"}),
                                   worker("destination", {"/dst"})});
    look();

    EXPECT_THAT(poll("source"), IsEmpty());
    EXPECT_EQ(poll("another").size(), 1U);
}

TEST_F(Schedule, ShowsThePolicyWhoHasFailedEvenWithoutAWord) {
    const model::Assignment given = given_chunk();
    model::AssignmentResult silent = failed(given, "");
    silent.message.clear();

    ASSERT_EQ(report(silent), "applied");

    EXPECT_EQ(get("r-1").detail["source"], "internal");
}

TEST_F(Schedule, GivesAUnitToWhoFailedOnItWhereThereIsNoOther) {
    const model::Assignment given = given_chunk();
    ASSERT_EQ(report(failed(given, "io_error")), "applied");
    pass(std::chrono::minutes{1}, {worker("source", {"/src"}), worker("destination", {"/dst"})});

    EXPECT_EQ(poll("source").size(), 1U);
}

// ------------------------------------------------------------------------------------ what is in
// it

TEST_F(Schedule, TellsAWorkerAllThatItNeeds) {
    settings_.lease = Millis{12'000};
    settings_.attempts_max = 9;
    model::SyncRequest request = sync("r-1", "/src/a", "/dst/b");
    request.chunk_size_mb = 3;
    request.destination_slash = true;
    request.options.durability = model::Durability::File;
    add_two_workers();
    admit(request);

    const auto given = poll("source");

    ASSERT_EQ(given.size(), 1U);
    EXPECT_EQ(given[0].id.request, "r-1");
    EXPECT_EQ(given[0].generation, get("r-1").generation);
    EXPECT_EQ(given[0].worker, "source");
    EXPECT_EQ(given[0].source_path, "/src/a");
    EXPECT_EQ(given[0].destination_path, "/dst/b");
    EXPECT_TRUE(given[0].destination_slash);
    EXPECT_EQ(given[0].chunk_bytes, 3U << 20);
    EXPECT_EQ(given[0].options, request.options);
    EXPECT_EQ(given[0].unit.kind, sdk::UnitKind::Listing);
    EXPECT_EQ(given[0].attempt, 1U);
    EXPECT_EQ(given[0].attempts_max, 9U);
    EXPECT_EQ(given[0].lease_seconds, 12U);
}

TEST_F(Schedule, SignsWhatTheDestinationChecks) {
    const model::Assignment given = given_chunk();

    const base::TicketClaim claim{"r-1", given.generation, "source", "destination", "/dst/a"};
    EXPECT_TRUE(base::check_ticket(settings_.ticket_secret, claim, given.ticket, base::wall_now()));
}

// ---------------------------------------------------------------------------------------- its
// books

TEST_F(Schedule, RemembersWhoWritesWhatItHandedOut) {
    const model::Assignment given = given_chunk();

    EXPECT_EQ(scheduler_.destination_of(given.id), "destination");
    admit(sync("r-2", "/src/b", "/dst/b"));
    EXPECT_EQ(writing_for("destination"), 1U);

    ASSERT_EQ(report(succeeded(given)), "applied");
    EXPECT_EQ(scheduler_.destination_of(given.id), "");
    EXPECT_EQ(writing_for("destination"), 0U);
}

TEST_F(Schedule, ForgetsWhatEndedWithoutAWord) {
    const model::Assignment given = given_chunk();
    scheduler_.tidy(**cluster_.look_closely());
    EXPECT_EQ(scheduler_.destination_of(given.id), "destination") << "it is still held";

    ASSERT_TRUE(lifecycle_.apply("r-1", RequestEvent::Cancel));
    scheduler_.tidy(**cluster_.look_closely());

    EXPECT_EQ(scheduler_.destination_of(given.id), "");
}

TEST_F(Schedule, RemembersWhatItHasHandedOutSinceRequestsWereLookedAt) {
    const auto before = cluster_.look_closely();
    ASSERT_TRUE(before);
    const model::Assignment given = given_chunk();

    scheduler_.tidy(**before);

    EXPECT_EQ(scheduler_.destination_of(given.id), "destination");
}

TEST_F(Schedule, IsNoneWhileTheStoreDoesNotAnswer) {
    add_two_workers();
    admit(sync("r-1"));

    store_.fail("claim", {Code::Unavailable, "gone"});
    const auto nothing = scheduler_.assign("source", 1, AskForm::Batch);

    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error().code, Code::Unavailable);
    EXPECT_EQ(poll("source").size(), 1U) << "it answers again";
}

TEST_F(Schedule, PassesOverARequestThatWasForgottenMeanwhile) {
    add_two_workers();
    admit(sync("r-1", "/src/a", "/dst/a"));
    admit(sync("r-2", "/src/b", "/dst/b"));
    store_.fail("claim", {Code::NotFound, "forgotten"});

    EXPECT_THAT(labels(poll("source")), ElementsAre("/src/b"));
}

}  // namespace
}  // namespace godwit::master
