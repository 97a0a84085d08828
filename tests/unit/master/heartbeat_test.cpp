#include "cluster_in_memory.h"

namespace godwit::master {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Heartbeat : public ClusterInMemory {
protected:
    model::HeartbeatAnswer beat(const sdk::Worker& worker, std::vector<std::string> leases = {},
                                std::vector<model::RequestRef> requests = {}) {
        model::Heartbeat heartbeat;
        heartbeat.worker = worker;
        heartbeat.leases = std::move(leases);
        heartbeat.requests = std::move(requests);
        auto answer = results_.take(heartbeat);
        EXPECT_TRUE(answer) << answer.error().message;
        return answer ? *answer : model::HeartbeatAnswer{};
    }
    static sdk::Worker source(const std::string& status = "READY") {
        return worker("source", {"/src"}, status);
    }
    bool is_held(const model::Assignment& given) { return report(succeeded(given)) == "applied"; }
};

TEST_F(Heartbeat, MakesAWorkerKnownAtOnce) {
    beat(worker("destination", {"/dst"}));
    admit(sync("r-1"));

    beat(source());

    EXPECT_EQ(poll("source").size(), 1U);
}

TEST_F(Heartbeat, KeepsAWorkerAlive) {
    beat(source());
    pass(settings_.worker_heartbeat_timeout - Millis{1});
    beat(source());
    pass(settings_.worker_heartbeat_timeout - Millis{1});

    EXPECT_TRUE(cluster_.is_live(*(*cluster_.look_closely())->worker("source")));
}

TEST_F(Heartbeat, IsWantedThreeTimesBeforeALeaseEndsOrTheWorkerIsGone) {
    settings_.lease = Millis{3'000};
    settings_.worker_heartbeat_timeout = Millis{4'500};
    EXPECT_EQ(beat(source()).next_heartbeat_ms, 1'000U);

    settings_.worker_heartbeat_timeout = Millis{1'500};
    EXPECT_EQ(beat(source()).next_heartbeat_ms, 500U);
}

TEST_F(Heartbeat, OfAWorkerAsInTheGuideIsAnsweredAsInTheGuide) {
    sdk::Worker guests = source();
    guests.incarnation.clear();

    EXPECT_EQ(model::print_heartbeat_answer(beat(guests)), R"({"status":"ok"})");
}

TEST_F(Heartbeat, OfASuspectClearsIt) {
    cluster_.suspect("source");

    beat(source());

    EXPECT_FALSE(cluster_.is_suspect("source"));
}

// -------------------------------------------------------------------------------------------
// leases

TEST_F(Heartbeat, RenewsTheLeasesThatItNames) {
    const model::Assignment given = given_chunk();
    const std::string lease = model::to_string(given.id);

    for (int i = 0; i < 3; ++i) {
        pass(settings_.lease - Millis{1});
        EXPECT_THAT(beat(source(), {lease}).lost, IsEmpty());
        const auto reaped = store_.reap("r-1", {});
        ASSERT_TRUE(reaped);
        EXPECT_THAT(*reaped, IsEmpty());
    }
    EXPECT_TRUE(is_held(given));
}

TEST_F(Heartbeat, RenewsNoLeaseThatItDoesNotName) {
    given_chunk();

    pass(settings_.lease - Millis{1});
    beat(source());
    pass(Millis{2});

    EXPECT_EQ(store_.reap("r-1", {})->size(), 1U);
}

TEST_F(Heartbeat, IsToldWhatWasLost) {
    const model::Assignment given = given_chunk();
    ASSERT_EQ(store_.reap("r-1", {.worker = "source"})->size(), 1U);
    const std::string lost = model::to_string(given.id);
    const std::string of_nothing = "r-9/1/2.3";

    const auto answer = beat(source(), {lost, of_nothing, "not an assignment"});

    EXPECT_THAT(answer.lost, testing::UnorderedElementsAre(lost, of_nothing, "not an assignment"));
}

TEST_F(Heartbeat, IsToldToGiveBackTheWorkOfAPausedRequest) {
    const std::string held = model::to_string(given_chunk().id);
    EXPECT_THAT(beat(source(), {held}).paused, IsEmpty());
    ASSERT_TRUE(lifecycle_.apply("r-1", RequestEvent::Pause));
    ASSERT_TRUE(cluster_.look_closely());

    const auto answer = beat(source(), {held});

    EXPECT_THAT(answer.paused, ElementsAre(held));
    EXPECT_THAT(answer.lost, IsEmpty()) << "until it is given back it is held";
}

TEST_F(Heartbeat, LosesNothingThatIsDone) {
    const model::Assignment given = given_chunk();
    ASSERT_EQ(report(succeeded(given)), "applied");

    EXPECT_THAT(beat(source(), {model::to_string(given.id)}).lost, IsEmpty());
}

TEST_F(Heartbeat, RenewsMoreLeasesThanTheStoreTakesAtOnce) {
    const std::size_t count = store_.info().batch_max + 7;
    add_two_workers();
    admit(sync("r-1"));
    list("r-1", std::vector<sdk::Unit>(count, chunk("file")));
    std::vector<std::string> leases;
    while (leases.size() < count) {
        const auto given = poll("source", count);
        ASSERT_FALSE(given.empty());
        for (const auto& assignment : given) leases.push_back(model::to_string(assignment.id));
    }
    pass(settings_.lease - Millis{1});

    EXPECT_THAT(beat(source(), leases).lost, IsEmpty());
    pass(settings_.lease - Millis{1});

    EXPECT_THAT(*store_.reap("r-1", {}), IsEmpty());
}

// ------------------------------------------------------------------------------------ ended
// requests

TEST_F(Heartbeat, IsToldWhichRequestsHaveEnded) {
    admit(sync("active", "/src/a", "/dst/a"));
    admit(sync("cancelled", "/src/b", "/dst/b"));
    ASSERT_TRUE(lifecycle_.apply("cancelled", RequestEvent::Cancel));
    const model::RequestRef active{"active", get("active").generation};
    const model::RequestRef of_an_earlier_one{"active", active.generation + 1};
    const model::RequestRef cancelled{"cancelled", get("cancelled").generation};
    const model::RequestRef forgotten{"forgotten", 7};

    const auto answer = beat(source(), {}, {active, of_an_earlier_one, cancelled, forgotten});

    EXPECT_THAT(answer.ended, ElementsAre(of_an_earlier_one, cancelled, forgotten));
}

TEST_F(Heartbeat, IsNotToldThatARequestHasEndedWhenNobodyKnows) {
    admit(sync("r-1"));
    model::Heartbeat heartbeat;
    heartbeat.worker = source();
    heartbeat.requests = {{"r-1", get("r-1").generation}};
    store_.fail("get", {Code::Unavailable, "gone"});

    const auto answer = results_.take(heartbeat);

    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::Unavailable);
}

// ------------------------------------------------------------------------------- restart and
// goodbye

TEST_F(Heartbeat, OfARestartedWorkerGivesItsLeasesBackAtOnce) {
    const model::Assignment given = given_chunk();
    sdk::Worker restarted = source();
    restarted.incarnation = "2";

    beat(restarted);

    EXPECT_FALSE(is_held(given));
    EXPECT_EQ(poll("source").size(), 1U);
}

TEST_F(Heartbeat, OfTheSameLifeKeepsItsLeases) {
    const model::Assignment given = given_chunk();

    beat(source());

    EXPECT_TRUE(is_held(given));
}

TEST_F(Heartbeat, OfADrainingWorkerGivesBackWhatItDoesNotKnowOf) {
    add_two_workers();
    admit(sync("r-1"));
    list("r-1", {chunk("a"), chunk("b")});
    const auto given = poll("source");
    ASSERT_EQ(given.size(), 2U);
    add_worker(worker("another", {"/src"}));

    beat(source("DRAINING"), {model::to_string(given[0].id)});

    EXPECT_TRUE(is_held(given[0]));
    const auto again = poll("another");
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].unit.label, given[1].unit.label);
    EXPECT_EQ(again[0].attempt, 1U);
}

TEST_F(Heartbeat, ThatNamesAllThatIsHeldGivesTheRestBack) {
    const model::Assignment heard = given_chunk("r-1");
    admit(sync("r-2", "/src/b", "/dst/b"));
    list("r-2", {chunk("file")});
    const auto unheard = poll("source");
    ASSERT_EQ(unheard.size(), 1U);
    model::Heartbeat heartbeat;
    heartbeat.worker = source();
    heartbeat.leases = {model::to_string(heard.id)};

    ASSERT_TRUE(results_.take(heartbeat));
    EXPECT_EQ(poll("source").size(), 0U) << "it did not say that there are no others";
    heartbeat.leases_complete = true;
    ASSERT_TRUE(results_.take(heartbeat));

    const auto again = poll("source");
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].id.request, "r-2");
    EXPECT_EQ(again[0].attempt, 1U);
    EXPECT_TRUE(is_held(heard));
}

TEST_F(Heartbeat, IsRefusedByAStoreThatDoesNotAnswer) {
    store_.fail("upsert_worker", {Code::Unavailable, "gone"});
    model::Heartbeat heartbeat;
    heartbeat.worker = source();

    const auto answer = results_.take(heartbeat);

    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::Unavailable);
}

}  // namespace
}  // namespace godwit::master
