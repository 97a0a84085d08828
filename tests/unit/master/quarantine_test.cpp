// A worker on which nothing succeeds.
#include "master/quarantine.h"

#include "cluster_in_memory.h"

namespace godwit::master {
namespace {

using testing::IsEmpty;

model::AssignmentResult good(const sdk::WorkerId& worker) {
    model::AssignmentResult result;
    result.worker = worker;
    result.success = true;
    result.effects.counters[Count::FilesCopied] = 1;
    return result;
}

model::AssignmentResult bad(const sdk::WorkerId& worker, const std::string& path,
                            const std::string& code = "io_error") {
    model::AssignmentResult result;
    result.worker = worker;
    result.error.code = code;
    result.error.path = path;
    return result;
}

class Sentences : public testing::Test {
protected:
    // So many units failed on "a" one after the other, each about something else.
    void fail(std::size_t times, const std::string& code = "io_error") {
        for (std::size_t i = 0; i < times; ++i) {
            now_ += base::Millis{10};
            quarantine_.note(bad("a", "file " + std::to_string(next_++), code), now_);
        }
    }
    void succeed(const sdk::WorkerId& worker) {
        now_ += base::Millis{10};
        quarantine_.note(good(worker), now_);
    }
    // One more on "a" while "b" does its work.
    void fail_in_a_row() {
        fail(1);
        succeed("b");
        fail(Quarantine::kFailuresInARow - 1);
    }
    std::optional<Quarantine::Sentence> sentence() { return quarantine_.of("a", now_); }

