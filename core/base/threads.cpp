#include "base/threads.h"

#include <pthread.h>

namespace godwit::base {

void name_this_thread(const std::string& name) noexcept {
    constexpr std::size_t kNameBytesMax = 15;
    ::pthread_setname_np(::pthread_self(), name.substr(0, kNameBytesMax).c_str());
}

WorkerPool::WorkerPool(const std::string& name, std::size_t threads, std::size_t queue_max)
    : queue_max_{queue_max} {
    for (std::size_t i = 0; i < threads; ++i) {
        threads_.emplace_back([this, name] { run(name); });
    }
}

WorkerPool::~WorkerPool() {
    stop();
}

bool WorkerPool::post(std::function<void()> task) {
    {
        std::unique_lock lock{mutex_};
        task_taken_.wait(lock, [&] { return stopped_ || queue_.size() < queue_max_; });
        if (stopped_) return false;
        queue_.push_back(std::move(task));
    }
    task_added_.notify_one();
    return true;
}

void WorkerPool::stop() noexcept {
    std::deque<std::function<void()>> dropped;  // Destroyed outside of the lock.
    {
        const std::lock_guard lock{mutex_};
        stopped_ = true;
        dropped.swap(queue_);
    }
    task_added_.notify_all();
    task_taken_.notify_all();
    threads_.clear();
}

void WorkerPool::run(const std::string& name) {
    name_this_thread(name);
    std::unique_lock lock{mutex_};
    for (;;) {
        task_added_.wait(lock, [&] { return stopped_ || !queue_.empty(); });
        if (stopped_) return;
        std::function<void()> task = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        task_taken_.notify_one();
        task();
        task = nullptr;  // What it holds is let go before the lock is taken.
        lock.lock();
    }
}

}  // namespace godwit::base
