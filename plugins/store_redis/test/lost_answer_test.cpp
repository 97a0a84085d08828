// Answers that get lost after the server did its work: UnknownOutcome, and a repeat has the effect
// of one.
#include "forwarder.h"
#include "redis_fixture.h"

namespace godwit::store_redis {
namespace {

using sdk::Code;
using sdk::Outcome;

class RedisLostAnswer : public ::testing::Test {
protected:
    void SetUp() override {
        store_ = make_store({{"url", forwarder_.url()}, {"connections", "1"}});
        direct_ = make_store({{"url", redis_.url()}});
        ASSERT_TRUE(store_ && direct_);
        // So that the server knows the scripts: else the lost answer would be "NOSCRIPT".
        use_everything(*direct_, "warm-up");
        ASSERT_TRUE(store_->ping());
    }

    // Runs `operation` with its answer lost, `passing` answers into it.
    template <class Operation>
    void lose(Operation&& operation, int passing = 0) {
        forwarder_.lose_answer(passing);
        const int before = forwarder_.lost();
        const auto result = operation();
        ASSERT_EQ(forwarder_.lost(), before + 1);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, Code::UnknownOutcome) << result.error().message;
    }

    sdk::Request get() {
        auto request = direct_->get("r");
        EXPECT_TRUE(request) << request.error().message;
        return request ? *request : sdk::Request{};
    }

    std::vector<sdk::Lease> create_and_claim(std::size_t units, std::size_t leases) {
        EXPECT_TRUE(direct_->create(request_of("r", units)));
        auto claimed = direct_->claim("r", claim_of("worker", leases));
        EXPECT_TRUE(claimed && claimed->size() == leases);
        return claimed ? *claimed : std::vector<sdk::Lease>{};
    }

    test_support::RedisServer redis_;
    Forwarder forwarder_{redis_.port()};
    std::unique_ptr<sdk::StateStore> store_;  // Through the forwarder.
    std::unique_ptr<sdk::StateStore> direct_;
};

TEST_F(RedisLostAnswer, OfCreateIsRepeatedIntoOneRequest) {
    const auto create = [&] { return store_->create(request_of("r", 2)); };
    ASSERT_NO_FATAL_FAILURE(lose(create, 2));  // After both steps of the announcement.
    EXPECT_EQ(get().backlog.outstanding(), 2u) << "it was not made before the answer was lost";

    const auto again = create();

    ASSERT_TRUE(again) << again.error().message;
    EXPECT_FALSE(again->created);
    EXPECT_EQ(get().backlog.outstanding(), 2u);
    EXPECT_EQ(direct_->list({}, "", 10)->requests.size(), 1u);
}

TEST_F(RedisLostAnswer, OfAnEarlierStepOfCreateLeavesNothingToSee) {
    forwarder_.lose_answer(1);  // The one of the index.
    const auto lost = store_->create(request_of("r", 2));
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code, Code::Unavailable);
    EXPECT_FALSE(direct_->get("r"));
    EXPECT_TRUE(direct_->list({}, "", 10)->requests.empty());

    const auto again = store_->create(request_of("r", 2));

    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(again->created);
    EXPECT_EQ(direct_->list({}, "", 10)->requests.size(), 1u);
}

TEST_F(RedisLostAnswer, OfTransitionIsRepeatedIntoOneTransition) {
    ASSERT_TRUE(direct_->create(request_of("r", 1)));
    const sdk::Revision seen = get().revision;
    sdk::Transition change;
    change.to = sdk::RequestState::Progress;
    change.restart = true;
    change.units = conformance::chunks(3);
    const auto transition = [&] { return store_->transition("r", seen, change); };
    ASSERT_NO_FATAL_FAILURE(lose(transition));

    const auto again = transition();

    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Code::Conflict);
    EXPECT_EQ(get().revision, seen + 1);
    EXPECT_EQ(get().state, sdk::RequestState::Progress);
    EXPECT_EQ(get().backlog.outstanding(), 3u);
}

