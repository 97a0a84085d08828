// Conformance of StateStore: groups, the parts of one large file.
#pragma once

#include "godwit/conformance/state_store/fixture.h"

namespace godwit::conformance {

class StateStoreGroups : public StateStoreFixture {
protected:
    static constexpr std::uint64_t kGroup = 0xFEDC'BA98'7654'3210;

    // Only the first part of a file carries it in `files`.
    static sdk::Unit part(std::string label, std::uint64_t bytes = 10, std::uint64_t files = 0) {
        sdk::Unit unit = chunk(std::move(label), bytes, files);
        unit.group = kGroup;
        return unit;
    }

    static sdk::Group group_of(std::uint32_t parts, std::uint64_t id = kGroup) {
        return {id, parts, unit_of(sdk::UnitKind::Publish, "then")};
    }

    // A request in which the end of one listing opened a group and brought some of its parts.
    void create_group(std::uint32_t parts, std::vector<sdk::Unit> units) {
        create({listing("/")});
        sdk::Effects effects;
        effects.groups = {group_of(parts)};
        effects.units = std::move(units);
        ASSERT_EQ(complete(claim_one().ref, effects), sdk::Outcome::Applied);
    }
};

TEST_P(StateStoreGroups, TheEndOfTheLastPartAddsWhatFollowsOnce) {
    create_group(2, {part("a"), part("b")});
    const auto parts = claim(10);
    ASSERT_EQ(parts.size(), 2u);
    ASSERT_EQ(complete(parts[0].ref), sdk::Outcome::Applied);
    EXPECT_TRUE(claim(10).empty());

    ASSERT_EQ(complete(parts[1].ref), sdk::Outcome::Applied);
    ASSERT_EQ(complete(parts[1].ref), sdk::Outcome::AlreadyDone);

    const auto then = claim(10);
    ASSERT_EQ(labels(then), std::vector<std::string>{"then"});
    EXPECT_EQ(then[0].unit, unit_of(sdk::UnitKind::Publish, "then"));
    EXPECT_FALSE(then[0].discard);
    ASSERT_EQ(complete(then[0].ref), sdk::Outcome::Applied);
    EXPECT_EQ(get().backlog.outstanding(), 0u);
}

TEST_P(StateStoreGroups, PartsMayComeWithLaterEffects) {
    create_group(3, {part("a"), listing("more")});
    const auto first = claim(1);
    ASSERT_EQ(labels(first), std::vector<std::string>{"a"});
    ASSERT_EQ(complete(first[0].ref), sdk::Outcome::Applied);
    sdk::Effects effects;
    effects.units = {part("b"), part("c")};
    ASSERT_EQ(complete(claim_one().ref, effects), sdk::Outcome::Applied);

    ASSERT_EQ(complete(claim_one().ref), sdk::Outcome::Applied);
    const auto last = claim(10);
    ASSERT_EQ(labels(last), std::vector<std::string>{"c"});
    ASSERT_EQ(complete(last[0].ref), sdk::Outcome::Applied);

    EXPECT_EQ(labels(claim(10)), std::vector<std::string>{"then"});
}

TEST_P(StateStoreGroups, PartsMayEndBeforeTheirGroupIsOpened) {
    create({part("a"), part("b"), listing("opener")});
    ASSERT_EQ(complete(claim_one().ref), sdk::Outcome::Applied);
    const sdk::Lease open_part = claim_one();
    sdk::Effects effects;
    effects.groups = {group_of(2)};
    ASSERT_EQ(complete(claim_one().ref, effects), sdk::Outcome::Applied);
    EXPECT_TRUE(claim(10).empty());

    ASSERT_EQ(complete(open_part.ref), sdk::Outcome::Applied);

    EXPECT_EQ(labels(claim(10)), std::vector<std::string>{"then"});
}

TEST_P(StateStoreGroups, AGroupWhosePartsHaveAllEndedIsOverWhenItIsOpened) {
    create({part("a"), listing("opener")});
    ASSERT_EQ(complete(claim_one().ref), sdk::Outcome::Applied);
    sdk::Effects effects;
    effects.groups = {group_of(1)};

    ASSERT_EQ(complete(claim_one().ref, effects), sdk::Outcome::Applied);

    EXPECT_EQ(labels(claim(10)), std::vector<std::string>{"then"});
}

TEST_P(StateStoreGroups, ARetriedPartHasNotEnded) {
    create_group(1, {part("a")});
    ASSERT_FALSE(fail(failure_of(claim_one())).exhausted);
    const auto again = claim(10);
    ASSERT_EQ(labels(again), std::vector<std::string>{"a"});
    ASSERT_EQ(reap_worker(worker_).size(), 1u);
    const auto third = claim(10);
    ASSERT_EQ(labels(third), std::vector<std::string>{"a"});

    ASSERT_EQ(complete(third[0].ref), sdk::Outcome::Applied);

    const auto then = claim(10);
    ASSERT_EQ(labels(then), std::vector<std::string>{"then"});
    EXPECT_FALSE(then[0].discard);
}

TEST_P(StateStoreGroups, AfterOneFailedPartThePendingOnesEndWithoutBeingHandedOut) {
    create_group(4, {part("a", 1, 1), part("b", 20), part("c", 300), chunk("other")});
    const sdk::Lease first = claim_one();

    ASSERT_TRUE(exhaust(first).exhausted);

    const sdk::Request request = get();
    EXPECT_EQ(request.counters[sdk::Count::FilesFailed], 1);
    EXPECT_EQ(request.counters[sdk::Count::BytesFailed], 321);
    EXPECT_EQ(request.error_count, 1u);
    EXPECT_EQ(request.backlog.outstanding(), 1u);
    EXPECT_EQ(request.backlog.bytes_pending, 10u);
    EXPECT_EQ(labels(claim(10)), std::vector<std::string>{"other"});
}

TEST_P(StateStoreGroups, APartThatWaitsForItsBackoffEndsWithItsFailedGroup) {
    create_group(2, {part("a", 1, 1), part("b", 20)});
    const auto parts = claim(2);
    ASSERT_EQ(parts.size(), 2u);
    sdk::Failure failure = failure_of(parts[1]);
    failure.backoff = kLongLease;
    ASSERT_FALSE(fail(failure).exhausted);

    ASSERT_TRUE(exhaust(parts[0]).exhausted);

    EXPECT_EQ(counter(sdk::Count::BytesFailed), 21);
    const auto then = claim(10);
    ASSERT_EQ(labels(then), std::vector<std::string>{"then"});
    EXPECT_TRUE(then[0].discard);
}

TEST_P(StateStoreGroups, PartsThatComeAfterTheFailureEndAtOnce) {
    create_group(2, {part("a", 1, 1), listing("more")});
    ASSERT_TRUE(exhaust(claim_one()).exhausted);
    sdk::Effects effects;
    effects.units = {part("late", 500)};

    ASSERT_EQ(complete(claim_one().ref, effects), sdk::Outcome::Applied);

    EXPECT_EQ(counter(sdk::Count::FilesFailed), 1);
    EXPECT_EQ(counter(sdk::Count::BytesFailed), 501);
    const auto then = claim(10);
    ASSERT_EQ(labels(then), std::vector<std::string>{"then"});
    EXPECT_TRUE(then[0].discard);
    EXPECT_TRUE(store_->leases(id_, worker_)->at(0).discard);
}

TEST_P(StateStoreGroups, WhatFollowsAFailedGroupIsToBeDiscardedOnEveryAttempt) {
    create_group(1, {part("a")});
    ASSERT_TRUE(exhaust(claim_one()).exhausted);
    const sdk::Lease then = claim_one();
    EXPECT_TRUE(then.discard);
    EXPECT_EQ(counter(sdk::Count::StepsGivenUp), 0) << "the error of a part names its file";

    ASSERT_FALSE(fail(failure_of(then)).exhausted);

    const sdk::Lease again = claim_one();
    EXPECT_TRUE(again.discard);
    EXPECT_EQ(again.attempt, 2u);
}

TEST_P(StateStoreGroups, ALeasedPartOfAFailedGroupMayStillComplete) {
    create_group(2, {part("a", 1, 1), part("b", 20)});
    const auto parts = claim(2);
    ASSERT_EQ(parts.size(), 2u);
    ASSERT_TRUE(exhaust(parts[0]).exhausted);
    EXPECT_TRUE(claim(10).empty()) << "one part is still under way";
    sdk::Effects effects;
    effects.counters[sdk::Count::BytesCopied] = 20;

    EXPECT_EQ(complete(parts[1].ref, effects), sdk::Outcome::Applied);

    EXPECT_EQ(counter(sdk::Count::BytesCopied), 20);
    EXPECT_EQ(counter(sdk::Count::BytesFailed), 1);
    const auto then = claim(10);
    ASSERT_EQ(labels(then), std::vector<std::string>{"then"});
    EXPECT_TRUE(then[0].discard);
}

TEST_P(StateStoreGroups, ALeasedPartOfAFailedGroupIsNotHandedOutAgain) {
    create_group(3, {part("a", 1, 1), part("b", 20), part("c", 300)});
    const auto parts = claim(3);
    ASSERT_EQ(parts.size(), 3u);
    ASSERT_TRUE(exhaust(parts[0]).exhausted);

    EXPECT_EQ(fail(failure_of(parts[1])).outcome, sdk::Outcome::Applied);
    EXPECT_EQ(reap_worker(worker_).size(), 1u);

    EXPECT_EQ(counter(sdk::Count::FilesFailed), 1);
    EXPECT_EQ(counter(sdk::Count::BytesFailed), 321);
    EXPECT_EQ(labels(claim(10)), std::vector<std::string>{"then"});
}

TEST_P(StateStoreGroups, AFileWhosePartsFailTwiceIsCountedOnce) {
    create_group(2, {part("a", 1, 1), part("b", 20, 1)});
    const auto parts = claim(2);
    ASSERT_EQ(parts.size(), 2u);

    EXPECT_TRUE(exhaust(parts[0]).exhausted);
    EXPECT_TRUE(exhaust(parts[1]).exhausted);

    EXPECT_EQ(counter(sdk::Count::FilesFailed), 1);
    EXPECT_EQ(counter(sdk::Count::BytesFailed), 21);
}

TEST_P(StateStoreGroups, AReapedPartThatIsLostTooOftenFailsItsGroup) {
    create_group(2, {part("a", 1, 1), part("b", 20)});
    claim_one();
    sdk::ReapSpec spec;
    spec.worker = worker_;
    spec.losses_max = 1;

    ASSERT_EQ(reap(spec).size(), 1u);

    EXPECT_EQ(counter(sdk::Count::FilesFailed), 1);
    EXPECT_EQ(counter(sdk::Count::BytesFailed), 21);
    const auto then = claim(10);
    ASSERT_EQ(labels(then), std::vector<std::string>{"then"});
    EXPECT_TRUE(then[0].discard);
}

TEST_P(StateStoreGroups, GroupsDoNotMixWithEachOther) {
    create({listing("/")});
    sdk::Unit other = part("other part");
    other.group = kGroup + 1;
    sdk::Effects effects;
    effects.groups = {group_of(1), group_of(1, kGroup + 1)};
    effects.groups[1].then.label = "other then";
    effects.units = {part("a"), other};
    ASSERT_EQ(complete(claim_one().ref, effects), sdk::Outcome::Applied);

    ASSERT_TRUE(exhaust(claim_one()).exhausted);

    const auto leases = claim(10);
    ASSERT_EQ(labels(leases), (std::vector<std::string>{"then", "other part"}));
    ASSERT_EQ(complete(leases[1].ref), sdk::Outcome::Applied);
    const auto then = claim(10);
    ASSERT_EQ(labels(then), std::vector<std::string>{"other then"});
    EXPECT_FALSE(then[0].discard);
}

TEST_P(StateStoreGroups, WhatFollowsAGroupMayBeAPartOfAnother) {
    create({listing("/")});
    sdk::Effects effects;
    effects.groups = {group_of(1), group_of(1, kGroup + 1)};
    effects.groups[0].then = chunk("middle");
    effects.groups[0].then.group = kGroup + 1;
    effects.units = {part("a")};
    ASSERT_EQ(complete(claim_one().ref, effects), sdk::Outcome::Applied);
    ASSERT_EQ(complete(claim_one().ref), sdk::Outcome::Applied);
    const auto middle = claim(10);
    ASSERT_EQ(labels(middle), std::vector<std::string>{"middle"});

    ASSERT_EQ(complete(middle[0].ref), sdk::Outcome::Applied);

    EXPECT_EQ(labels(claim(10)), std::vector<std::string>{"then"});
}

TEST_P(StateStoreGroups, AGroupWithoutPartsIsRefused) {
    create(chunks(1));
    sdk::Effects effects;
    effects.groups = {group_of(0)};
    const std::vector<sdk::Completion> items{{claim_one().ref, effects}};

    const auto outcomes = store_->complete(id_, items);

    ASSERT_FALSE(outcomes);
    EXPECT_EQ(outcomes.error().code, sdk::Code::InvalidArgument);
    EXPECT_EQ(get().backlog.leased_of(sdk::UnitKind::Chunk), 1u);
}

}  // namespace godwit::conformance
