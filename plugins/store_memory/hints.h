// Tells watchers which requests changed, on a thread of its own, so that no operation waits for a
// watcher and no lock of the store is held while one runs.
//
// Thread-safe. Changes of one request that follow each other closely become one hint. What does
// not fit into kHintsMax is dropped: hints may be lost, and callers poll as well.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "godwit/sdk/state_store.h"

namespace godwit::store_memory {

inline constexpr std::size_t kHintsMax = 4096;

class Hints {
public:
    Hints();

    void post(const sdk::RequestId& id);
    std::unique_ptr<sdk::Subscription> subscribe(sdk::Watcher watcher);

private:
    // Outlives both the subscription and the store, whichever goes first.
    struct Listener {
        std::mutex mutex;  // Held while the watcher runs: who ends the subscription waits for it.
        sdk::Watcher watcher;  // Empty: ended.
    };
    class Ticket;

    void run(const std::stop_token& stop);
    void deliver(const std::set<sdk::RequestId>& changed);

    std::mutex mutex_;
    std::condition_variable_any posted_;
    std::set<sdk::RequestId> changed_;                // By mutex_.
    std::vector<std::weak_ptr<Listener>> listeners_;  // By mutex_.
    std::jthread thread_;                             // Last: it uses all of the above.
};

}  // namespace godwit::store_memory
