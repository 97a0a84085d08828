// Conformance of StateStore: fail, attempts and backoff.
#pragma once

#include "godwit/conformance/state_store/fixture.h"

namespace godwit::conformance {

class StateStoreFailures : public StateStoreFixture {};

TEST_P(StateStoreFailures, AFailedUnitComesAgainAsTheNextAttempt) {
    create(chunks(1));
    const sdk::Lease first = claim_one();

    const sdk::FailReply reply = fail(failure_of(first));

    EXPECT_EQ(reply.outcome, sdk::Outcome::Applied);
    EXPECT_FALSE(reply.exhausted);
    EXPECT_EQ(get().error_count, 0u);
    const sdk::Lease second = claim_one();
    EXPECT_EQ(second.ref.unit, first.ref.unit);
    EXPECT_NE(second.ref.token, first.ref.token);
    EXPECT_EQ(second.attempt, 2u);
    EXPECT_EQ(second.unit, first.unit);
}

TEST_P(StateStoreFailures, AUnitDoesNotComeBeforeItsBackoffHasPassed) {
    create(chunks(1));
    sdk::Failure failure = failure_of(claim_one());
    failure.backoff = kLongLease;

    ASSERT_EQ(fail(failure).outcome, sdk::Outcome::Applied);

    EXPECT_EQ(get().backlog.pending_of(sdk::UnitKind::Chunk), 1u);
    EXPECT_TRUE(claim(10).empty());
}

TEST_P(StateStoreFailures, AUnitComesWhenItsBackoffHasPassed) {
    create({chunk("failed"), chunk("other")});
    sdk::Failure failure = failure_of(claim_one());
    failure.backoff = sdk::Millis{200};
    const auto failed_at = std::chrono::steady_clock::now();
    ASSERT_EQ(fail(failure).outcome, sdk::Outcome::Applied);
    EXPECT_EQ(labels(claim(10)), std::vector<std::string>{"other"});

    std::vector<sdk::Lease> leases;
    ASSERT_TRUE(eventually([&] { return !(leases = claim(10)).empty() || HasFailure(); }));

    EXPECT_EQ(labels(leases), std::vector<std::string>{"failed"});
    // A store may count in whole milliseconds.
    EXPECT_GE(std::chrono::steady_clock::now() - failed_at, sdk::Millis{198});
}

TEST_P(StateStoreFailures, AReleasedUnitIsBackInFrontAndNoAttemptIsCounted) {
    create({chunk("first"), chunk("second"), listing("last")});
    sdk::Failure failure = failure_of(claim_one(), 1);
    failure.released = true;
    failure.backoff = kLongLease;

    const sdk::FailReply reply = fail(failure);

    EXPECT_EQ(reply.outcome, sdk::Outcome::Applied);
    EXPECT_FALSE(reply.exhausted);
    EXPECT_EQ(get().error_count, 0u);
    const sdk::Lease again = claim_one();
    EXPECT_EQ(again.unit.label, "first");
    EXPECT_EQ(again.attempt, 1u);
}

TEST_P(StateStoreFailures, AReleaseIsNoFailureOfTheWorker) {
    create(chunks(1));
    sdk::Failure failure = failure_of(claim_one());
    failure.released = true;
    ASSERT_EQ(fail(failure).outcome, sdk::Outcome::Applied);
    sdk::ClaimSpec spec = claim_spec();
    spec.avoid_own_failures = true;

    EXPECT_EQ(claim(spec).size(), 1u);
}

TEST_P(StateStoreFailures, AttemptsAreUsedUpExactlyWhenTheLimitIsReached) {
    create({chunk("file", 100, 3)});
    for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) {
        const sdk::Lease lease = claim_one();
        EXPECT_EQ(lease.attempt, attempt);
        const sdk::FailReply reply = fail(failure_of(lease, 3));
        EXPECT_EQ(reply.outcome, sdk::Outcome::Applied);
        EXPECT_EQ(reply.exhausted, attempt == 3);
    }

    EXPECT_TRUE(claim(10).empty());
    const sdk::Request request = get();
    EXPECT_EQ(request.backlog.outstanding(), 0u);
    EXPECT_EQ(request.counters[sdk::Count::FilesFailed], 3);
    EXPECT_EQ(request.counters[sdk::Count::BytesFailed], 100);
    EXPECT_EQ(request.error_count, 1u);
}

