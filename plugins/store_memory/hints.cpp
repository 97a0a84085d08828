#include "hints.h"

#include <pthread.h>

#include <utility>

namespace godwit::store_memory {

class Hints::Ticket final : public sdk::Subscription {
public:
    explicit Ticket(std::shared_ptr<Listener> listener) : listener_{std::move(listener)} {}
    ~Ticket() override {
        const std::lock_guard lock{listener_->mutex};
        listener_->watcher = nullptr;
    }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

private:
    std::shared_ptr<Listener> listener_;
};

Hints::Hints() : thread_{[this](const std::stop_token& stop) { run(stop); }} {
    ::pthread_setname_np(thread_.native_handle(), "store-hints");
}

void Hints::post(const sdk::RequestId& id) {
    {
        const std::lock_guard lock{mutex_};
        if (listeners_.empty() || changed_.size() >= kHintsMax) return;
        changed_.insert(id);
    }
    posted_.notify_one();
}

std::unique_ptr<sdk::Subscription> Hints::subscribe(sdk::Watcher watcher) {
    auto listener = std::make_shared<Listener>();
    listener->watcher = std::move(watcher);
    {
        const std::lock_guard lock{mutex_};
        listeners_.push_back(listener);
    }
    return std::make_unique<Ticket>(std::move(listener));
}

void Hints::run(const std::stop_token& stop) {
    while (true) {
        std::set<sdk::RequestId> changed;
        {
            std::unique_lock lock{mutex_};
            if (!posted_.wait(lock, stop, [this] { return !changed_.empty(); })) return;
            changed.swap(changed_);
        }
        deliver(changed);
    }
}

void Hints::deliver(const std::set<sdk::RequestId>& changed) {
    std::vector<std::shared_ptr<Listener>> listeners;
    {
        const std::lock_guard lock{mutex_};
        std::erase_if(listeners_, [](const auto& listener) { return listener.expired(); });
        for (const auto& listener : listeners_) {
            if (auto alive = listener.lock()) listeners.push_back(std::move(alive));
        }
    }
    for (const auto& listener : listeners) {
        const std::lock_guard lock{listener->mutex};
        for (const sdk::RequestId& id : changed) {
            if (listener->watcher) listener->watcher(id);
        }
    }
}

}  // namespace godwit::store_memory
