// The threads on which handlers run, and the bounded queue before them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "base/log.h"
#include "http/exchange.h"

namespace godwit::http {

struct Job {
    std::uint64_t connection = 0;
    std::unique_ptr<Exchange> exchange;
    bool last = true;  // The handler must answer now.
};

struct Completion {
    std::uint64_t connection = 0;
    std::unique_ptr<Exchange> exchange;
    std::variant<PrintedAnswer, Park> outcome;
};

// Thread-safe. Requests wait in two lanes, which take turns: new ones, and parked ones that were
// woken, of which thousands may come at once.
class Workers {
public:
    struct Limits {
        std::size_t threads;
        std::size_t fresh_max;  // Woken ones are bounded by the number of connections.
    };
    // `done` is called on a worker's thread. `wakes` is read before each run of a handler.
    Workers(Limits limits, const std::atomic<std::uint64_t>& wakes,
            std::function<void(Completion)> done);
    ~Workers();  // stop()

    // False: the queue is full, `job` is as it was. Nobody is woken for it before announce(), so
    // that many jobs cost few wake-ups.
    bool offer_fresh(Job& job);
    void add_woken(Job job);
    void announce();

    // Drops what has not begun, waits for what has.
    void stop() noexcept;

private:
    void run();
    Job take(std::unique_lock<std::mutex>& lock);
    std::variant<PrintedAnswer, Park> answer(Job& job) const;
    Reply run_handler(const Job& job) const;

    const Limits limits_;
    const std::atomic<std::uint64_t>& wakes_;
    const std::function<void(Completion)> done_;
    const base::Log log_{"http"};

    std::mutex mutex_;
    std::condition_variable added_;
    std::deque<Job> fresh_;        // guarded by mutex_
    std::deque<Job> woken_;        // guarded by mutex_
    bool woken_is_next_ = false;   // guarded by mutex_
    std::size_t unannounced_ = 0;  // guarded by mutex_
    std::size_t idle_ = 0;         // guarded by mutex_
    bool stopped_ = false;         // guarded by mutex_
    std::vector<std::jthread> threads_;
};

}  // namespace godwit::http
