// What the scheduler shows a policy, and what it takes from one.
#include "cluster_in_memory.h"
#include "support/captured_log.h"

namespace godwit::master {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Policy : public ClusterInMemory {
protected:
    // Two requests, to be written by "destination"; "other" is no destination of theirs.
    void admit_two() {
        add_two_workers();
        add_worker(worker("other", {"/elsewhere"}));
        admit(sync("r-1", "/src/a", "/dst/a"));
        admit(sync("r-2", "/src/b", "/dst/b"));
    }
    void answer(std::vector<sdk::Choice> choices) {
        policy_.decide = [choices](const sdk::Picture&) -> ObedientPolicy::Choices {
            return choices;
        };
    }
    std::vector<std::string> given(std::size_t units_max = 16) {
        std::vector<std::string> labels;
        for (const auto& assignment : poll("source", units_max)) {
            labels.push_back(assignment.unit.label);
        }
        return labels;
    }
    // Workers stand in the order of their ids.
    static constexpr std::uint32_t kDestination = 0;
    static constexpr std::uint32_t kOther = 1;
    static constexpr std::uint32_t kSource = 2;

    test_support::CapturedLog log_;
};

TEST_F(Policy, SeesWhoAsksWhoIsThereAndWhatThereIsToDo) {
    admit_two();
    add_worker(worker("draining", {"/dst"}, "DRAINING"));
    admit(sync("of-others", "/elsewhere/a", "/dst/c"));
    std::vector<std::string> workers;
    std::vector<std::string> requests;
    std::vector<std::uint32_t> destinations;
    policy_.decide = [&](const sdk::Picture& picture) -> ObedientPolicy::Choices {
        EXPECT_EQ(picture.workers[picture.worker].worker->id, "source");
        EXPECT_EQ(picture.capacity, 7U);
        workers.clear();
        requests.clear();
        for (const auto& view : picture.workers) workers.push_back(view.worker->id);
        for (const auto& view : picture.candidates) requests.push_back(view.request->id);
        const auto first = picture.candidates[0].destinations;
        destinations.assign(first.begin(), first.end());
        return std::vector<sdk::Choice>{};
    };

    EXPECT_THAT(given(7), IsEmpty());

    EXPECT_THAT(workers, ElementsAre("destination", "other", "source"));
    EXPECT_THAT(requests, ElementsAre("r-1", "r-2"));
    EXPECT_THAT(destinations, ElementsAre(kDestination));
}

TEST_F(Policy, SeesHowMuchEachWorkerHolds) {
    given_chunk();
    admit(sync("r-2", "/src/b", "/dst/b"));
    std::uint32_t in_flight = 0;
    policy_.decide = [&](const sdk::Picture& picture) -> ObedientPolicy::Choices {
        in_flight = picture.workers[picture.worker].in_flight;
        return std::vector<sdk::Choice>{};
    };

    EXPECT_THAT(given(), IsEmpty());

    EXPECT_EQ(in_flight, 1U);
}

TEST_F(Policy, IsFollowedInItsOrder) {
    admit_two();
    answer({{1, kDestination, 1}, {0, kDestination, 1}});

    EXPECT_THAT(given(), ElementsAre("/src/b", "/src/a"));
    EXPECT_THAT(log_.text(), Not(HasSubstr("broke its rules")));
}

TEST_F(Policy, IsFollowedNoFurtherThanTheCapacityGoes) {
    admit_two();
    answer({{0, kDestination, 1'000}, {1, kDestination, 1'000}});

    EXPECT_THAT(given(1), ElementsAre("/src/a"));
}

TEST_F(Policy, MayGiveFewerUnitsThanThereAre) {
    add_two_workers();
    admit(sync("r-1"));
    list("r-1", {chunk("a"), chunk("b"), chunk("c")});
    answer({{0, kDestination, 2}});

    EXPECT_THAT(given(), ElementsAre("a", "b"));
}

TEST_F(Policy, MayLetAWorkerWait) {
    admit_two();
    answer({});

    EXPECT_THAT(given(), IsEmpty());
    EXPECT_THAT(log_.text(), Not(HasSubstr("error")));
}

TEST_F(Policy, ThatBreaksItsRulesIsPassedOverAndLogged) {
    admit_two();
    for (const sdk::Choice& wrong :
         {sdk::Choice{2, kDestination, 1}, sdk::Choice{UINT32_MAX, kDestination, 1},
          sdk::Choice{0, kOther, 1}, sdk::Choice{0, kSource, 1}, sdk::Choice{0, 3, 1},
          sdk::Choice{0, sdk::kNoDestination, 1}}) {
        answer({wrong});

        EXPECT_THAT(given(), IsEmpty()) << wrong.candidate << " " << wrong.destination;
    }
    EXPECT_THAT(log_.text(), HasSubstr("error   scheduler: the policy broke its rules"));
    answer({{7, 7, 7}, {1, kDestination, 1}});
    EXPECT_THAT(given(), ElementsAre("/src/b")) << "what is sound of it counts";
}

TEST_F(Policy, NamesNoDestinationWhereThereIsNone) {
    add_worker(worker("source", {"/src"}));
    admit(sync("r-1"));

    answer({{0, 0, 1}});
    EXPECT_THAT(poll("source", 1, AskForm::Single), IsEmpty());
    answer({{0, sdk::kNoDestination, 1}});
    EXPECT_EQ(poll("source", 1, AskForm::Single).size(), 1U);
}

TEST_F(Policy, ThatWantsNoUnitsGetsNone) {
    admit_two();
    answer({{0, kDestination, 0}, {1, kDestination, 1}});

    EXPECT_THAT(given(), ElementsAre("/src/b"));
}

TEST_F(Policy, ThatFailsIsNamedInTheError) {
    admit_two();
    policy_.decide = [](const sdk::Picture&) -> ObedientPolicy::Choices {
        return Error{Code::Internal, "out of ideas"};
    };

    const auto nothing = scheduler_.assign("source", 1, AskForm::Batch);

    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error().message, "assignment policy: out of ideas");
    EXPECT_EQ(state("r-1"), RequestState::Queued);
}

}  // namespace
}  // namespace godwit::master