TEST_P(StateStoreFailures, WhatIsGivenUpIsCountedUnlessItsErrorNamesAllThatItWasAbout) {
    create({chunk("one file"), chunk("two files", 10, 2), listing("a tree")});
    ASSERT_TRUE(exhaust(claim_one()).exhausted);
    EXPECT_EQ(counter(sdk::Count::StepsGivenUp), 0);

    ASSERT_TRUE(exhaust(claim_one()).exhausted);
    EXPECT_EQ(counter(sdk::Count::StepsGivenUp), 1);
    EXPECT_EQ(counter(sdk::Count::ListingsGivenUp), 0);

    sdk::ReapSpec spec;
    spec.worker = worker_;
    spec.losses_max = 1;
    ASSERT_EQ(labels({claim_one()}), std::vector<std::string>{"a tree"});
    ASSERT_EQ(reap(spec).size(), 1u);
    EXPECT_EQ(counter(sdk::Count::StepsGivenUp), 2);
    EXPECT_EQ(counter(sdk::Count::ListingsGivenUp), 1);
}

TEST_P(StateStoreFailures, ALeaseTellsWhenItsUnitFailedFirst) {
    create(chunks(1));
    const sdk::Lease first = claim_one();
    EXPECT_FALSE(first.first_failed_at);
    sdk::Failure released = failure_of(first);
    released.released = true;
    ASSERT_EQ(fail(released).outcome, sdk::Outcome::Applied);
    const sdk::Lease second = claim_one();
    EXPECT_FALSE(second.first_failed_at) << "a release is no failure";

    ASSERT_EQ(fail(failure_of(second)).outcome, sdk::Outcome::Applied);
    const sdk::WallTime failed_at = get().updated_at;
    sdk::Lease again = claim_one();
    EXPECT_EQ(again.first_failed_at, failed_at);
    ASSERT_TRUE(eventually([&] {
        EXPECT_EQ(fail(failure_of(again, 1'000'000)).outcome, sdk::Outcome::Applied);
        again = claim_one();
        return get().updated_at > failed_at || HasFailure();
    }));
    EXPECT_EQ(again.first_failed_at, failed_at);
}

TEST_P(StateStoreFailures, TheErrorOfALostUnitTellsWhenThatBegan) {
    create(chunks(1));
    ASSERT_EQ(fail(failure_of(claim_one())).outcome, sdk::Outcome::Applied);
    const sdk::Lease lease = claim_one();
    sdk::ReapSpec spec;
    spec.worker = worker_;
    spec.losses_max = 1'000'000;
    // Until the store's clock has moved on.
    ASSERT_TRUE(eventually([&] {
        EXPECT_EQ(reap(spec).size(), 1u);
        claim_one();
        return get().updated_at > *lease.first_failed_at || HasFailure();
    }));
    spec.losses_max = 1;

    ASSERT_EQ(reap(spec).size(), 1u);

    ASSERT_EQ(errors().size(), 1u);
    EXPECT_EQ(errors()[0].first_at, lease.first_failed_at);
    EXPECT_GT(errors()[0].last_at, errors()[0].first_at);
}

TEST_P(StateStoreFailures, TheErrorOfAnExhaustedUnitIsKeptAsItWasGiven) {
    using namespace std::string_literals;
    create(chunks(1));
    sdk::Failure failure = failure_of(claim_one(), 1);
    failure.error.path = "dir/\xff\0name\n"s;
    failure.error.code = "digest_mismatch";
    failure.error.error_number = -5;
    failure.error.retryable = true;
    failure.error.offset = 0x7FFF'FFFF'FFFF'FFFF;
    failure.error.worker = worker_;
    failure.error.attempt = 4;
    failure.error.first_at = sdk::WallTime{sdk::Millis{1'700'000'000'123}};
    failure.error.last_at = sdk::WallTime{sdk::Millis{1'700'000'111'456}};
    failure.error.message = "wrong \r\n\x01";

    ASSERT_TRUE(fail(failure).exhausted);

    EXPECT_EQ(errors(), std::vector{failure.error});
}

TEST_P(StateStoreFailures, ARepeatedFailIsAlreadyDoneAndCountedOnce) {
    create(chunks(1));
    const sdk::Lease first = claim_one();
    ASSERT_EQ(fail(failure_of(first)).outcome, sdk::Outcome::Applied);

    const sdk::FailReply again = fail(failure_of(first));

    EXPECT_EQ(again.outcome, sdk::Outcome::AlreadyDone);
    EXPECT_FALSE(again.exhausted);
    const sdk::Lease second = claim_one();
    EXPECT_EQ(second.attempt, 2u);
    EXPECT_EQ(fail(failure_of(first)).outcome, sdk::Outcome::AlreadyDone);
    EXPECT_EQ(renew(second.ref), sdk::Outcome::Applied) << "the new lease was touched";
}

