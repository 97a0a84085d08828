// What requests say: their documents, parsed once and remembered.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "godwit/sdk/types.h"
#include "model/sync_request.h"

namespace godwit::master {

// Thread-safe. Every poll and every tick reads options of requests; parsing JSON is much of what
// such a step would cost.
class Documents {
public:
    // Beyond it, one that is remembered gives way.
    static constexpr std::size_t kDocumentsMax = 4096;

    // Null: it cannot be read (a newer master wrote it, say). Such a request is shown, and nothing
    // is done for it: what it asks for is not known.
    std::shared_ptr<const model::SyncRequest> of(const sdk::Request& request);

private:
    struct Entry {
        std::uint64_t generation = 0;
        sdk::Revision revision = 0;  // A document changes with a transition only.
        std::shared_ptr<const model::SyncRequest> document;
    };

    std::mutex mutex_;
    std::map<sdk::RequestId, Entry> entries_;  // guarded by mutex_
};

}  // namespace godwit::master
