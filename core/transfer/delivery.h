// The way from a source to one destination, for one assignment: across the fabric, or within this
// machine when the worker mounts both sides. Executors see only this.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "files/root.h"
#include "transfer/destination.h"
#include "transfer/peer_client.h"
#include "transfer/source.h"

namespace godwit::transfer {

template <class T>
using Attempt = std::variant<T, Trouble>;

// A file of a pack.
struct Place {
    int directory = 0;
    int file = 0;  // In its directory.
};

// What became of the files of a pack.
class PackReport {
public:
    explicit PackReport(const work::Pack& pack) {
        for (const work::DirectoryFiles& directory : pack.directories()) {
            states_.emplace_back(static_cast<std::size_t>(directory.files_size()), State::Unknown);
        }
    }

    enum class State : std::uint8_t { Unknown, Done, Problem };
    struct Problem {
        Place place;
        Trouble trouble;
    };

    void set_done(Place place) { state(place) = State::Done; }
    void set_problem(Place place, Trouble trouble) {
        state(place) = State::Problem;
        problems.push_back({place, std::move(trouble)});
    }
    State state(Place place) const {
        return states_[static_cast<std::size_t>(place.directory)]
                      [static_cast<std::size_t>(place.file)];
    }

    std::vector<Problem> problems;
    std::uint64_t bytes_on_wire = 0;
    bool owner_dropped = false;
    // Set: the way broke down; files whose state is unknown may or may not be published.
    std::optional<Trouble> broken;

private:
    State& state(Place place) {
        return states_[static_cast<std::size_t>(place.directory)]
                      [static_cast<std::size_t>(place.file)];
    }
    std::vector<std::vector<State>> states_;
};

// What became of a range. `changed`: the source is not what was listed, or is gone; the publish
// step deals with it.
struct RangeReport {
    std::uint64_t bytes_written = 0;
    std::uint64_t bytes_on_wire = 0;
    bool changed = false;
    std::optional<Trouble> broken;
};

// Owned by one executor; its methods block, and end soon once `stop` (given at the start) is
// requested, then with Trouble::stopped().
class Delivery {
public:
    virtual ~Delivery() = default;

    virtual Attempt<peer::Opened::Found> open(const peer::Open& open) = 0;
    virtual Attempt<peer::Viewed> view(peer::View view) = 0;
    virtual PackReport send_pack(const files::Tree& source, const work::Pack& pack) = 0;
    virtual RangeReport send_range(const files::Tree& source, const work::Range& range) = 0;
    virtual Attempt<peer::Published> publish(peer::Publish publish) = 0;
    virtual Attempt<peer::DirectoriesDone> set_directories(peer::Directories directories) = 0;
};

std::unique_ptr<Delivery> deliver_to_peer(std::shared_ptr<PeerClient> peer, BufferPool& send_pool,
                                          std::stop_token stop);
std::unique_ptr<Delivery> deliver_locally(std::vector<std::string> storage_paths, Ledger& ledger,
                                          std::stop_token stop);

}  // namespace godwit::transfer
