#include "master/results.h"

#include "cluster_in_memory.h"

namespace godwit::master {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ReportedResult : public ClusterInMemory {
protected:
    static model::AssignmentResult of_the_guide(const sdk::RequestId& request,
                                                const sdk::WorkerId& worker, bool success = true) {
        model::AssignmentResult result;
        result.request = request;
        result.worker = worker;
        result.success = success;
        return result;
    }
    std::vector<sdk::FileError> errors() {
        const auto page = store_.errors("r-1", "", 100);
        EXPECT_TRUE(page);
        return page ? page->errors : std::vector<sdk::FileError>{};
    }
    void wait_for_backoff() {
        pass(std::chrono::minutes{1},
             {worker("source", {"/src"}), worker("destination", {"/dst"})});
    }
};

// ---------------------------------------------------------------------------------------- outcomes

TEST_F(ReportedResult, IsAppliedOnceHoweverOftenItIsReported) {
    const model::Assignment given = given_chunk();
    sdk::Effects effects;
    effects.counters[Count::FilesCopied] = 1;
    effects.units.push_back(chunk("more"));

    EXPECT_EQ(report(succeeded(given, effects)), "applied");
    EXPECT_EQ(report(succeeded(given, effects)), "already_done");

    EXPECT_EQ(get("r-1").counters[Count::FilesCopied], 1);
    EXPECT_EQ(get("r-1").backlog.outstanding(), 1U);
}

TEST_F(ReportedResult, OfALeaseThatIsNotHeldChangesNothing) {
    model::Assignment given = given_chunk();
    model::Assignment forged = given;
    ++forged.id.lease.token.number;
    model::Assignment of_nothing = given;
    of_nothing.id.request = "r-2";

    EXPECT_EQ(report(succeeded(forged)), "lease_lost");
    EXPECT_EQ(report(failed(forged, "io_error")), "lease_lost");
    EXPECT_EQ(report(succeeded(of_nothing)), "not_found");
    EXPECT_EQ(report(failed(of_nothing, "io_error")), "not_found");

    EXPECT_EQ(report(succeeded(given)), "applied");
}

TEST_F(ReportedResult, StandsInTheOrderOfTheReport) {
    add_two_workers();
    admit(sync("r-1", "/src/a", "/dst/a"));
    admit(sync("r-2", "/src/b", "/dst/b"));
    const auto given = poll("source");
    ASSERT_EQ(given.size(), 2U);

    const auto outcomes = results_.take({succeeded(given[1]), of_the_guide("r-9", "source"),
                                         failed(given[0], "io_error"), succeeded(given[1])});

    ASSERT_TRUE(outcomes);
    std::vector<std::string> words;
    for (const auto& outcome : *outcomes) words.push_back(outcome.outcome);
    EXPECT_THAT(words, ElementsAre("applied", "not_held", "applied", "already_done"));
    EXPECT_EQ((*outcomes)[0].assignment_id, model::to_string(given[1].id));
    EXPECT_EQ((*outcomes)[1].assignment_id, "");
    EXPECT_EQ((*outcomes)[2].assignment_id, model::to_string(given[0].id));
}

TEST_F(ReportedResult, MayBeOneOfManyMoreThanTheStoreTakesAtOnce) {
    const std::size_t count = store_.info().batch_max + 7;
    add_two_workers();
    admit(sync("r-1"));
    list("r-1", std::vector<sdk::Unit>(count, chunk("file")));
    std::vector<model::AssignmentResult> results;
    while (results.size() < count) {
        const auto given = poll("source", count);
        ASSERT_FALSE(given.empty());
        for (const auto& assignment : given) results.push_back(succeeded(assignment));
    }

    const auto outcomes = results_.take(results);

    ASSERT_TRUE(outcomes) << outcomes.error().message;
    for (const auto& outcome : *outcomes) EXPECT_EQ(outcome.outcome, "applied");
    EXPECT_EQ(state("r-1"), RequestState::Completed);
}

TEST_F(ReportedResult, IsReportedAgainWhenTheStoreDidNotAnswer) {
    const model::Assignment given = given_chunk();
    store_.fail("complete", {Code::UnknownOutcome, "gone"});

    const auto unknown = results_.take({succeeded(given)});

    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, Code::UnknownOutcome);
    EXPECT_EQ(report(succeeded(given)), "applied");
}

// ------------------------------------------------------------------------------- the guide's
// client

TEST_F(ReportedResult, WithoutAnAssignmentIsOfTheOneThatTheWorkerHolds) {
    given_chunk();

    EXPECT_EQ(report(of_the_guide("r-1", "source")), "applied");

    EXPECT_EQ(state("r-1"), RequestState::Completed);
    EXPECT_EQ(get("r-1").counters[Count::FilesCopied], 1) << "all of it was done";
    EXPECT_EQ(get("r-1").counters[Count::BytesCopied], 100);
}

