// Conformance of StateStore: transitions.
#pragma once

#include "godwit/conformance/state_store/fixture.h"

namespace godwit::conformance {

class StateStoreTransitions : public StateStoreFixture {};

TEST_P(StateStoreTransitions, APinHoldsUntilItIsReplacedOrCleared) {
    create();
    const auto pin = [&](std::optional<std::string> worker) {
        sdk::Transition change;
        change.to = sdk::RequestState::Progress;
        change.pin = std::move(worker);
        ASSERT_TRUE(store_->transition(id_, store_->get(id_)->revision, change));
    };

    pin("worker-a");
    EXPECT_EQ(store_->get(id_)->pinned_worker, "worker-a");
    pin(std::nullopt);
    EXPECT_EQ(store_->get(id_)->pinned_worker, "worker-a");
    pin("");
    EXPECT_EQ(store_->get(id_)->pinned_worker, "");
}

TEST_P(StateStoreTransitions, ReplacesDocumentAndPriorityOnlyWhereTold) {
    create();
    sdk::Transition change;
    change.to = sdk::RequestState::Progress;
    change.document = "{\"other\":1}";
    change.priority = -7;

    transition(change);
    transition_to(sdk::RequestState::Paused);

    EXPECT_EQ(get().document, "{\"other\":1}");
    EXPECT_EQ(get().priority, -7);
    EXPECT_EQ(get().fingerprint, "fingerprint");
}

TEST_P(StateStoreTransitions, AddsToCountersAndForgetsErrorsForAnotherAttempt) {
    create({chunk("bad", 100, 3), chunk("good", 10, 1)});
    ASSERT_TRUE(exhaust(claim_one()).exhausted);
    sdk::Effects effects;
    effects.counters[sdk::Count::FilesCopied] = 1;
    complete(claim_one().ref, effects);
    transition_to(sdk::RequestState::CompletedWithErrors);
    sdk::Transition change;
    change.to = sdk::RequestState::Progress;
    change.add[sdk::Count::FilesFailed] = -3;
    change.add[sdk::Count::BytesFailed] = -1000;  // Counters end at 0.
    change.clear_errors = true;
    change.units = {listing("again")};

    transition(change);

    const sdk::Request request = get();
    EXPECT_EQ(request.counters[sdk::Count::FilesFailed], 0);
    EXPECT_EQ(request.counters[sdk::Count::BytesFailed], 0);
    EXPECT_EQ(request.counters[sdk::Count::FilesCopied], 1);
    EXPECT_EQ(request.error_count, 0u);
    EXPECT_TRUE(errors().empty());
    EXPECT_EQ(labels(claim(10)), std::vector<std::string>{"again"});
}

TEST_P(StateStoreTransitions, WhatPlanningFoundOutFirstStaysThroughARestart) {
    create({listing("/"), listing("/a")});
    sdk::Effects effects;
    effects.resolution = "first";
    sdk::Failure failure = failure_of(claim_one());
    failure.effects = effects;
    ASSERT_EQ(fail(failure).outcome, sdk::Outcome::Applied);
    effects.resolution = "second";
    complete(claim_one().ref, effects);
    transition_to(sdk::RequestState::Failed);
    sdk::Transition change;
    change.to = sdk::RequestState::Queued;
    change.restart = true;

    transition(change);

    EXPECT_EQ(get().resolution, "first");
}

TEST_P(StateStoreTransitions, ATransitionRaisesTheRevision) {
    create();
    const sdk::Revision before = get().revision;

    const sdk::Revision after = transition_to(sdk::RequestState::Progress);

    EXPECT_GT(after, before);
    EXPECT_EQ(get().revision, after);
    EXPECT_EQ(get().state, sdk::RequestState::Progress);
}

TEST_P(StateStoreTransitions, NothingElseRaisesTheRevision) {
    create(chunks(4));
    const sdk::Revision before = get().revision;

    complete(claim_one().ref);
    fail(failure_of(claim_one()));
    renew(claim_one().ref);
    reap_worker(worker_);

    EXPECT_EQ(get().revision, before);
}

TEST_P(StateStoreTransitions, AnOutdatedRevisionIsAConflictAndChangesNothing) {
    create(chunks(1));
    const sdk::Revision old = get().revision;
    transition_to(sdk::RequestState::Progress);
    const sdk::Request before = get();
    sdk::Transition change;
    change.to = sdk::RequestState::Cancelled;
    change.reason = "no";
    change.detail = "no";
    change.restart = true;
    change.units = chunks(3);

    const auto revision = store_->transition(id_, old, change);

    ASSERT_FALSE(revision);
    EXPECT_EQ(revision.error().code, sdk::Code::Conflict);
    const sdk::Request after = get();
    EXPECT_EQ(after.revision, before.revision);
    EXPECT_EQ(after.state, before.state);
    EXPECT_EQ(after.reason, before.reason);
    EXPECT_EQ(after.detail, before.detail);
    EXPECT_EQ(after.started_at, before.started_at);
    EXPECT_EQ(after.backlog.outstanding(), 1u);
}

TEST_P(StateStoreTransitions, ARepeatedTransitionHasTheEffectOfOne) {
    create(chunks(1));
    const sdk::Revision seen = get().revision;
    sdk::Transition change;
    change.to = sdk::RequestState::Queued;
    change.restart = true;
    change.units = chunks(2);
    ASSERT_TRUE(store_->transition(id_, seen, change));

    const auto again = store_->transition(id_, seen, change);

    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, sdk::Code::Conflict);
    EXPECT_EQ(get().backlog.outstanding(), 2u);
}

