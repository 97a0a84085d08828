// Conformance of StateStore: who gets which unit, and in what order.
#pragma once

#include "godwit/conformance/state_store/fixture.h"

namespace godwit::conformance {

class StateStoreClaims : public StateStoreFixture {
protected:
    static sdk::Unit at_stage(sdk::Unit unit, std::uint32_t stage) {
        unit.stage = stage;
        return unit;
    }
    static sdk::Unit at_rank(sdk::Unit unit, std::uint32_t rank) {
        unit.rank = rank;
        return unit;
    }
};

TEST_P(StateStoreClaims, ALeaseCarriesTheWholeUnit) {
    using namespace std::string_literals;
    sdk::Unit unit;
    unit.kind = sdk::UnitKind::Chunk;
    unit.stage = 0xFFFF'FFFF;
    unit.rank = 0xFFFF'FFFF;
    unit.group = 0xFFFF'FFFF'FFFF'FFFF;
    unit.offset = 0x7FFF'FFFF'FFFF'FFFF;
    unit.bytes = (std::uint64_t{1} << 53) + 1;
    unit.files = 3;
    unit.label = "a\0b\xff\n"s;
    unit.payload = "\0\xff\r\n\x80 payload\0"s;
    create({unit});

    const auto leases = claim(10);

    ASSERT_EQ(leases.size(), 1u);
    EXPECT_EQ(leases[0].unit, unit);
    EXPECT_EQ(leases[0].worker, worker_);
    EXPECT_EQ(leases[0].attempt, 1u);
    EXPECT_FALSE(leases[0].discard);
    const auto held = store_->leases(id_, worker_);
    ASSERT_TRUE(held) << held.error().message;
    ASSERT_EQ(held->size(), 1u);
    EXPECT_EQ(held->front().ref, leases[0].ref);
    EXPECT_EQ(held->front().unit, unit);
}

TEST_P(StateStoreClaims, APayloadMayBeAsLargeAsPromisedAndNoLarger) {
    sdk::Unit unit = chunk("large");
    unit.payload.assign(sdk::kPayloadBytesMax + 1, '\xfe');
    const auto refused = store_->create(new_request(id_, {unit}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, sdk::Code::InvalidArgument);
    EXPECT_FALSE(store_->get(id_)) << "a refused request was created";
    unit.payload.pop_back();
    create({unit});

    EXPECT_EQ(claim_one().unit.payload, unit.payload);
}

TEST_P(StateStoreClaims, AClaimOfNothingIsEmpty) {
    create(chunks(1));

    EXPECT_TRUE(claim(0).empty());
    EXPECT_EQ(claim(10).size(), 1u);
    EXPECT_TRUE(claim(10).empty());
}

TEST_P(StateStoreClaims, NoMoreThanAskedForIsHandedOut) {
    create(chunks(5));

    EXPECT_EQ(claim(2).size(), 2u);
    EXPECT_EQ(claim(2).size(), 2u);
    EXPECT_EQ(claim(2).size(), 1u);
}

TEST_P(StateStoreClaims, NoMoreThanABatchIsHandedOut) {
    const std::size_t batch_max = store_->info().batch_max;
    create(chunks(batch_max + 1));

    const std::size_t count = claim(batch_max + 1).size();

    EXPECT_GE(count, 1u);
    EXPECT_LE(count, batch_max);
}

TEST_P(StateStoreClaims, KindsComeAsPublishChunkListingDirectories) {
    create({unit_of(sdk::UnitKind::Directories, "d"), listing("l"), chunk("c"),
            unit_of(sdk::UnitKind::Publish, "p")});

    EXPECT_EQ(labels(claim(10)), (std::vector<std::string>{"p", "c", "l", "d"}));
}

TEST_P(StateStoreClaims, WithinAKindLowerRanksComeFirst) {
    create({at_rank(chunk("third"), 10), at_rank(chunk("second"), 9), at_rank(chunk("first"), 0),
            at_rank(listing("fifth"), 4'000'000'000), at_rank(listing("fourth"), 2)});

    EXPECT_EQ(labels(claim(10)),
              (std::vector<std::string>{"first", "second", "third", "fourth", "fifth"}));
}

TEST_P(StateStoreClaims, WithinARankTheOldestComesFirst) {
    create(chunks(12));

    std::vector<std::string> order;
    for (int i = 0; i < 12; ++i) order.push_back(claim_one().unit.label);

    for (int i = 0; i < 12; ++i) EXPECT_EQ(order[i], "chunk " + std::to_string(i));
}

TEST_P(StateStoreClaims, AHigherStageWaitsUntilTheLowerOneHasEnded) {
    create({at_stage(chunk("late"), 70'000), at_stage(chunk("later"), 4'000'000'000),
            at_stage(chunk("early"), 3)});
    EXPECT_EQ(get().backlog.stage, 3u);
    const auto early = claim(10);
    ASSERT_EQ(labels(early), std::vector<std::string>{"early"});
    EXPECT_TRUE(claim(10).empty()) << "a unit of the lower stage is still leased";

    ASSERT_EQ(complete(early[0].ref), sdk::Outcome::Applied);

    EXPECT_EQ(get().backlog.stage, 70'000u);
    const auto late = claim(10);
    ASSERT_EQ(labels(late), std::vector<std::string>{"late"});
    ASSERT_EQ(complete(late[0].ref), sdk::Outcome::Applied);
    EXPECT_EQ(labels(claim(10)), std::vector<std::string>{"later"});
}

TEST_P(StateStoreClaims, AUnitThatWaitsForItsBackoffHoldsItsStage) {
    create({at_stage(chunk("early"), 0), at_stage(chunk("late"), 1)});
    sdk::Failure failure = failure_of(claim_one());
    failure.backoff = kLongLease;

    ASSERT_EQ(fail(failure).outcome, sdk::Outcome::Applied);

    EXPECT_EQ(get().backlog.stage, 0u);
    EXPECT_TRUE(claim(10).empty());
}

TEST_P(StateStoreClaims, AUnitOfALowerStageGoesBeforeThoseThatWereThereBefore) {
    create({at_stage(chunk("first"), 5), at_stage(chunk("other"), 5)});
    sdk::Effects effects;
    effects.units = {at_stage(chunk("urgent"), 1)};

    ASSERT_EQ(complete(claim_one().ref, effects), sdk::Outcome::Applied);

    EXPECT_EQ(get().backlog.stage, 1u);
    EXPECT_EQ(labels(claim(10)), std::vector<std::string>{"urgent"});
}

TEST_P(StateStoreClaims, ListingsWaitWhileThePlanningWindowIsFull) {
    create({listing("listing"), chunk("one"), chunk("two"), unit_of(sdk::UnitKind::Directories)});
    // Neither chunk can be handed out to this worker: both stay pending.
    for (const sdk::Lease& lease : claim(2)) fail(failure_of(lease));
    sdk::ClaimSpec spec = claim_spec(10);
    spec.avoid_own_failures = true;
    spec.planning_window = 2;
    EXPECT_EQ(labels(claim(spec)), std::vector<std::string>{"label"}) << "only the directories";

    spec.planning_window = 3;

    EXPECT_EQ(labels(claim(spec)), std::vector<std::string>{"listing"});
}

TEST_P(StateStoreClaims, AClosedPlanningWindowStillHandsOutChunks) {
    create({listing("listing"), chunk("one"), chunk("two"), chunk("three")});
    sdk::ClaimSpec spec = claim_spec(2);
    spec.planning_window = 1;

    EXPECT_EQ(labels(claim(spec)), (std::vector<std::string>{"one", "two"}));
    claim_one();
    EXPECT_EQ(labels(claim(spec)), std::vector<std::string>{"listing"}) << "no chunk is pending";
}

TEST_P(StateStoreClaims, AWorkerCanPassOverWhatItFailedOn) {
    create({chunk("mine"), chunk("other")});
    sdk::ClaimSpec spec = claim_spec(1);
    spec.avoid_own_failures = true;
    const auto first = claim(spec);
    ASSERT_EQ(labels(first), std::vector<std::string>{"mine"});
    ASSERT_EQ(fail(failure_of(first[0])).outcome, sdk::Outcome::Applied);
    EXPECT_EQ(labels(claim(spec)), std::vector<std::string>{"other"});
    EXPECT_TRUE(claim(spec).empty());

    sdk::ClaimSpec another = spec;
    another.worker = fresh_id("worker");
    const auto taken = claim(another);

    ASSERT_EQ(labels(taken), std::vector<std::string>{"mine"});
    EXPECT_EQ(taken[0].attempt, 2u);
    // The last one to fail is the other one now.
    ASSERT_EQ(fail(failure_of(taken[0])).outcome, sdk::Outcome::Applied);
    EXPECT_TRUE(claim(another).empty());
    EXPECT_EQ(labels(claim(spec)), std::vector<std::string>{"mine"});
}

TEST_P(StateStoreClaims, AWorkerGetsItsOwnFailuresUnlessItAsksNotTo) {
    create(chunks(1));
    ASSERT_EQ(fail(failure_of(claim_one())).outcome, sdk::Outcome::Applied);

    EXPECT_EQ(claim_one().attempt, 2u);
}

TEST_P(StateStoreClaims, ManyOwnFailuresInFrontDoNotHideTheRest) {
    create(chunks(120));
    for (const sdk::Lease& lease : claim(16)) fail(failure_of(lease));
    for (int round = 0; round < 6; ++round) {
        sdk::ClaimSpec more = claim_spec(16);
        more.avoid_own_failures = true;
        for (const sdk::Lease& lease : claim(more)) fail(failure_of(lease));
    }
    sdk::ClaimSpec spec = claim_spec(16);
    spec.avoid_own_failures = true;

    EXPECT_EQ(claim(spec).size(), 8u);
}

TEST_P(StateStoreClaims, TokensAndUnitIdsAreNeverHandedOutTwice) {
    create(chunks(3));
    std::set<sdk::Token> tokens;
    std::set<std::uint64_t> units;
    sdk::Token last;
    for (int round = 0; round < 5; ++round) {
        for (const sdk::Lease& lease : claim(3)) {
            EXPECT_TRUE(tokens.insert(lease.ref.token).second);
            EXPECT_GT(lease.ref.token, last);
            last = lease.ref.token;
            units.insert(lease.ref.unit);
        }
        EXPECT_EQ(reap_worker(worker_).size(), 3u);
    }

    EXPECT_EQ(tokens.size(), 15u);
    EXPECT_EQ(units.size(), 3u);
}

// Whoever asks with an older picture of the request gets nothing of it.
TEST_P(StateStoreClaims, APinnedRequestIsClaimedByItsWorkerOnly) {
    create(chunks(2));
    const auto pin = [&](const sdk::WorkerId& worker) {
        sdk::Transition change;
        change.to = sdk::RequestState::Queued;
        change.pin = worker;
        transition(change);
    };

    pin(fresh_id("other"));
    EXPECT_TRUE(claim(2).empty());
    pin(worker_);
    EXPECT_EQ(claim(1).size(), 1u);
    pin("");
    EXPECT_EQ(claim(2).size(), 1u);
}

TEST_P(StateStoreClaims, TheBacklogFollowsTheUnits) {
    sdk::Unit publish = unit_of(sdk::UnitKind::Publish);
    publish.bytes = 7;  // Not what bytes_pending speaks of.
    create({chunk("one", 100), chunk("two", 20), listing("l"), publish});
    sdk::Backlog backlog = get().backlog;
    EXPECT_EQ(backlog.pending_of(sdk::UnitKind::Chunk), 2u);
    EXPECT_EQ(backlog.pending_of(sdk::UnitKind::Listing), 1u);
    EXPECT_EQ(backlog.pending_of(sdk::UnitKind::Publish), 1u);
    EXPECT_EQ(backlog.bytes_pending, 120u);
    EXPECT_EQ(backlog.outstanding(), 4u);

    const auto leases = claim(2);  // The publish and the chunk of 100 bytes.

    backlog = get().backlog;
    EXPECT_EQ(backlog.leased_of(sdk::UnitKind::Publish), 1u);
    EXPECT_EQ(backlog.leased_of(sdk::UnitKind::Chunk), 1u);
    EXPECT_EQ(backlog.pending_of(sdk::UnitKind::Chunk), 1u);
    EXPECT_EQ(backlog.bytes_pending, 20u);
    EXPECT_EQ(backlog.outstanding(), 4u);

    ASSERT_EQ(leases.size(), 2u);
    complete(leases[0].ref);
    fail(failure_of(leases[1]));

    backlog = get().backlog;
    EXPECT_EQ(backlog.outstanding_of(sdk::UnitKind::Publish), 0u);
    EXPECT_EQ(backlog.leased_of(sdk::UnitKind::Chunk), 0u);
    EXPECT_EQ(backlog.bytes_pending, 120u);
    EXPECT_EQ(backlog.outstanding(), 3u);
}

TEST_P(StateStoreClaims, HoldersAreCountedByWorker) {
    create(chunks(5));
    const auto mine = claim(2);
    sdk::ClaimSpec spec = claim_spec(3);
    spec.worker = fresh_id("worker");
    const auto others = claim(spec);
    const std::map<sdk::WorkerId, std::uint32_t> both{{worker_, 2}, {spec.worker, 3}};
    EXPECT_EQ(get().holders, both);

    complete(mine[0].ref);
    fail(failure_of(mine[1]));
    complete(others[0].ref);

    const std::map<sdk::WorkerId, std::uint32_t> one{{spec.worker, 2}};
    EXPECT_EQ(get().holders, one);
}

TEST_P(StateStoreClaims, ClaimsThatMakeNoSenseAreRefused) {
    create(chunks(1));
    sdk::ClaimSpec nobody = claim_spec();
    nobody.worker = "";
    sdk::ClaimSpec never = claim_spec();
    never.lease = sdk::Millis{0};

    for (const sdk::ClaimSpec& spec : {nobody, never}) {
        const auto leases = store_->claim(id_, spec);
        ASSERT_FALSE(leases);
        EXPECT_EQ(leases.error().code, sdk::Code::InvalidArgument);
    }
    EXPECT_EQ(get().backlog.leased_of(sdk::UnitKind::Chunk), 0u);
}

TEST_P(StateStoreClaims, NoMoreWorkersThanAllowedHoldLeases) {
    create(chunks(4));
    sdk::ClaimSpec first = claim_spec();
    first.workers_max = 1;
    sdk::ClaimSpec second = first;
    second.worker = fresh_id("worker");
    const auto held = claim(first);
    ASSERT_EQ(held.size(), 1u);

    EXPECT_TRUE(claim(second).empty());
    EXPECT_EQ(claim(first).size(), 1u) << "who holds one may have more";
    complete(held.front().ref);
    EXPECT_TRUE(claim(second).empty()) << "the first one still holds one";
    reap_worker(worker_);

    EXPECT_EQ(claim(second).size(), 1u);
}

TEST_P(StateStoreClaims, OfAnotherRequestWithThisIdGiveNothing) {
    create(chunks(1));
    sdk::ClaimSpec spec = claim_spec();
    spec.generation = get().generation + 1;

    const auto leases = store_->claim(id_, spec);

    ASSERT_FALSE(leases);
    EXPECT_EQ(leases.error().code, sdk::Code::NotFound);
    spec.generation = get().generation;
    EXPECT_EQ(claim(spec).size(), 1u);
}

}  // namespace godwit::conformance
