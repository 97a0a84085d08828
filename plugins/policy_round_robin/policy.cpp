#include "policy.h"

#include <algorithm>
#include <numeric>

namespace godwit::policy_round_robin {
namespace {

using sdk::Choice;
using sdk::Picture;
using sdk::RequestView;

// What one request can still give, and whose turn it is among its destinations.
struct Turn {
    std::uint32_t candidate = 0;
    std::uint64_t units = 0;
    std::uint64_t next_destination = 0;
};

std::uint64_t sum(const std::array<std::uint64_t, sdk::kUnitKinds>& counts) {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

// Every unit that is under way moves the turn on by one; requests start apart from each other.
std::vector<Turn> turns_of(const Picture& picture, std::uint64_t& under_way) {
    std::vector<Turn> turns;
    for (std::uint32_t i = 0; i < picture.candidates.size(); ++i) {
        const sdk::Request& request = *picture.candidates[i].request;
        const std::uint64_t leased = sum(request.backlog.leased);
        const std::uint64_t units = sum(request.backlog.pending);
        under_way += leased;
        if (units > 0) turns.push_back({i, units, request.generation + leased});
    }
    return turns;
}

std::uint32_t take_destination(const RequestView& view, Turn& turn) {
    if (view.destinations.empty()) return sdk::kNoDestination;
    return view.destinations[turn.next_destination++ % view.destinations.size()];
}

}  // namespace

sdk::Result<std::vector<Choice>> RoundRobin::choose(const Picture& picture) noexcept {
    std::uint64_t under_way = 0;
    std::vector<Turn> turns = turns_of(picture, under_way);
    std::vector<Choice> choices;
    std::size_t at = turns.empty() ? 0 : under_way % turns.size();
    for (std::uint32_t taken = 0; taken < picture.capacity && !turns.empty(); ++taken) {
        Turn& turn = turns[at];
        const std::uint32_t destination =
            take_destination(picture.candidates[turn.candidate], turn);
        choices.push_back({turn.candidate, destination, 1});
        if (--turn.units == 0) {
            turns.erase(turns.begin() + static_cast<std::ptrdiff_t>(at));
        } else {
            ++at;
        }
        if (at >= turns.size()) at = 0;
    }
    return choices;
}

sdk::Result<std::unique_ptr<sdk::AssignmentPolicy>> create(const sdk::Options& options,
                                                           const sdk::Host&) {
    sdk::OptionReader read{options, sdk::kNoOptions};
    if (auto status = read.finish(); !status) return std::move(status).error();
    return std::unique_ptr<sdk::AssignmentPolicy>{std::make_unique<RoundRobin>()};
}

}  // namespace godwit::policy_round_robin
