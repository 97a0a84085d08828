// Conformance of StateStore: deadlines, renewal and reaping.
#pragma once

#include <algorithm>

#include "godwit/conformance/state_store/fixture.h"

namespace godwit::conformance {

class StateStoreLeases : public StateStoreFixture {
protected:
    std::vector<sdk::Lease> claim_shortly(std::size_t units_max) {
        sdk::ClaimSpec spec = claim_spec(units_max);
        spec.lease = kShortLease;
        return claim(spec);
    }
};

TEST_P(StateStoreLeases, ALeasePastItsDeadlineIsReapedAndItsUnitComesAgain) {
    create(chunks(1));
    const auto lost = claim_shortly(1);
    ASSERT_EQ(lost.size(), 1u);

    const auto reaped = reap_expired(1);

    ASSERT_EQ(reaped.size(), 1u);
    EXPECT_EQ(reaped[0].lease.ref, lost[0].ref);
    EXPECT_EQ(reaped[0].lease.worker, worker_);
    EXPECT_EQ(reaped[0].lease.unit.label, lost[0].unit.label);
    EXPECT_FALSE(reaped[0].exhausted);
    EXPECT_TRUE(get().holders.empty());
    const sdk::Lease again = claim_one();
    EXPECT_EQ(again.ref.unit, lost[0].ref.unit);
    EXPECT_GT(again.ref.token, lost[0].ref.token);
    EXPECT_EQ(again.attempt, 1u) << "a loss is no failure of the unit";
}

TEST_P(StateStoreLeases, AReapedLeaseCanDoNothingAnyMore) {
    create(chunks(1));
    const auto lost = claim_shortly(1);
    ASSERT_EQ(reap_expired(1).size(), 1u);
    sdk::Effects effects;
    effects.counters[sdk::Count::FilesCopied] = 1;
    effects.units = chunks(3);
    effects.errors.resize(1);

    for (int holder = 0; holder < 2; ++holder) {
        EXPECT_EQ(complete(lost[0].ref, effects), sdk::Outcome::LeaseLost);
        EXPECT_EQ(fail(failure_of(lost[0], 1)).outcome, sdk::Outcome::LeaseLost);
        EXPECT_EQ(renew(lost[0].ref), sdk::Outcome::LeaseLost);
        if (holder == 0) claim_one();  // Once more while somebody else has the unit.
    }

    EXPECT_EQ(counter(sdk::Count::FilesCopied), 0);
    EXPECT_EQ(get().error_count, 0u);
    EXPECT_EQ(get().backlog.leased_of(sdk::UnitKind::Chunk), 1u);
    EXPECT_EQ(get().backlog.outstanding(), 1u);
}

TEST_P(StateStoreLeases, ALeaseBeforeItsDeadlineIsNotReaped) {
    create(chunks(2));
    claim(1);
    claim_shortly(1);

    EXPECT_EQ(reap_expired(1).size(), 1u);

    EXPECT_TRUE(reap({}).empty());
    EXPECT_EQ(get().backlog.leased_of(sdk::UnitKind::Chunk), 1u);
}

TEST_P(StateStoreLeases, RenewalMovesTheDeadline) {
    create(chunks(2));
    const auto leases = claim_shortly(2);
    ASSERT_EQ(leases.size(), 2u);

    ASSERT_EQ(renew(leases[0].ref), sdk::Outcome::Applied);

    const auto reaped = reap_expired(1);
    ASSERT_EQ(reaped.size(), 1u);
    EXPECT_EQ(reaped[0].lease.ref, leases[1].ref);
    EXPECT_TRUE(reap({}).empty());
    EXPECT_EQ(complete(leases[0].ref), sdk::Outcome::Applied);
}

TEST_P(StateStoreLeases, ALeasePastItsDeadlineThatWasNotReapedIsStillHeld) {
    create(chunks(3));
    const auto expired = claim_shortly(2);
    const auto witness = claim_shortly(1);
    ASSERT_EQ(expired.size(), 2u);
    ASSERT_EQ(witness.size(), 1u);
    // Once one that was claimed later can be reaped, the others are past their deadline as well.
    sdk::ReapSpec one;
    one.limit = 1;
    std::vector<sdk::Reaped> first;
    ASSERT_TRUE(eventually([&] { return !(first = reap(one)).empty() || HasFailure(); }));
    ASSERT_EQ(first.size(), 1u);

    std::size_t applied = 0;
    for (const sdk::Lease& lease : {expired[0], expired[1], witness[0]}) {
        const bool taken = lease.ref == first[0].lease.ref;
        const sdk::Outcome outcome = renew(lease.ref);
        EXPECT_EQ(outcome, taken ? sdk::Outcome::LeaseLost : sdk::Outcome::Applied);
        if (outcome == sdk::Outcome::Applied) ++applied;
    }
    EXPECT_EQ(applied, 2u);
    EXPECT_TRUE(reap({}).empty());
}

TEST_P(StateStoreLeases, RenewalTellsForEachLeaseWhetherItIsHeld) {
    create(chunks(3));
    const auto leases = claim(3);
    ASSERT_EQ(leases.size(), 3u);
    complete(leases[1].ref);
    sdk::LeaseRef forged = leases[0].ref;
    ++forged.token.epoch;
    const std::vector<sdk::LeaseRef> items{leases[0].ref, leases[1].ref, forged, leases[2].ref};

    for (int round = 0; round < 2; ++round) {
        const auto outcomes = store_->renew(id_, items, kLongLease);
        ASSERT_TRUE(outcomes) << outcomes.error().message;
        ASSERT_EQ(outcomes->size(), 4u);
        EXPECT_EQ((*outcomes)[0], sdk::Outcome::Applied);
        EXPECT_NE((*outcomes)[1], sdk::Outcome::Applied);
        EXPECT_EQ((*outcomes)[2], sdk::Outcome::LeaseLost);
        EXPECT_EQ((*outcomes)[3], sdk::Outcome::Applied);
    }
}

TEST_P(StateStoreLeases, AWorkersLeasesCanBeTakenWhateverTheirDeadline) {
    create(chunks(4));
    claim(2);
    sdk::ClaimSpec spec = claim_spec(2);
    spec.worker = worker_ + "-2";  // Shares a prefix with the other one.
    claim(spec);

    EXPECT_EQ(reap_worker(worker_).size(), 2u);
    EXPECT_TRUE(reap_worker(worker_).empty());

    const std::map<sdk::WorkerId, std::uint32_t> left{{spec.worker, 2}};
    EXPECT_EQ(get().holders, left);
    EXPECT_TRUE(store_->leases(id_, worker_)->empty());
    EXPECT_EQ(store_->leases(id_, spec.worker)->size(), 2u);
}

TEST_P(StateStoreLeases, NoMoreThanTheLimitIsReapedAtOnce) {
    create(chunks(5));
    claim(5);
    sdk::ReapSpec spec;
    spec.worker = worker_;
    spec.limit = 2;

    EXPECT_EQ(reap(spec).size(), 2u);
    EXPECT_EQ(reap(spec).size(), 2u);
    EXPECT_EQ(reap(spec).size(), 1u);
    EXPECT_TRUE(reap(spec).empty());
}

TEST_P(StateStoreLeases, TheLeasesOfAWorkerAreThoseItHolds) {
    create(chunks(3));
    const auto leases = claim(2);
    ASSERT_EQ(leases.size(), 2u);
    complete(leases[0].ref);

    const auto held = store_->leases(id_, worker_);

    ASSERT_TRUE(held) << held.error().message;
    ASSERT_EQ(held->size(), 1u);
    EXPECT_EQ(held->front().ref, leases[1].ref);
    EXPECT_EQ(held->front().worker, worker_);
    EXPECT_EQ(held->front().attempt, 1u);
    EXPECT_EQ(held->front().unit, leases[1].unit);
}

TEST_P(StateStoreLeases, AUnitThatIsLostTooOftenEndsAsFailed) {
    create({chunk("killer", 100, 2)});
    sdk::ReapSpec spec;
    spec.worker = worker_;
    spec.losses_max = 3;
    for (int loss = 1; loss <= 3; ++loss) {
        const sdk::Lease lease = claim_one();
        EXPECT_EQ(lease.attempt, 1u);
        const auto reaped = reap(spec);
        ASSERT_EQ(reaped.size(), 1u);
        EXPECT_EQ(reaped[0].exhausted, loss == 3);
    }

    EXPECT_TRUE(claim(10).empty());
    const sdk::Request request = get();
    EXPECT_EQ(request.counters[sdk::Count::FilesFailed], 2);
    EXPECT_EQ(request.counters[sdk::Count::BytesFailed], 100);
    EXPECT_EQ(request.error_count, 1u);
    const auto recorded = errors();
    ASSERT_EQ(recorded.size(), 1u);
    EXPECT_EQ(recorded[0].code, "worker_lost");
    EXPECT_EQ(recorded[0].path, "killer");
    EXPECT_EQ(recorded[0].worker, worker_);
    EXPECT_GT(recorded[0].last_at, sdk::WallTime{});
}

TEST_P(StateStoreLeases, FailuresAndLossesAreCountedApart) {
    create(chunks(1));
    sdk::ReapSpec spec;
    spec.worker = worker_;
    spec.losses_max = 2;
    ASSERT_FALSE(fail(failure_of(claim_one(), 3)).exhausted);
    claim_one();
    ASSERT_FALSE(reap(spec).at(0).exhausted);
    ASSERT_FALSE(fail(failure_of(claim_one(), 3)).exhausted);

    const sdk::Lease third = claim_one();
    EXPECT_EQ(third.attempt, 3u);
    const auto reaped = reap(spec);

    ASSERT_EQ(reaped.size(), 1u);
    EXPECT_TRUE(reaped[0].exhausted);
}

TEST_P(StateStoreLeases, AReapedUnitGoesToTheFrontOfItsKind) {
    create({chunk("first"), chunk("second")});
    claim_one();
    ASSERT_EQ(reap_worker(worker_).size(), 1u);

    EXPECT_EQ(claim_one().unit.label, "first");
}

}  // namespace godwit::conformance