TEST_P(StateStoreFailures, ARepeatedFailStillTellsThatTheUnitEnded) {
    create({chunk("file", 100, 1)});
    const sdk::Lease lease = claim_one();
    ASSERT_TRUE(exhaust(lease).exhausted);

    const sdk::FailReply again = exhaust(lease);

    EXPECT_EQ(again.outcome, sdk::Outcome::AlreadyDone);
    EXPECT_TRUE(again.exhausted);
    EXPECT_EQ(get().error_count, 1u);
    EXPECT_EQ(counter(sdk::Count::BytesFailed), 100);
}

TEST_P(StateStoreFailures, OnceFailedALeaseCannotBeCompleted) {
    create(chunks(1));
    const sdk::Lease lease = claim_one();
    ASSERT_EQ(fail(failure_of(lease)).outcome, sdk::Outcome::Applied);
    sdk::Effects effects;
    effects.counters[sdk::Count::FilesCopied] = 1;

    EXPECT_EQ(complete(lease.ref, effects), sdk::Outcome::LeaseLost);

    EXPECT_EQ(counter(sdk::Count::FilesCopied), 0);
    EXPECT_EQ(get().backlog.outstanding(), 1u);
}

TEST_P(StateStoreFailures, OnceCompletedALeaseCannotBeFailed) {
    create(chunks(1));
    const sdk::Lease lease = claim_one();
    ASSERT_EQ(complete(lease.ref), sdk::Outcome::Applied);

    EXPECT_EQ(exhaust(lease).outcome, sdk::Outcome::LeaseLost);

    EXPECT_EQ(get().error_count, 0u);
    EXPECT_EQ(get().backlog.outstanding(), 0u);
}

TEST_P(StateStoreFailures, RepliesStandInTheOrderOfTheirItems) {
    create(chunks(3));
    const auto leases = claim(3);
    ASSERT_EQ(leases.size(), 3u);
    complete(leases[1].ref);
    const std::vector<sdk::Failure> items{failure_of(leases[0]), failure_of(leases[1]),
                                          failure_of(leases[2], 1), failure_of(leases[2], 1)};

    const auto replies = store_->fail(id_, items);

    ASSERT_TRUE(replies) << replies.error().message;
    ASSERT_EQ(replies->size(), 4u);
    EXPECT_EQ((*replies)[0].outcome, sdk::Outcome::Applied);
    EXPECT_FALSE((*replies)[0].exhausted);
    EXPECT_EQ((*replies)[1].outcome, sdk::Outcome::LeaseLost);
    EXPECT_EQ((*replies)[2].outcome, sdk::Outcome::Applied);
    EXPECT_TRUE((*replies)[2].exhausted);
    EXPECT_EQ((*replies)[3].outcome, sdk::Outcome::AlreadyDone);
    EXPECT_EQ(get().error_count, 1u);
}

TEST_P(StateStoreFailures, TheMessageBecomesTheWorkersDetail) {
    create(chunks(1));
    sdk::Failure failure = failure_of(claim_one());
    failure.message = "disk on fire";

    ASSERT_EQ(fail(failure).outcome, sdk::Outcome::Applied);

    EXPECT_EQ(get().detail.at(worker_), "disk on fire");
}

TEST_P(StateStoreFailures, WhatWasDoneBeforeItFailedCounts) {
    create({chunk("pack", 100, 10)});
    sdk::Failure failure = failure_of(claim_one());
    failure.effects.counters[sdk::Count::FilesCopied] = 7;
    failure.effects.units = {chunk("planned anew", 5)};
    failure.effects.errors.resize(1);
    failure.effects.errors.front().path = "gone";
    failure.effects.message = "owners dropped";

    ASSERT_EQ(fail(failure).outcome, sdk::Outcome::Applied);
    ASSERT_EQ(fail(failure).outcome, sdk::Outcome::AlreadyDone);

    const sdk::Request request = get();
    EXPECT_EQ(request.counters[sdk::Count::FilesCopied], 7);
    EXPECT_EQ(request.backlog.pending_of(sdk::UnitKind::Chunk), 2u);
    EXPECT_EQ(request.detail.at(worker_), "owners dropped");
    ASSERT_EQ(errors().size(), 1u);
    EXPECT_EQ(errors().front().path, "gone");
}

