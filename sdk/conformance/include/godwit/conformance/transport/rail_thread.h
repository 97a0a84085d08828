// A rail on a thread of its own that serves whoever gets from it.
#pragma once

#include <sys/eventfd.h>

#include <future>
#include <mutex>
#include <thread>
#include <type_traits>

#include "godwit/conformance/transport/driver.h"

namespace godwit::conformance {

// Opens, drives and destroys the rail on one thread, as the contract demands. Between the tasks it
// is given it does what a passive source does: poll, and sleep while there is nothing to poll.
class RailThread {
public:
    RailThread(sdk::Transport& transport, const TransportSetup& setup)
        : wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)}, thread_{[this, &transport, setup] {
              serve(transport, setup);
          }} {}
    ~RailThread() {
        stop();
        ::close(wake_);
    }
    RailThread(const RailThread&) = delete;
    RailThread& operator=(const RailThread&) = delete;

    // Destroys the rail, too. May be called twice.
    void stop() {
        post(nullptr);
        if (thread_.joinable()) thread_.join();
    }

    // Starts `task(RailDriver&)` on the rail's thread. A task that waits uses the driver to do so,
    // so that the rail keeps serving.
    template <class Task>
    auto start(Task task) -> std::future<std::invoke_result_t<Task, RailDriver&>> {
        using Answer = std::invoke_result_t<Task, RailDriver&>;
        auto packaged = std::make_shared<std::packaged_task<Answer(RailDriver&)>>(std::move(task));
        std::future<Answer> answer = packaged->get_future();
        post([packaged](RailDriver& driver) { (*packaged)(driver); });
        return answer;
    }

    // The same, and waits for it.
    template <class Task>
    auto run(Task task) {
        return start(std::move(task)).get();
    }

private:
    using Step = std::function<void(RailDriver&)>;

    void post(Step step) {
        {
            const std::lock_guard lock{mutex_};
            if (ended_) return;  // The promise breaks, and run() throws: the case fails.
            steps_.push_back(std::move(step));
        }
        ::eventfd_write(wake_, 1);
    }

    // Runs what was posted; false when the end was asked for.
    bool run_steps(RailDriver& driver) {
        eventfd_t ignored = 0;
        ::eventfd_read(wake_, &ignored);
        for (;;) {
            Step step;
            {
                const std::lock_guard lock{mutex_};
                if (steps_.empty()) return true;
                step = std::move(steps_.front());
                steps_.pop_front();
            }
            if (!step) return false;
            step(driver);
        }
    }

    void serve(sdk::Transport& transport, const TransportSetup& setup) {
        const std::unique_ptr<RailDriver> driver = RailDriver::open(transport, setup);
        while (driver != nullptr && run_steps(*driver)) {
            if (driver->poll_once() != 0) continue;
            driver->sleep(std::chrono::steady_clock::now() + std::chrono::hours{1}, wake_);
        }
        const std::lock_guard lock{mutex_};
        ended_ = true;
        steps_.clear();
    }

    int wake_;
    std::mutex mutex_;
    std::deque<Step> steps_;  // Guarded by mutex_.
    bool ended_ = false;      // Guarded by mutex_.
    std::thread thread_;
};

// What a destination needs to know of a source.
struct Offer {
    std::vector<std::byte> address;
    sdk::WindowKey key;
};

// Fills `bytes` of new memory with the pattern of `seed` and opens a window on all of it.
inline Offer offer_pattern(RailDriver& driver, std::size_t bytes, std::uint64_t seed,
                           sdk::Epoch epoch) {
    const RailDriver::Registered source = driver.add_memory(bytes);
    Pattern{seed}.fill(source.memory->bytes());
    return {driver.address(), driver.export_window(source.region, 0, bytes, epoch)};
}

}  // namespace godwit::conformance
