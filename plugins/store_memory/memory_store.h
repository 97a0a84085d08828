// The StateStore that lives and dies with its process.
//
// Thread-safe. The index is locked only to find, add or remove a request; all work on a request
// happens under that request's own lock, so that busy requests do not wait for each other.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "godwit/sdk/host.h"
#include "godwit/sdk/state_store.h"
#include "hints.h"
#include "request_ledger.h"

namespace godwit::store_memory {

class MemoryStore final : public sdk::StateStore {
public:
    explicit MemoryStore(const sdk::Host& host) : clock_{host.clock} {}

    sdk::StoreInfo info() const noexcept override;
    sdk::Status ping() noexcept override;

    sdk::Result<sdk::CreateReply> create(const sdk::NewRequest& request) noexcept override;
    sdk::Result<sdk::Request> get(const sdk::RequestId& id) noexcept override;
    sdk::Result<sdk::RequestPage> list(const sdk::RequestFilter& filter, std::string_view cursor,
                                       std::size_t limit) noexcept override;
    sdk::Status remove(const sdk::RequestId& id) noexcept override;
    sdk::Result<sdk::Revision> transition(const sdk::RequestId& id, sdk::Revision expected,
                                          const sdk::Transition& change) noexcept override;
    sdk::Result<std::string> attachment(const sdk::RequestId& id) noexcept override;
    sdk::Result<sdk::ErrorPage> errors(const sdk::RequestId& id, std::string_view cursor,
                                       std::size_t limit) noexcept override;

    sdk::Result<std::vector<sdk::Lease>> claim(const sdk::RequestId& id,
                                               const sdk::ClaimSpec& spec) noexcept override;
    sdk::Result<std::vector<sdk::Outcome>> complete(
        const sdk::RequestId& id, std::span<const sdk::Completion> items) noexcept override;
    sdk::Result<std::vector<sdk::FailReply>> fail(
        const sdk::RequestId& id, std::span<const sdk::Failure> items) noexcept override;
    sdk::Result<std::vector<sdk::Outcome>> renew(const sdk::RequestId& id,
                                                 std::span<const sdk::LeaseRef> items,
                                                 sdk::Millis lease) noexcept override;
    sdk::Result<std::vector<sdk::Reaped>> reap(const sdk::RequestId& id,
                                               const sdk::ReapSpec& spec) noexcept override;
    sdk::Result<std::vector<sdk::Lease>> leases(const sdk::RequestId& id,
                                                const sdk::WorkerId& worker) noexcept override;

    sdk::Result<std::string> upsert_worker(const sdk::Worker& worker) noexcept override;
    sdk::Result<std::vector<sdk::Worker>> workers() noexcept override;
    sdk::Status remove_worker(const sdk::WorkerId& id) noexcept override;

    sdk::Result<std::unique_ptr<sdk::Subscription>> subscribe(
        sdk::Watcher watcher) noexcept override;

private:
    struct Entry {
        Entry(const sdk::NewRequest& request, const Now& now)
            : fingerprint{request.fingerprint}, ledger{request, now} {}

        const std::string fingerprint;
        std::uint64_t number = 0;  // Orders requests by age; set once, before it is shared.
        std::mutex mutex;
        bool removed = false;  // By mutex; whoever still holds the entry finds nothing any more.
        RequestLedger ledger;  // By mutex.
    };
    class Opened;
    struct WorkerRecord {
        sdk::Worker worker;
        Instant seen;
    };

    Now now() const noexcept;
    std::shared_ptr<Entry> find(const sdk::RequestId& id) const;
    Opened open(const sdk::RequestId& id) const;
    std::vector<std::shared_ptr<Entry>> entries_after(std::uint64_t number,
                                                      std::size_t limit) const;

    sdk::Clock& clock_;
    TokenSource tokens_;

    mutable std::shared_mutex index_mutex_;
    std::uint64_t last_number_ = 0;                                     // By index_mutex_.
    std::unordered_map<sdk::RequestId, std::shared_ptr<Entry>> by_id_;  // By index_mutex_.
    std::map<std::uint64_t, std::shared_ptr<Entry>> by_age_;            // By index_mutex_.

    std::mutex workers_mutex_;
    std::map<sdk::WorkerId, WorkerRecord> workers_;  // By workers_mutex_.

    Hints hints_;
};

}  // namespace godwit::store_memory
