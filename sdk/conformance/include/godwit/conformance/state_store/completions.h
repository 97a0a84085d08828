// Conformance of StateStore: complete, and the effects that it brings about.
#pragma once

#include <limits>

#include "godwit/conformance/state_store/fixture.h"

namespace godwit::conformance {

class StateStoreCompletions : public StateStoreFixture {
protected:
    static sdk::FileError error_of(std::string path) {
        sdk::FileError error;
        error.path = std::move(path);
        error.code = "permission_denied";
        return error;
    }
};

TEST_P(StateStoreCompletions, ACompletedUnitIsGone) {
    create(chunks(1));

    EXPECT_EQ(complete(claim_one().ref), sdk::Outcome::Applied);

    EXPECT_EQ(get().backlog.outstanding(), 0u);
    EXPECT_TRUE(get().holders.empty());
    EXPECT_TRUE(store_->leases(id_, worker_)->empty());
    EXPECT_TRUE(claim(10).empty());
    EXPECT_TRUE(reap_worker(worker_).empty());
}

TEST_P(StateStoreCompletions, AllEffectsAreAppliedInOneStep) {
    create({listing("/")});
    const sdk::Lease lease = claim_one();
    sdk::Effects effects;
    for (std::size_t i = 0; i < sdk::kCountKinds; ++i) {
        effects.counters.values[i] = static_cast<std::int64_t>(i * 1'000'000'007);
    }
    effects.counters[sdk::Count::BytesOnWire] = (std::int64_t{1} << 60) + 1;
    effects.errors = {error_of("a"), error_of("b")};
    effects.units = {chunk("new", 7), listing("more")};
    effects.message = "half way \xff";
    effects.resolution = "into\n\xff";

    ASSERT_EQ(complete(lease.ref, effects), sdk::Outcome::Applied);

    const sdk::Request request = get();
    EXPECT_EQ(request.counters, effects.counters);
    EXPECT_EQ(request.error_count, 2u);
    EXPECT_EQ(request.detail.at(worker_), "half way \xff");
    EXPECT_EQ(request.resolution, "into\n\xff");
    EXPECT_EQ(request.backlog.bytes_pending, 7u);
    EXPECT_EQ(errors(), effects.errors);
    EXPECT_EQ(labels(claim(10)), (std::vector<std::string>{"new", "more"}));
}

TEST_P(StateStoreCompletions, CountersAddUpAndTakeDifferences) {
    create(chunks(3));
    sdk::Effects effects;
    for (const std::int64_t amount : {5'000'000'000, 7'000'000'000, -2'000'000'000L}) {
        effects.counters[sdk::Count::BytesCopied] = amount;
        ASSERT_EQ(complete(claim_one().ref, effects), sdk::Outcome::Applied);
    }

    EXPECT_EQ(counter(sdk::Count::BytesCopied), 10'000'000'000);
}

TEST_P(StateStoreCompletions, AbsurdCountersDoNoHarm) {
    create(chunks(3));
    sdk::Effects effects;
    effects.counters[sdk::Count::BytesCopied] = std::numeric_limits<std::int64_t>::max();
    effects.counters[sdk::Count::FilesCopied] = std::numeric_limits<std::int64_t>::min();

    for (int round = 0; round < 3; ++round) {
        EXPECT_EQ(complete(claim_one().ref, effects), sdk::Outcome::Applied);
        EXPECT_GE(counter(sdk::Count::BytesCopied), 0);
        EXPECT_GE(counter(sdk::Count::FilesCopied), 0);
    }
    EXPECT_EQ(get().backlog.outstanding(), 0u);
}

TEST_P(StateStoreCompletions, ARepeatedCompleteIsAlreadyDoneAndAppliedOnce) {
    create(chunks(1));
    const sdk::Lease lease = claim_one();
    sdk::Effects effects;
    effects.counters[sdk::Count::FilesCopied] = 1;
    effects.errors = {error_of("a")};
    effects.units = {chunk("new")};
    ASSERT_EQ(complete(lease.ref, effects), sdk::Outcome::Applied);

    EXPECT_EQ(complete(lease.ref, effects), sdk::Outcome::AlreadyDone);

    EXPECT_EQ(counter(sdk::Count::FilesCopied), 1);
    EXPECT_EQ(get().error_count, 1u);
    EXPECT_EQ(get().backlog.outstanding(), 1u);
}

TEST_P(StateStoreCompletions, ARepeatIsKnownAfterThousandsOfOthers) {
    create(chunks(1));
    const sdk::Lease first = claim_one();
    sdk::Effects more;
    more.units = chunks(2000);
    ASSERT_EQ(complete(first.ref, more), sdk::Outcome::Applied);
    for (auto leases = claim(16); !leases.empty(); leases = claim(16)) {
        std::vector<sdk::Completion> items;
        for (const sdk::Lease& lease : leases) items.push_back({lease.ref, {}});
        ASSERT_TRUE(store_->complete(id_, items));
    }

    EXPECT_EQ(complete(first.ref, more), sdk::Outcome::AlreadyDone);
    EXPECT_EQ(get().backlog.outstanding(), 0u);
}

TEST_P(StateStoreCompletions, OutcomesStandInTheOrderOfTheirItems) {
    create(chunks(4));
    const auto leases = claim(3);
    ASSERT_EQ(leases.size(), 3u);
    ASSERT_EQ(complete(leases[1].ref), sdk::Outcome::Applied);
    sdk::LeaseRef forged = leases[2].ref;
    ++forged.token.number;
    sdk::Effects effects;
    effects.counters[sdk::Count::FilesCopied] = 1;
    const std::vector<sdk::Completion> items{
        {leases[0].ref, effects}, {leases[1].ref, effects},
        {forged, effects},        {{999'999, leases[0].ref.token}, effects},
        {leases[2].ref, effects}, {leases[2].ref, effects}};

    const auto outcomes = store_->complete(id_, items);

    ASSERT_TRUE(outcomes) << outcomes.error().message;
    using enum sdk::Outcome;
    EXPECT_EQ(*outcomes,
              (std::vector{Applied, AlreadyDone, LeaseLost, LeaseLost, Applied, AlreadyDone}));
    EXPECT_EQ(counter(sdk::Count::FilesCopied), 2);
}

TEST_P(StateStoreCompletions, AnEmptyBatchIsNothing) {
    create();

    const auto completed = store_->complete(id_, {});
    const auto failed = store_->fail(id_, {});
    const auto renewed = store_->renew(id_, {}, kLongLease);

    ASSERT_TRUE(completed);
    EXPECT_TRUE(completed->empty());
    ASSERT_TRUE(failed);
    EXPECT_TRUE(failed->empty());
    ASSERT_TRUE(renewed);
    EXPECT_TRUE(renewed->empty());
}

TEST_P(StateStoreCompletions, ABatchMayBeAsLargeAsPromisedAndNoLarger) {
    const std::size_t batch_max = store_->info().batch_max;
    create(chunks(batch_max));
    std::vector<sdk::Completion> items;
    while (items.size() < batch_max) {
        const auto leases = claim(batch_max);
        ASSERT_FALSE(leases.empty());
        for (const sdk::Lease& lease : leases) items.push_back({lease.ref, {}});
    }
    std::vector<sdk::Completion> too_many = items;
    too_many.push_back(items[0]);
    sdk::Failure failure;
    failure.worker = worker_;
    const std::vector<sdk::Failure> failures(batch_max + 1, failure);
    const std::vector<sdk::LeaseRef> leases(batch_max + 1);

    const auto refused = store_->complete(id_, too_many);
    const auto refused_failures = store_->fail(id_, failures);
    const auto refused_renewals = store_->renew(id_, leases, kLongLease);
    const auto taken = store_->complete(id_, items);

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, sdk::Code::InvalidArgument);
    ASSERT_FALSE(refused_failures);
    EXPECT_EQ(refused_failures.error().code, sdk::Code::InvalidArgument);
    ASSERT_FALSE(refused_renewals);
    EXPECT_EQ(refused_renewals.error().code, sdk::Code::InvalidArgument);
    ASSERT_TRUE(taken) << taken.error().message;
    EXPECT_EQ(*taken, std::vector(batch_max, sdk::Outcome::Applied));
}

TEST_P(StateStoreCompletions, EffectsThatCannotBeKeptAreRefusedWhole) {
    create(chunks(2));
    const auto leases = claim(2);
    ASSERT_EQ(leases.size(), 2u);
    sdk::Effects effects;
    effects.counters[sdk::Count::FilesCopied] = 1;
    effects.units = {chunk("large")};
    effects.units[0].payload.assign(sdk::kPayloadBytesMax + 1, 'x');
    const std::vector<sdk::Completion> items{{leases[0].ref, {}}, {leases[1].ref, effects}};

    const auto outcomes = store_->complete(id_, items);

    ASSERT_FALSE(outcomes);
    EXPECT_EQ(outcomes.error().code, sdk::Code::InvalidArgument);
    EXPECT_EQ(counter(sdk::Count::FilesCopied), 0);
    EXPECT_EQ(get().backlog.leased_of(sdk::UnitKind::Chunk), 2u);
}

TEST_P(StateStoreCompletions, ErrorsComeInPagesInTheOrderOfTheirRecording) {
    create(chunks(2));
    sdk::Effects effects;
    for (int i = 0; i < 4; ++i) effects.errors.push_back(error_of("file " + std::to_string(i)));
    ASSERT_EQ(complete(claim_one().ref, effects), sdk::Outcome::Applied);
    effects.errors = {error_of("file 4")};
    ASSERT_EQ(complete(claim_one().ref, effects), sdk::Outcome::Applied);

    std::vector<std::string> paths;
    std::string cursor;
    do {
        auto page = store_->errors(id_, cursor, 2);
        ASSERT_TRUE(page) << page.error().message;
        ASSERT_LE(page->errors.size(), 2u);
        for (const sdk::FileError& error : page->errors) paths.push_back(error.path);
        cursor = page->next;
    } while (!cursor.empty());

    EXPECT_EQ(paths, (std::vector<std::string>{"file 0", "file 1", "file 2", "file 3", "file 4"}));
}

TEST_P(StateStoreCompletions, ErrorsBeyondTheLimitAreCountedAndNotKept) {
    create(chunks(3));
    sdk::Effects effects;
    effects.errors.assign(sdk::kErrorsMax / 2, error_of("kept"));
    ASSERT_EQ(complete(claim_one().ref, effects), sdk::Outcome::Applied);
    effects.errors.assign(sdk::kErrorsMax / 2 + 5, error_of("kept in part"));
    ASSERT_EQ(complete(claim_one().ref, effects), sdk::Outcome::Applied);
    ASSERT_TRUE(exhaust(claim_one()).exhausted);

    EXPECT_EQ(get().error_count, sdk::kErrorsMax + 6);
    EXPECT_EQ(errors().size(), sdk::kErrorsMax);
}

TEST_P(StateStoreCompletions, TheLatestMessageOfAWorkerIsKept) {
    create(chunks(3));
    sdk::Effects effects;
    effects.message = "first";
    complete(claim_one().ref, effects);
    effects.message = "second";
    complete(claim_one().ref, effects);
    effects.message = "";
    complete(claim_one().ref, effects);

    EXPECT_EQ(get().detail.at(worker_), "second");
    EXPECT_EQ(get().detail.size(), 1u);
}

}  // namespace godwit::conformance