TEST_P(StateStoreTransitions, EveryStateCanBeReachedAndReadBack) {
    create();
    for (std::size_t i = 0; i < sdk::kRequestStates; ++i) {
        const auto state = static_cast<sdk::RequestState>(i);
        transition_to(state);
        EXPECT_EQ(get().state, state);
    }
}

TEST_P(StateStoreTransitions, TheReasonIsReplacedAndTheMastersDetailIsKeptUntilThereIsAnother) {
    create();
    sdk::Transition change;
    change.to = sdk::RequestState::Paused;
    change.reason = "no_space";
    change.detail = "the disk\n is \xff full";
    transition(change);
    EXPECT_EQ(get().reason, "no_space");
    EXPECT_EQ(get().detail.at("master"), "the disk\n is \xff full");

    transition_to(sdk::RequestState::Progress);

    EXPECT_EQ(get().reason, "");
    EXPECT_EQ(get().detail.at("master"), "the disk\n is \xff full");
}

TEST_P(StateStoreTransitions, TheFirstProgressSetsWhenItStarted) {
    create();
    EXPECT_FALSE(get().started_at);

    transition_to(sdk::RequestState::Progress);
    const auto started = get().started_at;
    ASSERT_TRUE(started);
    EXPECT_GE(*started, get().created_at);
    transition_to(sdk::RequestState::Paused);
    // The clock must move on, so that a second setting would show.
    ASSERT_TRUE(eventually([&] {
        transition_to(sdk::RequestState::Queued);
        return get().updated_at > *started || HasFailure();
    }));
    transition_to(sdk::RequestState::Progress);

    EXPECT_EQ(get().started_at, started);
}

TEST_P(StateStoreTransitions, ATerminalStateDropsUnitsLeasesAndGroups) {
    sdk::Unit part = chunk("part");
    part.group = 5;
    create({listing("/"), part, chunk("leased")});
    const sdk::Lease lease = claim_one();

    transition_to(sdk::RequestState::Cancelled);

    const sdk::Request request = get();
    ASSERT_TRUE(request.finished_at);
    EXPECT_GE(*request.finished_at, request.created_at);
    EXPECT_EQ(request.backlog.outstanding(), 0u);
    EXPECT_EQ(request.backlog.bytes_pending, 0u);
    EXPECT_TRUE(request.holders.empty());
    EXPECT_TRUE(store_->leases(id_, worker_)->empty());
    EXPECT_TRUE(claim(10).empty());
    EXPECT_TRUE(reap_worker(worker_).empty());
    EXPECT_EQ(complete(lease.ref), sdk::Outcome::LeaseLost);
    EXPECT_EQ(fail(failure_of(lease)).outcome, sdk::Outcome::LeaseLost);
    EXPECT_EQ(renew(lease.ref), sdk::Outcome::LeaseLost);
}