TEST_P(StateStoreFailures, ALeaseTellsWhoFailedBeforeAndHowOftenItWasLost) {
    create(chunks(1));
    sdk::Lease lease = claim_one();
    EXPECT_EQ(lease.losses, 0u);
    EXPECT_EQ(lease.last_failer, "");
    ASSERT_EQ(fail(failure_of(lease)).outcome, sdk::Outcome::Applied);
    ASSERT_EQ(claim(1).size(), 1u);
    reap_worker(worker_);

    lease = claim_one();

    EXPECT_EQ(lease.attempt, 2u);
    EXPECT_EQ(lease.losses, 1u);
    EXPECT_EQ(lease.last_failer, worker_);
}

TEST_P(StateStoreFailures, OnlyTheRestComesAgain) {
    create({chunk("pack", 100, 10)});
    const sdk::Lease first = claim_one();
    sdk::Failure failure = failure_of(first);
    failure.rest = first.unit;
    failure.rest->files = 3;
    failure.rest->bytes = 30;
    failure.rest->label = "rest";
    failure.rest->payload = "payload of the rest";

    ASSERT_EQ(fail(failure).outcome, sdk::Outcome::Applied);

    EXPECT_EQ(get().backlog.bytes_pending, 30u);
    const sdk::Lease second = claim_one();
    EXPECT_EQ(second.ref.unit, first.ref.unit);
    EXPECT_EQ(second.attempt, 2u);
    EXPECT_EQ(second.unit, *failure.rest);
}

TEST_P(StateStoreFailures, OnTheLastAttemptOnlyTheRestHasFailed) {
    create({chunk("pack", 100, 10)});
    const sdk::Lease lease = claim_one();
    sdk::Failure failure = failure_of(lease, 1);
    failure.rest = lease.unit;
    failure.rest->files = 3;
    failure.rest->bytes = 30;
    failure.effects.counters[sdk::Count::FilesCopied] = 7;

    ASSERT_TRUE(fail(failure).exhausted);

    EXPECT_EQ(counter(sdk::Count::FilesFailed), 3);
    EXPECT_EQ(counter(sdk::Count::BytesFailed), 30);
    EXPECT_EQ(counter(sdk::Count::FilesCopied), 7);
    EXPECT_EQ(get().backlog.outstanding(), 0u);
}

TEST_P(StateStoreFailures, AReleaseKeepsWhatWasDoneAndLeavesTheRest) {
    create({chunk("pack", 100, 10)});
    const sdk::Lease lease = claim_one();
    sdk::Failure failure = failure_of(lease);
    failure.released = true;
    failure.rest = lease.unit;
    failure.rest->files = 3;
    failure.effects.counters[sdk::Count::FilesCopied] = 7;

    ASSERT_EQ(fail(failure).outcome, sdk::Outcome::Applied);

    EXPECT_EQ(counter(sdk::Count::FilesCopied), 7);
    const sdk::Lease again = claim_one();
    EXPECT_EQ(again.attempt, 1u);
    EXPECT_EQ(again.unit.files, 3u);
}

TEST_P(StateStoreFailures, APartOfALargeFileStaysAPartWhenItIsNarrowed) {
    sdk::Effects effects;
    sdk::Group group;
    group.id = 17;
    group.parts = 1;
    group.then = unit_of(sdk::UnitKind::Publish, "publish");
    effects.groups = {group};
    sdk::Unit part = chunk("part", 100, 0);
    part.group = group.id;
    effects.units = {part};
    create({listing("root")});
    ASSERT_EQ(complete(claim_one().ref, effects), sdk::Outcome::Applied);
    const sdk::Lease lease = claim_one();
    sdk::Failure failure = failure_of(lease);
    failure.rest = lease.unit;
    failure.rest->offset = 40;
    failure.rest->bytes = 60;
    failure.rest->group = 0;  // Not its to say.

    ASSERT_EQ(fail(failure).outcome, sdk::Outcome::Applied);
    const sdk::Lease rest = claim_one();
    EXPECT_EQ(rest.unit.offset, 40u);
    ASSERT_EQ(complete(rest.ref), sdk::Outcome::Applied);

    EXPECT_EQ(labels(claim(1)), std::vector<std::string>{"publish"});
}

}  // namespace godwit::conformance
