// Which temporaries of large files this agent has made, by request, so that they can be removed
// when the request is cancelled or forgotten.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

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

    auto operator<=>(const TemporaryPlace&) const = default;
};

// Thread-safe.
class Ledger {
public:
    void add(const RequestKey& request, const TemporaryPlace& place);
    void drop(const RequestKey& request, const TemporaryPlace& place);

    std::vector<RequestKey> requests() const;
    // Removes all temporaries of the request from the file system, and forgets them. What cannot be
    // removed is logged, and left to the sweep of a later request.
    void clean(const RequestKey& request);

private:
    mutable std::mutex mutex_;
    std::map<RequestKey, std::set<TemporaryPlace>> places_;  // guarded by mutex_
};

}  // namespace godwit::transfer
