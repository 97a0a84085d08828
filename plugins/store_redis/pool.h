// A bounded number of sessions, lent to one borrower at a time.
//
// Thread-safe. No lock is held while a connection is made or used. What came back broken, or was
// closed by the server meanwhile, is thrown away and made anew: so a server that was gone is used
// again without a restart of ours.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "godwit/sdk/host.h"
#include "godwit/sdk/state_store.h"
#include "session.h"
#include "settings.h"

namespace godwit::store_redis {

class Pool {
public:
    Pool(const Settings& settings, sdk::Logger& logger) : settings_{settings}, logger_{logger} {}

    // Goes back when destroyed. The pool must outlive it.
    class Borrowed {
    public:
        Borrowed(Pool& pool, std::unique_ptr<Session> session)
            : pool_{&pool}, session_{std::move(session)} {}
        Borrowed(Borrowed&&) noexcept = default;
        Borrowed& operator=(Borrowed&&) = delete;
        ~Borrowed() {
            if (session_) pool_->give_back(std::move(session_));
        }
        Session* operator->() const noexcept { return session_.get(); }

    private:
        Pool* pool_;
        std::unique_ptr<Session> session_;
    };

    // Waits for a free place as long as for an answer. Unavailable: no place, or no server.
    // InvalidArgument: the server refuses what the URL says.
    sdk::Result<Borrowed> borrow();

    // As the configuration of the server told, when it was last asked.
    sdk::StoreInfo::Durability durability() const noexcept { return durability_; }

private:
    void give_back(std::unique_ptr<Session> session) noexcept;
    std::unique_ptr<Session> take_idle();
    void meet_server(Session& session);
    std::string setting_of(Session& session, std::string_view name);

    const Settings settings_;
    sdk::Logger& logger_;
    std::atomic<sdk::StoreInfo::Durability> durability_{sdk::StoreInfo::Durability::None};

    std::mutex mutex_;
    std::condition_variable returned_;
    std::size_t lent_ = 0;                        // By mutex_.
    std::vector<std::unique_ptr<Session>> idle_;  // By mutex_; the last one was used last.
    std::string met_epoch_;                       // By mutex_.
};

}  // namespace godwit::store_redis