TEST_P(StateStoreTransitions, ATerminalRequestStillKnowsWhatWasCompletedBefore) {
    create(chunks(1));
    const sdk::Lease lease = claim_one();
    ASSERT_EQ(complete(lease.ref), sdk::Outcome::Applied);

    transition_to(sdk::RequestState::Completed);

    EXPECT_EQ(complete(lease.ref), sdk::Outcome::AlreadyDone);
}

TEST_P(StateStoreTransitions, GroupsOfBeforeATerminalStateAreForgotten) {
    sdk::Unit part = chunk("part");
    part.group = 5;
    create({chunk("opener"), part});
    sdk::Effects effects;
    effects.groups.push_back({5, 1, unit_of(sdk::UnitKind::Publish, "then")});
    ASSERT_EQ(complete(claim_one().ref, effects), sdk::Outcome::Applied);
    transition_to(sdk::RequestState::Failed);
    sdk::Transition restart;
    restart.to = sdk::RequestState::Queued;
    restart.restart = true;
    restart.units = {part};
    transition(restart);

    ASSERT_EQ(complete(claim_one().ref), sdk::Outcome::Applied);

    EXPECT_TRUE(claim(10).empty());
}

TEST_P(StateStoreTransitions, ARestartClearsWhatWasAndTakesTheNewUnits) {
    create({chunk("failing"), chunk("old"), chunk("held")});
    transition_to(sdk::RequestState::Progress);
    sdk::Failure failure = failure_of(claim_one(), 1);
    failure.message = "it failed";
    fail(failure);
    const sdk::Lease held = claim_one();
    transition_to(sdk::RequestState::Failed);
    ASSERT_EQ(get().error_count, 1u);
    sdk::Transition restart;
    restart.to = sdk::RequestState::Queued;
    restart.restart = true;
    restart.units = {listing("anew"), listing("and more")};

    transition(restart);

    const sdk::Request request = get();
    EXPECT_EQ(request.state, sdk::RequestState::Queued);
    EXPECT_EQ(request.counters, sdk::Counters{});
    EXPECT_EQ(request.error_count, 0u);
    EXPECT_TRUE(request.detail.empty());
    EXPECT_FALSE(request.started_at);
    EXPECT_FALSE(request.finished_at);
    EXPECT_TRUE(errors().empty());
    EXPECT_EQ(request.backlog.outstanding(), 2u);
    EXPECT_EQ(complete(held.ref), sdk::Outcome::LeaseLost);
    EXPECT_EQ(labels(claim(10)), (std::vector<std::string>{"anew", "and more"}));
}

TEST_P(StateStoreTransitions, ARestartOfAnActiveRequestTakesItsLeasesAway) {
    create(chunks(2));
    const sdk::Lease held = claim_one();
    sdk::Transition restart;
    restart.to = sdk::RequestState::Progress;
    restart.restart = true;
    restart.units = {chunk("anew")};

    transition(restart);

    EXPECT_EQ(complete(held.ref), sdk::Outcome::LeaseLost);
    EXPECT_TRUE(get().holders.empty());
    EXPECT_TRUE(get().started_at);
    const auto leases = claim(10);
    ASSERT_EQ(labels(leases), std::vector<std::string>{"anew"});
    EXPECT_NE(leases.front().ref.token, held.ref.token);
    EXPECT_NE(leases.front().ref.unit, held.ref.unit);
}

TEST_P(StateStoreTransitions, APausedRequestHandsOutNothingAndTakesResults) {
    create(chunks(2));
    const sdk::Lease lease = claim_one();

    transition_to(sdk::RequestState::Paused);

    EXPECT_TRUE(claim(10).empty());
    EXPECT_EQ(renew(lease.ref), sdk::Outcome::Applied);
    sdk::Effects effects;
    effects.counters[sdk::Count::FilesCopied] = 1;
    EXPECT_EQ(complete(lease.ref, effects), sdk::Outcome::Applied);
    EXPECT_EQ(counter(sdk::Count::FilesCopied), 1);
    transition_to(sdk::RequestState::Queued);
    EXPECT_EQ(claim(10).size(), 1u);
}

}  // namespace godwit::conformance
