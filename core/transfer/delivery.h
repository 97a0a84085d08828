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
#include "transfer/pacer.h"
#include "transfer/peer_client.h"
#include "transfer/source.h"
#include "transfer/waits.h"

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

    // Unchanged: it was as it should be already.
    enum class State : std::uint8_t { Unknown, Done, Unchanged, Problem };
    struct Problem {
        Place place;
        Trouble trouble;
    };

    void set_done(Place place) { state_at(place) = State::Done; }
    void set_unchanged(Place place) { state_at(place) = State::Unchanged; }
    void set_problem(Place place, Trouble trouble) {
        state_at(place) = State::Problem;
        problems.push_back({place, std::move(trouble)});
    }
    State state(Place place) const {
        return states_[static_cast<std::size_t>(place.directory)]
                      [static_cast<std::size_t>(place.file)];
    }

    void add(const peer::Losses& more) {
        losses.set_owner(losses.owner() || more.owner());
        losses.set_xattrs(losses.xattrs() || more.xattrs());
        losses.set_acls(losses.acls() || more.acls());
    }

    std::vector<Problem> problems;
    std::uint64_t bytes_on_wire = 0;
    peer::Losses losses;
    // Set: the way broke down; files whose state is unknown may or may not be published.
    std::optional<Trouble> broken;

private:
    State& state_at(Place place) {
        return states_[static_cast<std::size_t>(place.directory)]
                      [static_cast<std::size_t>(place.file)];
    }
    std::vector<std::vector<State>> states_;
};

// What became of a range. That the source is not what was listed, or is gone, is no trouble here:
// the publish step deals with it.
struct RangeReport {
    std::uint64_t bytes_on_wire = 0;
    std::optional<Trouble> broken;
};

// Owned by one executor; its methods block, and end soon once `stop` (given at the start) is
// requested, then with Trouble::stopped().
class Delivery {
public:
    virtual ~Delivery() = default;

    virtual Attempt<peer::Opened> open(const peer::Open& open) = 0;
    virtual Attempt<peer::Viewed> view(peer::View view) = 0;
    virtual Attempt<peer::DigestsDone> digests(peer::Digests digests) = 0;
    // What is done in `start` already is passed over.
    virtual PackReport send_pack(const files::Tree& source, const work::Pack& pack,
                                 PackReport start) = 0;
    // `begun`: some of it may be at the destination; what is there as it should be stays.
    virtual RangeReport send_range(const files::Tree& source, const work::Range& range,
                                   bool begun) = 0;
    virtual Attempt<peer::Published> publish(peer::Publish publish) = 0;
    virtual Attempt<peer::DirectoriesDone> set_directories(peer::Directories directories) = 0;
    virtual Attempt<peer::Removed> remove(peer::Remove remove) = 0;
};

// What deliveries of one agent share. All of it outlives them.
struct DeliveryMeans {
    std::stop_token stop;
    std::shared_ptr<Pacer> pacer;
    Waits& waits;
    // Where the destination is this agent's own; a peer finds out by itself.
    Destination::IsGivenUp is_given_up{};
};

std::unique_ptr<Delivery> deliver_to_peer(std::shared_ptr<PeerClient> peer, BufferPool& send_pool,
                                          DeliveryMeans means);
std::unique_ptr<Delivery> deliver_locally(std::vector<std::string> storage_paths, Ledger& ledger,
                                          DeliveryMeans means);

Trouble trouble_of(const peer::Failure& failure);

// Puts the entry's extended attributes, as they stand now, beside it. False, with `trouble` set:
// they could not be read.
bool add_xattrs(const SourceFolder& folder, files::XattrSelection selection, work::FileEntry& entry,
                Trouble& trouble);

// Metadata calls touch few files; a destination that needs longer hangs. (A dead one is noticed by
// its silence, much earlier.)
inline constexpr base::Millis kCallPatience{300'000};

}  // namespace godwit::transfer