TEST_F(RedisLostAnswer, OfClaimCostsNoUnitAndNoToken) {
    ASSERT_TRUE(direct_->create(request_of("r", 2)));
    const auto claim = [&] { return store_->claim("r", claim_of("worker", 2)); };
    ASSERT_NO_FATAL_FAILURE(lose(claim));
    const auto unheard = direct_->leases("r", "worker");
    ASSERT_TRUE(unheard && unheard->size() == 2u);
    EXPECT_TRUE(claim()->empty()) << "the units are leased, whoever knows";

    sdk::ReapSpec spec;
    spec.worker = "worker";
    ASSERT_EQ(store_->reap("r", spec)->size(), 2u);
    const auto again = claim();

    ASSERT_TRUE(again && again->size() == 2u);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ((*again)[i].ref.unit, (*unheard)[i].ref.unit);
        EXPECT_GT((*again)[i].ref.token, (*unheard)[i].ref.token);
        EXPECT_EQ((*again)[i].attempt, 1u);
    }
}

TEST_F(RedisLostAnswer, OfCompleteIsRepeatedIntoOneEffect) {
    const auto leases = create_and_claim(3, 2);
    auto items = completions_of(leases);
    items[0].effects.units = conformance::chunks(2);
    items[0].effects.errors.resize(1);
    const auto complete = [&] { return store_->complete("r", items); };
    ASSERT_NO_FATAL_FAILURE(lose(complete));

    const auto again = complete();

    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*again, (std::vector{Outcome::AlreadyDone, Outcome::AlreadyDone}));
    EXPECT_EQ(get().counters[sdk::Count::FilesCopied], 2);
    EXPECT_EQ(get().error_count, 1u);
    EXPECT_EQ(get().backlog.outstanding(), 3u);
}

TEST_F(RedisLostAnswer, OfFailIsRepeatedIntoOneAttempt) {
    const auto leases = create_and_claim(2, 2);
    auto failures = failures_of(leases, 5);
    failures[1].attempts_max = 1;
    const auto fail = [&] { return store_->fail("r", failures); };
    ASSERT_NO_FATAL_FAILURE(lose(fail));

    const auto again = fail();

    ASSERT_TRUE(again) << again.error().message;
    ASSERT_EQ(again->size(), 2u);
    EXPECT_EQ((*again)[0].outcome, Outcome::AlreadyDone);
    EXPECT_FALSE((*again)[0].exhausted);
    EXPECT_EQ((*again)[1].outcome, Outcome::AlreadyDone);
    EXPECT_TRUE((*again)[1].exhausted);
    EXPECT_EQ(get().error_count, 1u);
    EXPECT_EQ(get().counters[sdk::Count::BytesFailed], 10);
    EXPECT_EQ(direct_->claim("r", claim_of("worker", 2))->at(0).attempt, 2u);
}

TEST_F(RedisLostAnswer, OfReapRenewAndRemoveIsRepeatedWithoutHarm) {
    const auto leases = create_and_claim(1, 1);
    const std::vector<sdk::LeaseRef> refs{leases.at(0).ref};
    const auto renew = [&] { return store_->renew("r", refs, conformance::kLongLease); };
    ASSERT_NO_FATAL_FAILURE(lose(renew));
    EXPECT_EQ(renew()->at(0), Outcome::Applied);
    sdk::ReapSpec spec;
    spec.worker = "worker";
    const auto reap = [&] { return store_->reap("r", spec); };
    ASSERT_NO_FATAL_FAILURE(lose(reap));
    EXPECT_TRUE(reap()->empty());
    EXPECT_EQ(get().backlog.pending_of(sdk::UnitKind::Chunk), 1u);
    const auto remove = [&] { return store_->remove("r"); };
    ASSERT_NO_FATAL_FAILURE(lose(remove));
    EXPECT_TRUE(remove());
    EXPECT_FALSE(direct_->get("r"));
}

TEST_F(RedisLostAnswer, OfAReadMeansThatNothingWasChanged) {
    ASSERT_TRUE(direct_->create(request_of("r")));
    for (int operation = 0; operation < 4; ++operation) {
        forwarder_.lose_answer();
        const sdk::Status status = operation == 0   ? store_->get("r").status()
                                   : operation == 1 ? store_->list({}, "", 10).status()
                                   : operation == 2 ? store_->workers().status()
                                                    : store_->errors("r", "", 10).status();
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error().code, Code::Unavailable);
        EXPECT_TRUE(store_->ping());
    }
}

}  // namespace
}  // namespace godwit::store_redis
