// Every change of a request's state that there is. What is not in the table does not happen.
#pragma once

#include <array>
#include <optional>

#include "godwit/sdk/types.h"

namespace godwit::master {

enum class RequestEvent : std::uint8_t {
    Claim,            // The first unit was handed out.
    Drain,            // Nothing is left to do, and everything is there.
    DrainWithErrors,  // Nothing is left to do, and something failed, or was refused.
    Fail,             // It cannot do its job.
    Cancel,           // An operator's word.
    Pause,            // An operator's word, or a full destination.
    Resume,
    Requeue,  // It starts anew, on one worker.
    Retry,    // It starts anew, with what failed or with everything.
};

struct Edge {
    sdk::RequestState from;
    RequestEvent on;
    sdk::RequestState to;
};

inline constexpr std::array kEdges{
    Edge{sdk::RequestState::Queued, RequestEvent::Claim, sdk::RequestState::Progress},
    Edge{sdk::RequestState::Progress, RequestEvent::Drain, sdk::RequestState::Completed},
    Edge{sdk::RequestState::Progress, RequestEvent::DrainWithErrors,
         sdk::RequestState::CompletedWithErrors},
    Edge{sdk::RequestState::Queued, RequestEvent::Fail, sdk::RequestState::Failed},
    Edge{sdk::RequestState::Progress, RequestEvent::Fail, sdk::RequestState::Failed},
    Edge{sdk::RequestState::Queued, RequestEvent::Cancel, sdk::RequestState::Cancelled},
    Edge{sdk::RequestState::Progress, RequestEvent::Cancel, sdk::RequestState::Cancelled},
    Edge{sdk::RequestState::Paused, RequestEvent::Cancel, sdk::RequestState::Cancelled},
    Edge{sdk::RequestState::Queued, RequestEvent::Pause, sdk::RequestState::Paused},
    Edge{sdk::RequestState::Progress, RequestEvent::Pause, sdk::RequestState::Paused},
    Edge{sdk::RequestState::Paused, RequestEvent::Resume, sdk::RequestState::Progress},
    Edge{sdk::RequestState::Queued, RequestEvent::Requeue, sdk::RequestState::Queued},
    Edge{sdk::RequestState::Failed, RequestEvent::Requeue, sdk::RequestState::Queued},
    Edge{sdk::RequestState::CompletedWithErrors, RequestEvent::Retry, sdk::RequestState::Queued},
    Edge{sdk::RequestState::Failed, RequestEvent::Retry, sdk::RequestState::Queued},
};

constexpr std::optional<sdk::RequestState> next_state(sdk::RequestState from,
                                                      RequestEvent on) noexcept {
    for (const Edge& edge : kEdges) {
        if (edge.from == from && edge.on == on) return edge.to;
    }
    return std::nullopt;  // Not an error here: the caller answers Conflict.
}
static_assert(!next_state(sdk::RequestState::Completed, RequestEvent::Claim));
static_assert(!next_state(sdk::RequestState::Completed, RequestEvent::Retry));
static_assert(!next_state(sdk::RequestState::Cancelled, RequestEvent::Requeue));

constexpr std::string_view to_string(RequestEvent event) noexcept {
    switch (event) {
    case RequestEvent::Claim: return "claim";
    case RequestEvent::Drain: return "drain";
    case RequestEvent::DrainWithErrors: return "drain_with_errors";
    case RequestEvent::Fail: return "fail";
    case RequestEvent::Cancel: return "cancel";
    case RequestEvent::Pause: return "pause";
    case RequestEvent::Resume: return "resume";
    case RequestEvent::Requeue: return "requeue";
    case RequestEvent::Retry: return "retry";
    }
    return "corrupt";
}

}  // namespace godwit::master