TEST_F(ReportedResult, WithoutAnAssignmentThatTheWorkerHoldsIsNotHeld) {
    given_chunk();

    EXPECT_EQ(report(of_the_guide("r-1", "destination")), "not_held");
    EXPECT_EQ(report(of_the_guide("r-2", "source")), "not_held");

    EXPECT_EQ(get("r-1").backlog.outstanding(), 1U);
}

TEST_F(ReportedResult, WithoutAnAssignmentIsAmbiguousWhereTheWorkerHoldsSeveral) {
    add_two_workers();
    admit(sync("r-1"));
    list("r-1", {chunk("a"), chunk("b")});
    ASSERT_EQ(poll("source").size(), 2U);

    EXPECT_EQ(report(of_the_guide("r-1", "source")), "ambiguous");
    EXPECT_EQ(report(of_the_guide("r-1", "source", false)), "ambiguous");

    EXPECT_EQ(get("r-1").backlog.outstanding(), 2U);
}

TEST_F(ReportedResult, OfAFailureWithoutAnAssignmentCountsAsAnAttempt) {
    given_chunk();

    EXPECT_EQ(report(of_the_guide("r-1", "source", false)), "applied");
    wait_for_backoff();

    const auto again = poll("source");
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].attempt, 2U);
}

// ---------------------------------------------------------------------------------------- failures

TEST_F(ReportedResult, OfAFailureBringsTheUnitBackAfterAWhile) {
    const model::Assignment given = given_chunk();

    ASSERT_EQ(report(failed(given, "io_error")), "applied");

    EXPECT_THAT(poll("source"), IsEmpty()) << "at once it would fail again";
    EXPECT_EQ(state("r-1"), RequestState::Progress);
    wait_for_backoff();
    const auto again = poll("source");
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].unit.label, given.unit.label);
    EXPECT_EQ(again[0].attempt, 2U);
    EXPECT_THAT(errors(), IsEmpty()) << "it is not over yet";
}

TEST_F(ReportedResult, OfEveryAttemptFailedIsOfTheFile) {
    settings_.attempts_max = 3;
    std::vector<model::Assignment> given{given_chunk()};
    for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) {
        ASSERT_EQ(given.size(), 1U);
        EXPECT_EQ(given[0].attempt, attempt);
        ASSERT_EQ(report(failed(given[0], "io_error")), "applied");
        wait_for_backoff();
        given = poll("source");
    }

    EXPECT_THAT(given, IsEmpty());
    EXPECT_EQ(state("r-1"), RequestState::CompletedWithErrors);
    EXPECT_EQ(get("r-1").counters[Count::FilesFailed], 1);
    EXPECT_EQ(get("r-1").counters[Count::BytesFailed], 100);
}

TEST_F(ReportedResult, OfWhatNoRetryCanMendIsFinal) {
    const model::Assignment given = given_chunk();

    ASSERT_EQ(report(failed(given, "permission_denied", false)), "applied");

    EXPECT_EQ(state("r-1"), RequestState::CompletedWithErrors);
    ASSERT_EQ(errors().size(), 1U);
    EXPECT_EQ(errors()[0].code, "permission_denied");
    EXPECT_EQ(errors()[0].message, "permission_denied it was");
}

TEST_F(ReportedResult, HasACodeOfTheClosedListWhateverTheWorkerWrote) {
    const model::Assignment given = given_chunk();
    model::AssignmentResult result = failed(given, "<script>", false);
    result.effects.errors.push_back(result.error);

    ASSERT_EQ(report(result), "applied");

    ASSERT_EQ(errors().size(), 2U);
    for (const sdk::FileError& error : errors()) EXPECT_EQ(error.code, "internal");
}

TEST_F(ReportedResult, SaysWhoAndWhenWhateverTheWorkerWrote) {
    const model::Assignment given = given_chunk();
    model::AssignmentResult result = failed(given, "permission_denied", false);
    result.error.worker = "somebody else";
    result.error.attempt = 99;
    result.error.first_at = base::wall_now() + Millis{1'000'000};
    sdk::FileError of_a_file = result.error;
    of_a_file.message = "of a file";
    result.effects.errors.push_back(of_a_file);
    const auto before = base::wall_now();

    ASSERT_EQ(report(result), "applied");

    ASSERT_EQ(errors().size(), 2U);
    for (const sdk::FileError& error : errors()) {
        EXPECT_EQ(error.worker, "source");
        EXPECT_EQ(error.attempt, 1U);
        EXPECT_GE(error.first_at, before);
        EXPECT_EQ(error.last_at, error.first_at);
    }
}

