// What operators do to requests: admission, changes of state, reassignment, forgetting.
#include "cluster_in_memory.h"

namespace godwit::master {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class Admission : public ClusterInMemory {};

TEST_F(Admission, MakesARequestThatWaitsToBeListed) {
    model::SyncRequest request = sync("r-1", "/src/a", "/dst/b");
    request.options.priority = 7;

    const auto reply = lifecycle_.admit(request);

    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_TRUE(reply->created);
    const sdk::Request made = get("r-1");
    EXPECT_EQ(made.state, RequestState::Queued);
    EXPECT_EQ(made.source_path, "/src/a");
    EXPECT_EQ(made.destination_path, "/dst/b");
    EXPECT_EQ(made.priority, 7);
    EXPECT_NE(made.generation, 0U);
    EXPECT_EQ(made.backlog.outstanding(), 1U);
    EXPECT_EQ(made.backlog.pending_of(sdk::UnitKind::Listing), 1U);
    EXPECT_EQ(model::parse_sync_request(made.document).document, request);
}

TEST_F(Admission, OfTheSameRequestAgainChangesNothing) {
    admit(sync("r-1"));
    const sdk::Request before = get("r-1");
    add_two_workers();
    list("r-1", {chunk("file")});

    const auto again = lifecycle_.admit(sync("r-1"));

    ASSERT_TRUE(again);
    EXPECT_FALSE(again->created);
    EXPECT_EQ(again->request.generation, before.generation);
    EXPECT_EQ(again->request.state, RequestState::Progress);
    EXPECT_EQ(get("r-1").backlog.outstanding(), 1U);
}

TEST_F(Admission, OfAnotherBodyUnderTheSameIdIsAConflict) {
    admit(sync("r-1"));
    model::SyncRequest other = sync("r-1");
    other.chunk_size_mb = 1;

    for (const model::SyncRequest& request : {sync("r-1", "/src/b"), other}) {
        const auto reply = lifecycle_.admit(request);

        ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error().code, Code::Conflict);
    }
    EXPECT_EQ(get("r-1").source_path, "/src/a");
}

TEST_F(Admission, OfAnIdThatWasForgottenIsOfANewRequest) {
    admit(sync("r-1"));
    const std::uint64_t before = get("r-1").generation;
    ASSERT_TRUE(lifecycle_.forget("r-1"));

    admit(sync("r-1", "/src/b"));

    EXPECT_NE(get("r-1").generation, before);
}

TEST_F(Admission, IsNotAcknowledgedByAStoreThatDoesNotAnswer) {
    store_.fail("create", {Code::Unavailable, "gone"});

    const auto reply = lifecycle_.admit(sync("r-1"));

    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, Code::Unavailable);
    EXPECT_FALSE(store_.get("r-1"));
}

// -------------------------------------------------------------------------------- changes of state

class OperatorsWord : public ClusterInMemory {};

TEST_F(OperatorsWord, PausesAndResumes) {
    add_two_workers();
    admit(sync("r-1"));

    ASSERT_TRUE(lifecycle_.apply("r-1", RequestEvent::Pause, "operator", "tea"));
    EXPECT_EQ(state("r-1"), RequestState::Paused);
    EXPECT_EQ(get("r-1").reason, "operator");
    EXPECT_EQ(get("r-1").detail["master"], "tea");
    EXPECT_THAT(poll("source"), IsEmpty()) << "a paused request hands out nothing";

    ASSERT_TRUE(lifecycle_.apply("r-1", RequestEvent::Resume));
    EXPECT_EQ(state("r-1"), RequestState::Progress);
    EXPECT_EQ(get("r-1").reason, "");
    EXPECT_EQ(poll("source").size(), 1U);
}

TEST_F(OperatorsWord, OfAPauseLetsWhatIsUnderWayBeReported) {
    const model::Assignment given = given_chunk();
    ASSERT_TRUE(lifecycle_.apply("r-1", RequestEvent::Pause));

    EXPECT_EQ(report(succeeded(given)), "applied");

    EXPECT_EQ(state("r-1"), RequestState::Paused) << "it is for the operator to go on";
    ASSERT_TRUE(lifecycle_.apply("r-1", RequestEvent::Resume));
    tick();
    EXPECT_EQ(state("r-1"), RequestState::Completed);
}

TEST_F(OperatorsWord, OfACancelIsFinal) {
    const model::Assignment given = given_chunk();

    ASSERT_TRUE(lifecycle_.apply("r-1", RequestEvent::Cancel));

    EXPECT_EQ(state("r-1"), RequestState::Cancelled);
    EXPECT_TRUE(get("r-1").finished_at);
    EXPECT_EQ(get("r-1").backlog.outstanding(), 0U);
    EXPECT_EQ(report(succeeded(given)), "lease_lost");
    EXPECT_THAT(poll("source"), IsEmpty());
}

