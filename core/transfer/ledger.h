// Which temporaries of large files this agent has had to do with, by request: what may still be
// written to them, and what is to be removed when the request is over.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "peer.pb.h"

namespace godwit::transfer {

struct RequestKey {
    std::string id;
    std::uint64_t generation = 0;

    auto operator<=>(const RequestKey&) const = default;
};

struct TemporaryPlace {
    std::string storage_path;
    std::string root;       // Of the request's destination.
    std::string directory;  // Relative to root.
    std::string name;       // Of the temporary.
    bool is_final = false;  // Written where it stands: never removed.
    // Of the plan that writes it: what has its final name already is written to by many, in turn.
    std::uint64_t plan = 0;

    auto operator<=>(const TemporaryPlace&) const = default;
};

// One temporary. A source whose lease was lost may still send (a process that was stopped for a
// while, say): once sealed, nothing reaches the file any more, which has its final name by then.
struct Temporary {
    std::shared_mutex mutex;  // Shared while writing to it, exclusive to publish or remove it.
    bool sealed = false;      // guarded by mutex; its name is gone, and must not be made anew
    std::optional<peer::Losses> published;  // guarded by mutex
};

// Thread-safe.
class Ledger {
public:
    // The same object for all who ask for the same place.
    std::shared_ptr<Temporary> temporary(const RequestKey& request, const TemporaryPlace& place);
    // It was sealed. Remembered for a while, for late messages, so that a request with any number
    // of large files takes no more memory than one with few.
    void retire(const RequestKey& request, const TemporaryPlace& place);

    std::vector<RequestKey> requests() const;  // That have temporaries which are not sealed.
    // The request has ended. Removes all its temporaries from the file system; waits for those who
    // write to them just now. What cannot be removed is logged, and left to the sweep of a later
    // request.
    void clean(const RequestKey& request);

private:
    using Places = std::map<TemporaryPlace, std::shared_ptr<Temporary>>;

    void remember(Places::node_type retired);  // With mutex_ held.

    mutable std::mutex mutex_;
    std::map<RequestKey, Places> places_;  // guarded by mutex_
    // Sealed, or about to be: a late message must not make them anew.
    Places retired_;                            // guarded by mutex_
    std::deque<TemporaryPlace> retired_order_;  // guarded by mutex_
};

}  // namespace godwit::transfer