TEST_F(ReportedResult, OfWhatFailsOnceMoreTellsWhenItFailedFirst) {
    const model::Assignment first = given_chunk();
    EXPECT_FALSE(first.first_failed_at);
    ASSERT_EQ(report(failed(first, "io_error")), "applied");
    wait_for_backoff();
    const auto again = poll("source");
    ASSERT_EQ(again.size(), 1U);
    const model::Assignment& second = again[0];
    ASSERT_TRUE(second.first_failed_at);
    model::AssignmentResult result = failed(second, "permission_denied", false);
    result.error.first_at = *second.first_failed_at - Millis{5};

    ASSERT_EQ(report(result), "applied");

    ASSERT_EQ(errors().size(), 1U);
    EXPECT_EQ(errors()[0].first_at, result.error.first_at);
    EXPECT_GT(errors()[0].last_at, errors()[0].first_at);
}

TEST_F(ReportedResult, OfAFailureKeepsWhatWasDoneAndPutsBackTheRest) {
    const model::Assignment given = given_chunk();
    model::AssignmentResult result = failed(given, "peer_lost");
    result.effects.counters[Count::FilesCopied] = 3;
    result.rest = chunk("the rest", 40);

    ASSERT_EQ(report(result), "applied");
    wait_for_backoff();
    add_worker(worker("other", {"/dst"}));

    EXPECT_EQ(get("r-1").counters[Count::FilesCopied], 3);
    const auto again = poll("source");
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].unit.label, "the rest");
    EXPECT_EQ(again[0].unit.bytes, 40U);
}

TEST_F(ReportedResult, OfAUnitGivenBackIsNoAttempt) {
    const model::Assignment given = given_chunk();
    model::AssignmentResult result = failed(given, "peer_lost");
    result.released = true;

    ASSERT_EQ(report(result), "applied");

    const auto again = poll("source");
    ASSERT_EQ(again.size(), 1U) << "it waits for nothing";
    EXPECT_EQ(again[0].attempt, 1U);
}

TEST_F(ReportedResult, OfAFullDestinationPausesTheRequest) {
    const model::Assignment given = given_chunk();
    model::AssignmentResult result = failed(given, "no_space");
    result.pause = true;

    ASSERT_EQ(report(result), "applied");

    EXPECT_EQ(state("r-1"), RequestState::Paused);
    EXPECT_EQ(get("r-1").reason, "no_space");
    EXPECT_THAT(poll("source"), IsEmpty());
    ASSERT_TRUE(lifecycle_.apply("r-1", RequestEvent::Resume));
    const auto again = poll("source");
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].attempt, 1U) << "a full disk is not the unit's fault";
}

TEST_F(ReportedResult, OfAHopelessUnitFailsTheRequest) {
    const model::Assignment given = given_chunk();
    model::AssignmentResult result = failed(given, "source_missing", false);
    result.fatal = true;

    ASSERT_EQ(report(result), "applied");

    EXPECT_EQ(state("r-1"), RequestState::Failed);
    EXPECT_EQ(get("r-1").reason, "source_missing");
    EXPECT_EQ(get("r-1").detail["master"], "source_missing it was");
}

TEST_F(ReportedResult, ThatWasRefusedChangesNoStateEither) {
    const model::Assignment given = given_chunk();
    ASSERT_EQ(report(succeeded(given)), "applied");
    model::AssignmentResult late = failed(given, "no_space");
    late.pause = late.fatal = true;

    EXPECT_EQ(report(late), "lease_lost");

    EXPECT_EQ(state("r-1"), RequestState::Completed);
}

TEST_F(ReportedResult, OfALostPeerMakesTheMasterAvoidIt) {
    const model::Assignment given = given_chunk();

    ASSERT_EQ(report(failed(given, "io_error")), "applied");
    EXPECT_FALSE(cluster_.is_suspect("destination"));
    wait_for_backoff();
    const auto again = poll("source");
    ASSERT_EQ(again.size(), 1U);
    ASSERT_EQ(report(failed(again[0], "peer_lost")), "applied");

    EXPECT_TRUE(cluster_.is_suspect("destination"));
    EXPECT_FALSE(cluster_.is_suspect("source"));
}

TEST_F(ReportedResult, OfALostPeerSendsTheWorkElsewhereWhateverThatPeerTellsTheMaster) {
    const model::Assignment given = given_chunk();
    ASSERT_EQ(report(failed(given, "peer_lost")), "applied");
    cluster_.absolve("destination");
    wait_for_backoff();

    auto again = poll("source");
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].destination, "destination") << "there is no other";
    ASSERT_EQ(report(failed(again[0], "peer_lost")), "applied");
    cluster_.absolve("destination");
    wait_for_backoff();
    add_worker(worker("other", {"/dst"}));
    ASSERT_TRUE(cluster_.look_closely());

    again = poll("source");
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].destination, "other");
}

TEST_F(ReportedResult, OfAStoppedAgentAccusesNobody) {
    const model::Assignment given = given_chunk();
    model::AssignmentResult stopped = failed(given, "peer_lost");
    stopped.released = true;

    ASSERT_EQ(report(stopped), "applied");

    EXPECT_FALSE(cluster_.is_suspect("destination"));
}

}  // namespace
}  // namespace godwit::master
