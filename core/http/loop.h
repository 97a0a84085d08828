// The thread that watches all connections of a server.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "http/connection.h"
#include "http/listener.h"
#include "http/poller.h"
#include "http/server.h"
#include "http/tally.h"
#include "http/workers.h"

namespace godwit::http {

// Thread-safe: what is public. What follows belongs to the loop's thread, except where it says so.
class Loop {
public:
    Loop(ServerSettings settings, Router router, AccessList access, base::Metrics& metrics);
    ~Loop();  // stop({0})

    Status start();
    std::uint16_t port() const noexcept { return port_; }
    void wake_parked() noexcept;
    void stop(base::Millis grace) noexcept;

private:
    struct Watched {
        std::unique_ptr<Connection> connection;
        base::Deadline timer = base::Deadline::max();  // As in timers_; max() has none there.
        bool parked = false;                           // As in parked_.
        std::uint64_t arrival = 0;                     // Its key there.
    };
    using Watch = std::unordered_map<std::uint64_t, Watched>;

    void run();
    base::Deadline next_event() const;
    void handle_events(std::span<const epoll_event> events);
    void handle_completions();
    void handle_wake();
    void handle_timers();
    void handle_turns();
    void accept_clients();
    void begin_drain();

    // After anything was done to a connection: forgets it if it is closed, and keeps timers_,
    // parked_ and turns_ in step with it.
    void settle(Watch::iterator watched);
    void set_timer(std::uint64_t id, Watched& watched);
    void forget(Watch::iterator watched);
    void complete(Completion completion) noexcept;  // From any thread.

    const ServerSettings settings_;
    const Router router_;
    const AccessList access_;
    Tally tally_;
    Shared shared_;
    std::atomic<std::uint16_t> port_{0};

    Result<Poller> poller_;  // wake() is used from any thread.
    std::optional<Listener> listener_;
    Watch watch_;
    std::uint64_t last_id_;
    std::set<std::pair<base::Deadline, std::uint64_t>> timers_;
    std::map<std::uint64_t, std::uint64_t> parked_;  // Arrival of the request → connection
    std::vector<std::uint64_t> turns_;               // Connections that could go on at once.
    bool clients_wait_ = false;                      // At the listener.
    base::Deadline accept_again_ = base::Deadline::max();
    base::Deadline flush_at_ = base::Deadline::max();
    std::uint64_t wakes_handled_ = 0;
    base::Deadline drain_until_ = base::Deadline::max();

    std::mutex mutex_;
    std::vector<Completion> completions_;  // guarded by mutex_
    std::optional<base::Millis> grace_;    // guarded by mutex_; set: stop
    std::mutex stop_mutex_;                // One stop() at a time.
    std::unique_ptr<Workers> workers_;
    std::jthread thread_;
};

}  // namespace godwit::http