    Quarantine quarantine_;
    base::Deadline now_{std::chrono::hours{1}};
    int next_ = 0;
};

TEST_F(Sentences, FollowManyFailuresInARowWhileOthersSucceed) {
    fail(1);
    succeed("b");
    fail(Quarantine::kFailuresInARow - 2);
    EXPECT_FALSE(sentence()) << "too early";

    fail(1);

    ASSERT_TRUE(sentence());
    EXPECT_EQ(sentence()->times, 1U);
    EXPECT_EQ(sentence()->reason, "io_error");
    EXPECT_EQ(sentence()->until, now_ + Quarantine::kShortest);
    EXPECT_FALSE(quarantine_.of("b", now_));
}

TEST_F(Sentences, DoNotFollowOneFileThatFailsAgainAndAgain) {
    succeed("b");
    for (int i = 0; i < 20; ++i) {
        now_ += base::Millis{10};
        quarantine_.note(bad("a", "the same"), now_);
        succeed("b");
    }

    EXPECT_FALSE(sentence());
}

TEST_F(Sentences, DoNotFollowASuccessBetween) {
    for (int i = 0; i < 10; ++i) {
        fail(Quarantine::kFailuresInARow - 1);
        succeed("b");
        succeed("a");
    }

    EXPECT_FALSE(sentence());
}

TEST_F(Sentences, DoNotFollowWhenNobodySucceeds) {
    succeed("b");
    fail(4 * Quarantine::kFailuresInARow);
    EXPECT_FALSE(sentence()) << "what failed is not this machine";

    succeed("b");
    fail(1);
    EXPECT_TRUE(sentence()) << "now it is";
}

TEST_F(Sentences, DoNotFollowWhatIsNotTheWorkersFault) {
    for (const char* code : {"peer_lost", "source_missing", "no_space", "type_conflict",
                             "source_changed", "dest_not_directory"}) {
        fail(1, code);
        succeed("b");
        fail(2 * Quarantine::kFailuresInARow, code);
        EXPECT_FALSE(sentence()) << code;
    }
}

TEST_F(Sentences, EndAndGrowWithRepetition) {
    fail_in_a_row();
    ASSERT_TRUE(sentence());
    now_ += Quarantine::kShortest;
    EXPECT_FALSE(sentence()) << "it should be over";

    fail_in_a_row();
    ASSERT_TRUE(sentence());
    EXPECT_EQ(sentence()->times, 2U);
    EXPECT_EQ(sentence()->until, now_ + 2 * Quarantine::kShortest);
    for (int i = 0; i < 40; ++i) {
        now_ = sentence() ? sentence()->until : now_;
        fail_in_a_row();
    }
    EXPECT_EQ(sentence()->until, now_ + Quarantine::kLongest);
}

TEST_F(Sentences, AreForgottenWithASuccess) {
    fail_in_a_row();
    now_ += Quarantine::kShortest;
    succeed("a");

    fail_in_a_row();

    EXPECT_EQ(sentence()->times, 1U);
}

TEST_F(Sentences, AreNotMadeLongerByWhatWasGivenOutBefore) {
    fail_in_a_row();
    const base::Deadline until = sentence()->until;

    fail_in_a_row();

    EXPECT_EQ(sentence()->until, until);
    EXPECT_EQ(sentence()->times, 1U);
}

TEST_F(Sentences, EndWhenTheWorkerIsStartedAnewOrGone) {
    fail_in_a_row();
    quarantine_.lift("a");
    EXPECT_FALSE(sentence());

    fail_in_a_row();
    sdk::Worker other;
    other.id = "b";
    quarantine_.tidy({other}, now_ + base::Millis{1});
    EXPECT_FALSE(sentence());
}

// The look at the workers that a tick begins with is an old one by its end.
TEST_F(Sentences, StayWithAWorkerThatCameAfterTheWorkersWereLookedAt) {
    const base::Deadline looked_at = now_;
    fail(1);
    succeed("b");
    quarantine_.tidy({}, looked_at);
    fail(Quarantine::kFailuresInARow - 1);
    EXPECT_TRUE(sentence());

    quarantine_.tidy({}, looked_at);

    EXPECT_TRUE(sentence());
}

TEST(Testimony, IsWhatAResultSaysOfItsWorker) {
    EXPECT_EQ(testimony_of(good("a")), Testimony::Good);
    EXPECT_EQ(testimony_of(bad("a", "x")), Testimony::Bad);
    EXPECT_EQ(testimony_of(bad("a", "x", "peer_lost")), Testimony::Nothing);

    model::AssignmentResult released = bad("a", "x");
    released.released = true;
    EXPECT_EQ(testimony_of(released), Testimony::Nothing);

    model::AssignmentResult nothing_but_errors = good("a");
    nothing_but_errors.effects.counters = {};
    nothing_but_errors.effects.errors.push_back(bad("a", "x", "permission_denied").error);
    EXPECT_EQ(testimony_of(nothing_but_errors), Testimony::Bad);
    nothing_but_errors.effects.errors.front().code = "source_vanished";
    EXPECT_EQ(testimony_of(nothing_but_errors), Testimony::Good);

    model::AssignmentResult some = bad("a", "x");
    some.effects.counters[Count::FilesCopied] = 3;
    EXPECT_EQ(testimony_of(some), Testimony::Good) << "a part of it was done";
}

// ------------------------------------------------------------------------------ what is made of it

class QuarantinedWorker : public ClusterInMemory {
protected:
    // "source" fails, "other" succeeds; what is left pending is six chunks.
    void sentence_source() {
        add_worker(worker("source", {"/src"}));
        add_worker(worker("other", {"/src"}));
        add_worker(worker("destination", {"/dst"}));
        admit(sync("r-1"));
        std::vector<sdk::Unit> chunks;
        for (int i = 0; i < 12; ++i) chunks.push_back(chunk("file " + std::to_string(i)));
        list("r-1", chunks);
        const auto failing = poll("source", Quarantine::kFailuresInARow);
        ASSERT_EQ(failing.size(), Quarantine::kFailuresInARow);
        ASSERT_EQ(report(failed(failing[0], "io_error")), "applied");
        const auto succeeding = poll("other", 1);
        ASSERT_EQ(succeeding.size(), 1U);
        sdk::Effects effects;
        effects.counters[Count::FilesCopied] = 1;
        ASSERT_EQ(report(succeeded(succeeding[0], effects)), "applied");
        for (std::size_t i = 1; i < failing.size(); ++i) {
            ASSERT_EQ(report(failed(failing[i], "io_error")), "applied");
        }
    }
};

TEST_F(QuarantinedWorker, GetsNoWorkWhileAnotherCanDoIt) {
    sentence_source();

    EXPECT_THAT(poll("source"), IsEmpty());
    EXPECT_FALSE(poll("other", 1).empty());
}

TEST_F(QuarantinedWorker, GetsWorkThatNobodyElseCanDo) {
    sentence_source();

    add_worker(worker("other", {"/src"}, "DRAINING"));
    ASSERT_TRUE(cluster_.look_closely());

    EXPECT_FALSE(poll("source", 1).empty());
}

// Nobody else is given it: it comes back to the one that failed on it, too.
TEST_F(QuarantinedWorker, DoesNotKeepUnitsFromTheOthers) {
    sentence_source();
    const auto given = poll("other", 1);
    ASSERT_EQ(given.size(), 1U);
    ASSERT_EQ(report(failed(given[0], "io_error")), "applied");
    pass(Millis{61'000},
         {worker("source", {"/src"}), worker("other", {"/src"}), worker("destination", {"/dst"})});

    std::vector<std::string> labels;
    for (const model::Assignment& again : poll("other", 12)) labels.push_back(again.unit.label);

    EXPECT_THAT(labels, testing::Contains(given[0].unit.label));
}

TEST_F(QuarantinedWorker, GetsTheRequestThatIsItsAlone) {
    sentence_source();
    admit(sync("r-2", "/src/b", "/dst/b"));
    ASSERT_TRUE(lifecycle_.reassign("r-2", "source"));

    const auto given = poll("source");

    ASSERT_EQ(given.size(), 1U);
    EXPECT_EQ(given[0].id.request, "r-2");
}

TEST_F(QuarantinedWorker, IsFreeWhenItWasStartedAnew) {
    sentence_source();
    model::Heartbeat heartbeat;
    heartbeat.worker = worker("source", {"/src"});
    heartbeat.worker.incarnation = "2";

    ASSERT_TRUE(results_.take(heartbeat));
    ASSERT_TRUE(cluster_.look_closely());

    EXPECT_FALSE(poll("source", 1).empty());
}

}  // namespace
}  // namespace godwit::master
