// Requests that wait for workers, or for each other, and leases that were lost.
#include "cluster_in_memory.h"

namespace godwit::master {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class Waiting : public ClusterInMemory {
protected:
    std::string reason(const sdk::RequestId& id = "r-1") { return get(id).reason; }
    std::string detail(const sdk::RequestId& id = "r-1") { return get(id).detail["master"]; }
};

TEST_F(Waiting, ForAWorkerOfTheSourceIsVisible) {
    add_worker(worker("destination", {"/dst"}));
    admit(sync("r-1"));

    tick();

    EXPECT_EQ(reason(), "no_source_worker");
    EXPECT_THAT(detail(), HasSubstr("'/src/a'"));
    EXPECT_EQ(state("r-1"), RequestState::Queued);
}

TEST_F(Waiting, ForAWorkerOfTheDestinationIsVisible) {
    add_worker(worker("source", {"/src"}));
    admit(sync("r-1"));

    tick();

    EXPECT_EQ(reason(), "no_destination_worker");
    EXPECT_THAT(detail(), HasSubstr("'/dst/a'"));
}

TEST_F(Waiting, ForAWorkerThatDrainsOrIsSilentIsForAnother) {
    add_worker(worker("destination", {"/dst"}));
    add_worker(worker("source", {"/src"}, "DRAINING"));
    admit(sync("r-1"));
    tick();
    EXPECT_EQ(reason(), "no_source_worker");

    add_worker(worker("source", {"/src"}));
    tick();
    EXPECT_EQ(reason(), "");
    pass(settings_.worker_heartbeat_timeout, {worker("destination", {"/dst"})});
    tick();
    EXPECT_EQ(reason(), "no_source_worker");
}

TEST_F(Waiting, EndsWithoutATraceWhenTheWorkerComes) {
    add_worker(worker("source", {"/src"}));
    admit(sync("r-1"));
    tick();

    add_worker(worker("destination", {"/dst"}));
    tick();

    EXPECT_EQ(reason(), "");
    EXPECT_EQ(detail(), "going on");
    EXPECT_EQ(poll("source").size(), 1U);
}

TEST_F(Waiting, IsOverWhenAllThatIsLeftIsUnderWay) {
    add_two_workers();
    admit(sync("r-1"));
    auto given = poll("source");
    ASSERT_EQ(given.size(), 1U);
    auto given_back = failed(given[0], "peer_lost");
    given_back.released = true;
    ASSERT_EQ(report(given_back), "applied");
    add_worker(worker("destination", {"/dst"}, "DRAINING"));
    tick();
    ASSERT_EQ(reason(), "no_destination_worker");
    add_worker(worker("destination", {"/dst"}));
    ASSERT_EQ(poll("source").size(), 1U);
    ASSERT_EQ(reason(), "no_destination_worker");

    tick();

    EXPECT_EQ(reason(), "");
    EXPECT_EQ(detail(), "going on");
}

TEST_F(Waiting, ForTheWorkerThatItWasGivenToIsForNoOther) {
    add_two_workers();
    add_worker(worker("chosen", {"/src"}));
    admit(sync("r-1"));
    ASSERT_TRUE(lifecycle_.reassign("r-1", "chosen"));
    tick();
    EXPECT_EQ(reason(), "");

    add_worker(worker("chosen", {"/src"}, "DRAINING"));
    tick();

    EXPECT_EQ(reason(), "no_source_worker");
    EXPECT_THAT(detail(), HasSubstr("'chosen' only"));
}

TEST_F(Waiting, ForAnOlderRequestEndsWithIt) {
    add_two_workers();
    admit(sync("older", "/src/a", "/dst/a"));
    admit(sync("younger", "/src/b", "/dst/a/b"));
    tick();
    EXPECT_EQ(reason("older"), "");
    EXPECT_EQ(reason("younger"), "destination_busy");
    EXPECT_THAT(detail("younger"), HasSubstr("request 'older', which is QUEUED"));

    list("older", {});
    ASSERT_EQ(state("older"), RequestState::Completed);
    tick();

    EXPECT_EQ(reason("younger"), "");
    list("younger", {});
    EXPECT_EQ(state("younger"), RequestState::Completed);
}

TEST_F(Waiting, HasAnEnd) {
    settings_.mount_wait = Millis{1};
    admit(sync("r-1"));

    EXPECT_TRUE(test_support::eventually([&] {
        tick();
        return state("r-1") == RequestState::Failed;
    }));

    EXPECT_EQ(reason(), "no_source_worker");
    EXPECT_THAT(detail(), HasSubstr("gave up after mount_wait_seconds"));
}

TEST_F(Waiting, HasNoEndWhenItIsToHaveNone) {
    settings_.mount_wait = Millis{0};
    admit(sync("r-1"));

    for (int i = 0; i < 5; ++i) tick();

    EXPECT_EQ(state("r-1"), RequestState::Queued);
}

TEST_F(Waiting, ForAnOlderRequestHasNoEnd) {
    settings_.mount_wait = Millis{1};
    add_two_workers();
    admit(sync("older"));
    admit(sync("younger"));
    admit(sync("lost", "/nowhere", "/dst/b"));

    // When the lost one was given up, the younger one has waited as long.
    EXPECT_TRUE(test_support::eventually([&] {
        tick();
        return state("lost") == RequestState::Failed;
    }));

    EXPECT_EQ(state("younger"), RequestState::Queued);
}

TEST_F(Waiting, IsNothingThatAPausedRequestDoes) {
    admit(sync("r-1"));
    ASSERT_TRUE(lifecycle_.apply("r-1", RequestEvent::Pause, "operator"));

    tick();

    EXPECT_EQ(reason(), "operator");
}

// ------------------------------------------------------------------------------------- lost leases

class LostLease : public ClusterInMemory {
protected:
    LostLease() {
        // Of real time, that a master gives agents to say that they are still there.
        settings_.lease = Millis{1};
    }
    // The given chunk, with somebody else who could have it.
    model::Assignment given_with_another() {
        add_worker(worker("another", {"/src"}));
        return given_chunk();
    }
    const std::vector<sdk::Worker> all_ = {worker("source", {"/src"}), worker("another", {"/src"}),
                                           worker("destination", {"/dst"})};
};

TEST_F(LostLease, OfADeadWorkerGoesElsewhere) {
    settings_.lease = settings_.worker_heartbeat_timeout * 10;
    const model::Assignment given = given_with_another();
    settings_.lease = Millis{1};
    pass(settings_.worker_heartbeat_timeout, {all_[1], all_[2]});

    EXPECT_TRUE(test_support::eventually([&] {
        tick();
        return get("r-1").holders.empty();
    }));

    const auto again = poll("another");
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].unit.label, given.unit.label);
    EXPECT_EQ(again[0].attempt, 1U) << "the unit did nothing wrong";
    EXPECT_NE(again[0].id, given.id);
    EXPECT_EQ(report(succeeded(given)), "lease_lost");
    EXPECT_EQ(report(succeeded(again[0])), "applied");
    EXPECT_EQ(state("r-1"), RequestState::Completed);
}

