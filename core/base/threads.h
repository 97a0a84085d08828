// Threads with names, and a fixed set of them that works off a bounded queue.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace godwit::base {

// Shown by ps -L, gdb and perf; cut at 15 characters, as the kernel does.
void name_this_thread(const std::string& name) noexcept;

// Thread-safe.
class WorkerPool {
public:
    WorkerPool(const std::string& name, std::size_t threads, std::size_t queue_max);
    ~WorkerPool();  // stop()

    // Blocks while the queue is full. False: the pool has been stopped, the task will not run.
    bool post(std::function<void()> task);

    // Drops what has not begun, waits for what has. Not from one of its own threads.
    void stop() noexcept;

private:
    void run(const std::string& name);

    const std::size_t queue_max_;
    std::mutex mutex_;
    std::condition_variable task_added_;
    std::condition_variable task_taken_;
    std::deque<std::function<void()>> queue_;  // guarded by mutex_
    bool stopped_ = false;                     // guarded by mutex_
    std::vector<std::jthread> threads_;
};

}  // namespace godwit::base
