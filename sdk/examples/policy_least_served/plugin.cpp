// Whoever has the least gets the next unit: requests by what is under way for them, destinations by
// what they write already.
#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#include <godwit/sdk/assignment_policy.h>
#include <godwit/sdk/plugin.h>

namespace example {

namespace sdk = godwit::sdk;

constexpr sdk::OptionSpec kOptions[] = {
    {"units_per_request_max", sdk::OptionType::Integer, "64",
     "units that one poll gets of one request at most"},
};
constexpr std::span<const sdk::OptionSpec> kTable{kOptions};

class LeastServed final : public sdk::AssignmentPolicy {
public:
    explicit LeastServed(std::uint64_t units_max) noexcept : units_max_{units_max} {}

    sdk::Result<std::vector<sdk::Choice>> choose(const sdk::Picture& picture) noexcept override {
        std::vector<Share> shares = shares_of(picture);
        std::vector<std::uint64_t> extra_load(picture.workers.size(), 0);
        std::vector<sdk::Choice> choices;
        for (std::uint32_t taken = 0; taken < picture.capacity && !shares.empty(); ++taken) {
            const auto least = std::ranges::min_element(shares, {}, &Share::under_way);
            const auto& destinations = picture.candidates[least->candidate].destinations;
            choices.push_back({least->candidate, pick(picture, destinations, extra_load), 1});
            ++least->under_way;
            if (--least->left == 0) shares.erase(least);
        }
        return choices;
    }

private:
    struct Share {
        std::uint32_t candidate = 0;
        std::uint64_t left = 0;
        std::uint64_t under_way = 0;
    };

    std::vector<Share> shares_of(const sdk::Picture& picture) const {
        const auto sum = [](const auto& counts) {
            return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
        };
        std::vector<Share> shares;
        for (std::uint32_t i = 0; i < picture.candidates.size(); ++i) {
            const auto& backlog = picture.candidates[i].request->backlog;
            const std::uint64_t left = std::min(sum(backlog.pending), units_max_);
            if (left != 0) shares.push_back({i, left, sum(backlog.leased)});
        }
        return shares;
    }

    static std::uint32_t pick(const sdk::Picture& picture,
                              std::span<const std::uint32_t> destinations,
                              std::vector<std::uint64_t>& extra_load) {
        if (destinations.empty()) return sdk::kNoDestination;
        const std::uint32_t best = *std::ranges::min_element(destinations, {}, [&](auto index) {
            const sdk::WorkerView& worker = picture.workers[index];
            return worker.in_flight + worker.writing_for + extra_load[index];
        });
        ++extra_load[best];
        return best;
    }

    const std::uint64_t units_max_;
};

sdk::Result<std::unique_ptr<sdk::AssignmentPolicy>> create(const sdk::Options& options,
                                                           const sdk::Host&) {
    sdk::OptionReader read{options, kTable};
    const auto units_max =
        static_cast<std::uint64_t>(read.integer("units_per_request_max", 1, 4096));
    if (auto status = read.finish(); !status) return std::move(status).error();
    return std::unique_ptr<sdk::AssignmentPolicy>{std::make_unique<LeastServed>(units_max)};
}

}  // namespace example

GODWIT_ASSIGNMENT_POLICY_PLUGIN("least_served", "1.0.0", "whoever has the least gets the next unit",
                                example::kTable, example::create)
