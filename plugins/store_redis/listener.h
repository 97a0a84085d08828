// One subscription to the hints: a connection and a thread of its own.
//
// A server that goes away is met again by itself; what was published meanwhile is lost, as hints
// may be. The destructor ends the thread within a second: it waits for nothing but a connection
// that is just being made.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <thread>

#include "connection.h"
#include "godwit/sdk/host.h"
#include "godwit/sdk/state_store.h"
#include "settings.h"

namespace godwit::store_redis {

std::string hint_channel(const Settings& settings);

class Listener final : public sdk::Subscription {
public:
    // Internal: no descriptor is left to wake the thread by.
    static sdk::Result<std::unique_ptr<Listener>> start(const Settings& settings,
                                                        sdk::Logger& logger, sdk::Watcher watcher);
    ~Listener() override;
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

private:
    Listener(const Settings& settings, sdk::Logger& logger, sdk::Watcher watcher, int wake_fd);

    void run(const std::stop_token& stop);
    sdk::Status listen(const std::stop_token& stop);
    void deliver(const std::vector<Reply>& messages);

    const Settings settings_;
    sdk::Logger& logger_;
    const sdk::Watcher watcher_;
    const int wake_fd_;   // Readable once the thread shall end.
    bool heard_ = false;  // By the thread: the last connection was a good one.
    std::jthread thread_;
};

}  // namespace godwit::store_redis