TEST_F(LostLease, OfAWorkerThatLivesButDidNotRenewItGoesElsewhere) {
    const model::Assignment given = given_with_another();
    pass(Millis{2}, all_);

    EXPECT_TRUE(test_support::eventually([&] {
        tick();
        return get("r-1").holders.empty();
    }));

    EXPECT_EQ(poll("another").size(), 1U);
    EXPECT_EQ(report(succeeded(given)), "lease_lost");
}

TEST_F(LostLease, IsKeptForAgentsThatWorkedOnWhileTheMasterWasAway) {
    const model::Assignment given = given_with_another();
    settings_.lease = std::chrono::hours{1};
    Lifecycle of_a_new_master{settings_, store_, cluster_};
    pass(std::chrono::minutes{10}, all_);
    ASSERT_TRUE(cluster_.look_closely());

    of_a_new_master.tick();

    EXPECT_EQ(report(succeeded(given)), "applied");
}

TEST_F(LostLease, ThatIsNotLostIsLeftAlone) {
    settings_.lease = settings_.worker_heartbeat_timeout * 10;
    const model::Assignment given = given_with_another();
    settings_.lease = Millis{1};
    pass(settings_.worker_heartbeat_timeout / 2);

    for (int i = 0; i < 5; ++i) tick();

    EXPECT_EQ(report(succeeded(given)), "applied");
}

TEST_F(LostLease, OfAUnitThatKillsWorkersEndsIt) {
    settings_.attempts_max = 3;
    given_with_another();

    for (int lost = 0; lost < 3; ++lost) {
        pass(Millis{2}, all_);
        EXPECT_TRUE(test_support::eventually([&] {
            tick();
            return get("r-1").holders.empty();
        }));
        EXPECT_EQ(poll("another").size(), lost < 2 ? 1U : 0U);
    }
    tick();

    EXPECT_EQ(state("r-1"), RequestState::CompletedWithErrors);
    EXPECT_EQ(get("r-1").counters[Count::FilesFailed], 1);
    const auto errors = store_.errors("r-1", "", 10);
    ASSERT_TRUE(errors);
    ASSERT_EQ(errors->errors.size(), 1U);
    EXPECT_EQ(errors->errors[0].code, "worker_lost");
}

}  // namespace
}  // namespace godwit::master
