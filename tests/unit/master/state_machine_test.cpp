#include "master/state_machine.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace godwit::master {
namespace {

using sdk::RequestState;

constexpr std::array kStates{RequestState::Queued,
                             RequestState::Progress,
                             RequestState::Paused,
                             RequestState::Completed,
                             RequestState::CompletedWithErrors,
                             RequestState::Failed,
                             RequestState::Cancelled};
static_assert(kStates.size() == sdk::kRequestStates);
constexpr std::array kEvents{
    RequestEvent::Claim,   RequestEvent::Drain,           RequestEvent::Fail,
    RequestEvent::Cancel,  RequestEvent::Pause,           RequestEvent::Resume,
    RequestEvent::Requeue, RequestEvent::DrainWithErrors, RequestEvent::Retry};

// Written down a second time on purpose: what operators are promised.
const std::map<std::pair<RequestState, RequestEvent>, RequestState> kLegal{
    {{RequestState::Queued, RequestEvent::Claim}, RequestState::Progress},
    {{RequestState::Queued, RequestEvent::Fail}, RequestState::Failed},
    {{RequestState::Queued, RequestEvent::Cancel}, RequestState::Cancelled},
    {{RequestState::Queued, RequestEvent::Pause}, RequestState::Paused},
    {{RequestState::Queued, RequestEvent::Requeue}, RequestState::Queued},
    {{RequestState::Progress, RequestEvent::Drain}, RequestState::Completed},
    {{RequestState::Progress, RequestEvent::DrainWithErrors}, RequestState::CompletedWithErrors},
    {{RequestState::Progress, RequestEvent::Fail}, RequestState::Failed},
    {{RequestState::Progress, RequestEvent::Cancel}, RequestState::Cancelled},
    {{RequestState::Progress, RequestEvent::Pause}, RequestState::Paused},
    {{RequestState::Paused, RequestEvent::Resume}, RequestState::Progress},
    {{RequestState::Paused, RequestEvent::Cancel}, RequestState::Cancelled},
    {{RequestState::Failed, RequestEvent::Requeue}, RequestState::Queued},
    {{RequestState::Failed, RequestEvent::Retry}, RequestState::Queued},
    {{RequestState::CompletedWithErrors, RequestEvent::Retry}, RequestState::Queued},
};

TEST(RequestState, ChangesAsPromisedAndNotOtherwise) {
    for (const RequestState from : kStates) {
        for (const RequestEvent on : kEvents) {
            const auto legal = kLegal.find({from, on});
            const auto expected =
                legal == kLegal.end() ? std::nullopt : std::optional{legal->second};

            EXPECT_EQ(next_state(from, on), expected)
                << sdk::to_string(from) << " on " << to_string(on);
        }
    }
}

TEST(RequestState, OfWhatIsDoneOrCancelledIsFinal) {
    for (const RequestEvent on : kEvents) {
        EXPECT_FALSE(next_state(RequestState::Completed, on)) << to_string(on);
        EXPECT_FALSE(next_state(RequestState::Cancelled, on)) << to_string(on);
    }
}

TEST(RequestEvent, HasAWordOfItsOwn) {
    std::set<std::string_view> words;
    for (const RequestEvent event : kEvents) words.insert(to_string(event));

    EXPECT_EQ(words.size(), kEvents.size());
    EXPECT_EQ(words.count("corrupt"), 0U);
}

}  // namespace
}  // namespace godwit::master