TEST_F(OperatorsWord, ThatTheStateDoesNotAllowIsAConflictThatSaysWhy) {
    admit(sync("r-1"));
    ASSERT_TRUE(lifecycle_.apply("r-1", RequestEvent::Cancel));

    const auto status = lifecycle_.apply("r-1", RequestEvent::Pause);

    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::Conflict);
    EXPECT_THAT(status.error().message, HasSubstr("CANCELLED"));
    EXPECT_THAT(status.error().message, HasSubstr("pause"));
}

TEST_F(OperatorsWord, AboutWhatIsNotThereIsNotFound) {
    EXPECT_EQ(lifecycle_.apply("r-1", RequestEvent::Pause).error().code, Code::NotFound);
    EXPECT_EQ(lifecycle_.forget("r-1").error().code, Code::NotFound);
    EXPECT_EQ(lifecycle_.reassign("r-1", "a").error().code, Code::NotFound);
}

TEST_F(OperatorsWord, IsTakenAlthoughAnotherMasterWasQuicker) {
    admit(sync("r-1"));
    store_.fail("transition", {Code::Conflict, "another revision"}, 3);

    EXPECT_TRUE(lifecycle_.apply("r-1", RequestEvent::Pause));

    EXPECT_EQ(state("r-1"), RequestState::Paused);
}

TEST_F(OperatorsWord, IsNotTriedForEver) {
    admit(sync("r-1"));
    store_.fail("transition", {Code::Conflict, "another revision"}, 1'000'000);

    const auto status = lifecycle_.apply("r-1", RequestEvent::Pause);

    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::Unavailable);
}

TEST_F(OperatorsWord, ToForgetTakesTheRequestAway) {
    const model::Assignment given = given_chunk();

    ASSERT_TRUE(lifecycle_.forget("r-1"));

    EXPECT_FALSE(store_.get("r-1"));
    EXPECT_EQ(report(succeeded(given)), "not_found");
}

// ------------------------------------------------------------------------------------ reassignment

class Reassignment : public ClusterInMemory {
protected:
    void expect_refused(const sdk::WorkerId& worker, const std::string& why) {
        const auto status = lifecycle_.reassign("r-1", worker);
        ASSERT_FALSE(status) << why;
        EXPECT_EQ(status.error().code, Code::InvalidArgument);
        EXPECT_THAT(status.error().message, HasSubstr(why));
    }
};

TEST_F(Reassignment, GivesAQueuedRequestToOneWorkerOnly) {
    add_two_workers();
    add_worker(worker("another", {"/src"}));
    admit(sync("r-1"));

    ASSERT_TRUE(lifecycle_.reassign("r-1", "another"));

    EXPECT_EQ(state("r-1"), RequestState::Queued);
    EXPECT_THAT(poll("source"), IsEmpty());
    EXPECT_EQ(poll("another").size(), 1U);
}

TEST_F(Reassignment, StartsAFailedRequestAnew) {
    model::Assignment given = given_chunk();
    model::AssignmentResult fatal = failed(given, "io_error");
    fatal.fatal = true;
    fatal.effects.counters[Count::BytesCopied] = 5;
    ASSERT_EQ(report(fatal), "applied");
    ASSERT_EQ(state("r-1"), RequestState::Failed);

    ASSERT_TRUE(lifecycle_.reassign("r-1", "source"));

    const sdk::Request anew = get("r-1");
    EXPECT_EQ(anew.state, RequestState::Queued);
    EXPECT_EQ(anew.reason, "");
    EXPECT_EQ(anew.counters, sdk::Counters{});
    EXPECT_FALSE(anew.finished_at);
    EXPECT_EQ(anew.backlog.pending_of(sdk::UnitKind::Listing), 1U);
    EXPECT_EQ(anew.backlog.outstanding(), 1U);
    list("r-1", {});
    EXPECT_EQ(state("r-1"), RequestState::Completed);
}

TEST_F(Reassignment, OfWhatIsUnderWayOrDoneIsRefused) {
    const model::Assignment given = given_chunk();

    expect_refused("source", "PROGRESS");
    ASSERT_EQ(report(succeeded(given)), "applied");
    expect_refused("source", "COMPLETED");
}

TEST_F(Reassignment, ToAWorkerThatCannotDoItIsRefused) {
    add_two_workers();
    admit(sync("r-1"));
    expect_refused("nobody", "'nobody' is not known");
    expect_refused("destination", "does not mount '/src/a'");

    add_worker(worker("source", {"/src"}, "DRAINING"));
    expect_refused("source", "not active");
    add_worker(worker("source", {"/src"}));
    pass(settings_.worker_heartbeat_timeout);
    expect_refused("source", "not active");
    EXPECT_EQ(get("r-1").pinned_worker, "");
}

}  // namespace
}  // namespace godwit::master
