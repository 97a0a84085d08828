// The StateStore that lives in a Redis server.
//
// Each operation is one Lua script on the keys of one request, so that it is applied whole or not
// at all, by the server's clock. The scripts hold the rules (scripts/prelude.lua is the place to
// start); this class packs, unpacks and says what a failure means.
//
// Thread-safe: every call borrows a connection of its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "codec.h"
#include "godwit/sdk/host.h"
#include "godwit/sdk/state_store.h"
#include "pool.h"
#include "records.h"
#include "settings.h"

namespace godwit::store_redis {

class RedisStore final : public sdk::StateStore {
public:
    RedisStore(const Settings& settings, const sdk::Host& host);

    // Whether the server takes us. Ok when there is none: it may come later.
    sdk::Status meet() noexcept;

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
    // When a request was put into the index, for the script that makes it active.
    struct Announcement {
        std::string member;
        std::string stamp;
    };

    // redis_store.cpp
    sdk::Result<Pool::Borrowed> borrow();
    std::vector<std::string> keys_of(const sdk::RequestId& id) const;
    ScriptCall call_of(const Script& script, const sdk::RequestId& id, const Packer& arguments,
                       const std::string& epoch) const;
    // The script's answer: a list that starts with a word. NotFound for the word "missing".
    sdk::Result<Reply> run(const Script& script, const sdk::RequestId& id, const Packer& arguments,
                           Access access);
    // Of a script beside the requests, or of a command. Unavailable when its answer is lost.
    sdk::Result<Reply> run_beside(const Script& script, std::vector<std::string> keys,
                                  std::vector<std::string> arguments, Access access);
    sdk::Result<Reply> call(std::vector<std::string_view> words, Access access);

    // redis_requests.cpp
    std::vector<std::string> index_keys() const;
    sdk::Result<Announcement> announce(const sdk::RequestId& id, const std::string& member);
    void settle(const std::string& member, std::string_view scope, std::uint64_t cutoff_us);
    sdk::Result<std::vector<std::string>> members_after(const std::string& key,
                                                        const std::string& cursor,
                                                        std::size_t limit);
    sdk::Result<std::vector<Reply>> show_all(const std::vector<std::string>& members);
    sdk::Result<std::optional<sdk::Request>> listed(const std::string& member, const Reply& reply,
                                                    const sdk::RequestFilter& filter);

    // redis_leases.cpp
    sdk::Result<std::vector<Reply>> run_batch(const Script& script, const sdk::RequestId& id,
                                              const std::vector<Packer>& items);

    const Settings settings_;
    sdk::Logger& logger_;
    Pool pool_;
};

}  // namespace godwit::store_redis
