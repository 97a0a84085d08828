#include "policy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <string>
#include <tuple>

namespace godwit::policy_storage_affinity {
namespace {

using sdk::Choice;
using sdk::Picture;
using sdk::RequestView;
using sdk::Worker;
using sdk::WorkerView;

// A candidate, as this worker could serve it.
struct Offer {
    std::uint32_t candidate = 0;
    std::uint64_t units = 0;  // That this worker may take.
    std::uint64_t load = 0;   // Leases of the request, those that are chosen here included.
    bool local = false;
};

std::uint64_t sum(const std::array<std::uint64_t, sdk::kUnitKinds>& counts) {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::uint32_t free_slots(const WorkerView& view) {
    return view.worker->slots > view.in_flight ? view.worker->slots - view.in_flight : 0;
}

bool mounts(const Worker& worker, const std::string& path) {
    return !sdk::mount_of(worker, path).empty();
}

// Workers that say nothing of transports (clients of the seed guide) are taken at their word.
bool share_transport(const Worker& a, const Worker& b) {
    if (a.transports.empty() || b.transports.empty()) return true;
    return std::find_first_of(a.transports.begin(), a.transports.end(), b.transports.begin(),
                              b.transports.end()) != a.transports.end();
}

bool share_subnet(const Worker& a, const Worker& b, const Settings& settings) {
    return std::any_of(a.endpoints.begin(), a.endpoints.end(), [&](const sdk::Endpoint& mine) {
        return std::any_of(b.endpoints.begin(), b.endpoints.end(),
                           [&](const sdk::Endpoint& theirs) {
                               return same_subnet(mine.address, theirs.address, settings);
                           });
    });
}

// What the worker failed on is given to others as long as there are any, and would wait for ever if
// it were kept for the worker. It has had a word in the request's detail since. While units are
// under way, it is soon enough when they have ended.
bool waits_for_others(const sdk::Request& request, const Worker& worker) {
    return sum(request.backlog.leased) == 0 && request.detail.contains(worker.id);
}

// What the workers that mount both sides can take at once.
std::uint64_t local_capacity(const Picture& picture, const RequestView& view) {
    std::uint64_t capacity = 0;
    for (const std::uint32_t index : view.destinations) {
        const WorkerView& worker = picture.workers[index];
        if (!mounts(*worker.worker, view.request->source_path)) continue;
        if (!waits_for_others(*view.request, *worker.worker)) capacity += free_slots(worker);
    }
    return capacity;
}

std::vector<Offer> offers_of(const Picture& picture) {
    const Worker& self = *picture.workers[picture.worker].worker;
    std::vector<Offer> offers;
    for (std::uint32_t i = 0; i < picture.candidates.size(); ++i) {
        const RequestView& view = picture.candidates[i];
        if (!mounts(self, view.request->source_path)) continue;
        Offer offer;
        offer.candidate = i;
        offer.units = sum(view.request->backlog.pending);
        offer.load = sum(view.request->backlog.leased);
        offer.local = std::find(view.destinations.begin(), view.destinations.end(),
                                picture.worker) != view.destinations.end();
        if (!offer.local) {
            const std::uint64_t theirs = local_capacity(picture, view);
            offer.units = offer.units > theirs ? offer.units - theirs : 0;
        }
        if (offer.units > 0) offers.push_back(offer);
    }
    return offers;
}

// The best first: priority, then the shortest way, then whoever has the least, then the oldest.
std::size_t best_of(const Picture& picture, const std::vector<Offer>& offers, bool local_first) {
    const auto key = [&](const Offer& offer) {
        const std::int32_t priority = picture.candidates[offer.candidate].request->priority;
        return std::tuple{-static_cast<std::int64_t>(priority), local_first && !offer.local,
                          offer.load, offer.candidate};
    };
    std::size_t best = 0;
    for (std::size_t i = 1; i < offers.size(); ++i) {
        if (key(offers[i]) < key(offers[best])) best = i;
    }
    return best;
}

class Destinations {
public:
    Destinations(const Picture& picture, const Settings& settings)
        : picture_{picture}, settings_{settings}, extra_(picture.workers.size(), 0) {}

    std::uint32_t pick(const Offer& offer) {
        if (offer.local) return picture_.worker;
        const RequestView& view = picture_.candidates[offer.candidate];
        if (view.destinations.empty()) return sdk::kNoDestination;
        const Worker& self = *picture_.workers[picture_.worker].worker;
        // Where all else is equal, requests start at different workers.
        const std::size_t turn = view.request->generation % view.destinations.size();
        const auto key = [&](std::size_t position) {
            const std::uint32_t index = view.destinations[position];
            const WorkerView& worker = picture_.workers[index];
            const double load =
                static_cast<double>(worker.in_flight + worker.writing_for + extra_[index]) /
                std::max<std::uint32_t>(1, worker.worker->slots);
            const std::size_t distance =
                (position + view.destinations.size() - turn) % view.destinations.size();
            return std::tuple{!share_transport(self, *worker.worker),
                              !share_subnet(self, *worker.worker, settings_), load, distance};
        };
        std::size_t best = 0;
        for (std::size_t i = 1; i < view.destinations.size(); ++i) {
            if (key(i) < key(best)) best = i;
        }
        const std::uint32_t index = view.destinations[best];
        ++extra_[index];
        return index;
    }

private:
    const Picture& picture_;
    const Settings& settings_;
    std::vector<std::uint32_t> extra_;  // Units chosen for each worker in this call.
};

bool same_bits(const unsigned char* a, const unsigned char* b, int bits) {
    const std::size_t whole = static_cast<std::size_t>(bits) / 8;
    if (std::memcmp(a, b, whole) != 0) return false;
    const int rest = bits % 8;
    if (rest == 0) return true;
    const auto mask = static_cast<unsigned char>(0xFF << (8 - rest));
    return (a[whole] & mask) == (b[whole] & mask);
}

}  // namespace

bool same_subnet(std::string_view a, std::string_view b, const Settings& settings) noexcept {
    std::array<unsigned char, 16> first{};
    std::array<unsigned char, 16> second{};
    const std::string text_a{a};
    const std::string text_b{b};
    for (const auto& [family, bits] : {std::pair{AF_INET, settings.subnet_prefix_v4},
                                       std::pair{AF_INET6, settings.subnet_prefix_v6}}) {
        if (::inet_pton(family, text_a.c_str(), first.data()) == 1 &&
            ::inet_pton(family, text_b.c_str(), second.data()) == 1) {
            return same_bits(first.data(), second.data(), bits);
        }
    }
    return false;
}

sdk::Result<std::vector<Choice>> StorageAffinity::choose(const Picture& picture) noexcept {
    std::vector<Offer> offers = offers_of(picture);
    Destinations destinations{picture, settings_};
    std::vector<Choice> choices;
    for (std::uint32_t taken = 0; taken < picture.capacity && !offers.empty(); ++taken) {
        const std::size_t best = best_of(picture, offers, settings_.local_first);
        Offer& offer = offers[best];
        const std::uint32_t destination = destinations.pick(offer);
        const auto known = std::find_if(choices.begin(), choices.end(), [&](const Choice& choice) {
            return choice.candidate == offer.candidate && choice.destination == destination;
        });
        if (known != choices.end()) {
            ++known->units_max;
        } else {
            choices.push_back({offer.candidate, destination, 1});
        }
        ++offer.load;
        if (--offer.units == 0) offers.erase(offers.begin() + static_cast<std::ptrdiff_t>(best));
    }
    return choices;
}

constexpr sdk::OptionSpec kOptions[3] = {
    {"local_first", sdk::OptionType::Boolean, "true",
     "among requests of one priority, those first that the worker can copy without a transport"},
    {"subnet_prefix_v4", sdk::OptionType::Integer, "24",
     "addresses that agree in so many bits are near each other (IPv4)"},
    {"subnet_prefix_v6", sdk::OptionType::Integer, "64", "the same for IPv6"},
};

sdk::Result<std::unique_ptr<sdk::AssignmentPolicy>> create(const sdk::Options& options,
                                                           const sdk::Host&) {
    Settings settings;
    sdk::OptionReader read{options, kOptions};
    settings.local_first = read.boolean("local_first");
    settings.subnet_prefix_v4 = static_cast<int>(read.integer("subnet_prefix_v4", 0, 32));
    settings.subnet_prefix_v6 = static_cast<int>(read.integer("subnet_prefix_v6", 0, 128));
    if (auto status = read.finish(); !status) return std::move(status).error();
    return std::unique_ptr<sdk::AssignmentPolicy>{std::make_unique<StorageAffinity>(settings)};
}

}  // namespace godwit::policy_storage_affinity
