// A state store that fails as it is told to, in front of any other.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "godwit/sdk/state_store.h"

namespace godwit::test_support {

// Thread-safe. Operations are known by their names: "create", "get", …
class FaultyStore final : public sdk::StateStore {
public:
    explicit FaultyStore(std::unique_ptr<sdk::StateStore> store) : store_{std::move(store)} {}

    // The next calls of this operation end with this error, and nothing is done.
    void fail(const std::string& operation, const sdk::Error& error, int times = 1) {
        const std::lock_guard lock{mutex_};
        faults_[operation] = {error, times};
    }
    // Of every operation that changes something the answers of the first call and of every so
    // manieth one after it are lost: in turn of one that was carried out, of one that was not, and
    // the word that nothing was done. 0: none any more.
    // `told` hears of each, on any thread. Before the first call.
    void forget_every(int calls, std::function<void(const std::string& operation)> told) {
        const std::lock_guard lock{mutex_};
        forget_every_ = calls;
        told_ = std::move(told);
    }
    // How often it was called, failed calls included.
    int calls(const std::string& operation) const {
        const std::lock_guard lock{mutex_};
        const auto found = calls_.find(operation);
        return found == calls_.end() ? 0 : found->second;
    }

    sdk::StoreInfo info() const noexcept override { return store_->info(); }
    sdk::Status ping() noexcept override {
        return pass<sdk::Status>("ping", [&] { return store_->ping(); });
    }

    sdk::Result<sdk::CreateReply> create(const sdk::NewRequest& request) noexcept override {
        return pass<sdk::Result<sdk::CreateReply>>("create",
                                                   [&] { return store_->create(request); });
    }
    sdk::Result<sdk::Request> get(const sdk::RequestId& id) noexcept override {
        return pass<sdk::Result<sdk::Request>>("get", [&] { return store_->get(id); });
    }
    sdk::Result<sdk::RequestPage> list(const sdk::RequestFilter& filter, std::string_view cursor,
                                       std::size_t limit) noexcept override {
        return pass<sdk::Result<sdk::RequestPage>>(
            "list", [&] { return store_->list(filter, cursor, limit); });
    }
    sdk::Status remove(const sdk::RequestId& id) noexcept override {
        return pass<sdk::Status>("remove", [&] { return store_->remove(id); });
    }
    sdk::Result<sdk::Revision> transition(const sdk::RequestId& id, sdk::Revision expected,
                                          const sdk::Transition& change) noexcept override {
        return pass<sdk::Result<sdk::Revision>>(
            "transition", [&] { return store_->transition(id, expected, change); });
    }
    sdk::Result<std::string> attachment(const sdk::RequestId& id) noexcept override {
        return pass<sdk::Result<std::string>>("attachment", [&] { return store_->attachment(id); });
    }
    sdk::Result<sdk::ErrorPage> errors(const sdk::RequestId& id, std::string_view cursor,
                                       std::size_t limit) noexcept override {
        return pass<sdk::Result<sdk::ErrorPage>>("errors",
                                                 [&] { return store_->errors(id, cursor, limit); });
    }

    sdk::Result<std::vector<sdk::Lease>> claim(const sdk::RequestId& id,
                                               const sdk::ClaimSpec& spec) noexcept override {
        return pass<sdk::Result<std::vector<sdk::Lease>>>("claim",
                                                          [&] { return store_->claim(id, spec); });
    }
    sdk::Result<std::vector<sdk::Outcome>> complete(
        const sdk::RequestId& id, std::span<const sdk::Completion> items) noexcept override {
        return pass<sdk::Result<std::vector<sdk::Outcome>>>(
            "complete", [&] { return store_->complete(id, items); });
    }
    sdk::Result<std::vector<sdk::FailReply>> fail(
        const sdk::RequestId& id, std::span<const sdk::Failure> items) noexcept override {
        return pass<sdk::Result<std::vector<sdk::FailReply>>>(
            "fail", [&] { return store_->fail(id, items); });
    }
    sdk::Result<std::vector<sdk::Outcome>> renew(const sdk::RequestId& id,
                                                 std::span<const sdk::LeaseRef> items,
                                                 sdk::Millis lease) noexcept override {
        return pass<sdk::Result<std::vector<sdk::Outcome>>>(
            "renew", [&] { return store_->renew(id, items, lease); });
    }
    sdk::Result<std::vector<sdk::Reaped>> reap(const sdk::RequestId& id,
                                               const sdk::ReapSpec& spec) noexcept override {
        return pass<sdk::Result<std::vector<sdk::Reaped>>>("reap",
                                                           [&] { return store_->reap(id, spec); });
    }
    sdk::Result<std::vector<sdk::Lease>> leases(const sdk::RequestId& id,
                                                const sdk::WorkerId& worker) noexcept override {
        return pass<sdk::Result<std::vector<sdk::Lease>>>(
            "leases", [&] { return store_->leases(id, worker); });
    }

    sdk::Result<std::string> upsert_worker(const sdk::Worker& worker) noexcept override {
        return pass<sdk::Result<std::string>>("upsert_worker",
                                              [&] { return store_->upsert_worker(worker); });
    }
    sdk::Result<std::vector<sdk::Worker>> workers() noexcept override {
        return pass<sdk::Result<std::vector<sdk::Worker>>>("workers",
                                                           [&] { return store_->workers(); });
    }
    sdk::Status remove_worker(const sdk::WorkerId& id) noexcept override {
        return pass<sdk::Status>("remove_worker", [&] { return store_->remove_worker(id); });
    }

    sdk::Result<std::unique_ptr<sdk::Subscription>> subscribe(
        sdk::Watcher watcher) noexcept override {
        return pass<sdk::Result<std::unique_ptr<sdk::Subscription>>>(
            "subscribe", [&] { return store_->subscribe(std::move(watcher)); });
    }

private:
    struct Fault {
        sdk::Error error;
        int times = 0;
    };

    enum class Lapse { None, Done, Undone, Refused };

    // With mutex_ held, the call counted.
    Lapse next_lapse(const std::string& operation) {
        static constexpr std::array kReads{"ping",   "get",    "list",    "attachment",
                                           "errors", "leases", "workers", "subscribe"};
        const bool changes = std::find(kReads.begin(), kReads.end(), operation) == kReads.end();
        const int before = calls_[operation] - 1;
        if (forget_every_ == 0 || !changes || before % forget_every_ != 0) return Lapse::None;
        constexpr std::array kTurns{Lapse::Done, Lapse::Undone, Lapse::Refused};
        return kTurns[static_cast<std::size_t>(before / forget_every_) % kTurns.size()];
    }

    template <class Answer, class Call>
    Answer pass(const std::string& operation, Call&& call) {
        Lapse lapse = Lapse::None;
        {
            const std::lock_guard lock{mutex_};
            ++calls_[operation];
            const auto fault = faults_.find(operation);
            if (fault != faults_.end() && fault->second.times-- > 0) return fault->second.error;
            lapse = next_lapse(operation);
        }
        if (lapse != Lapse::None) told_(operation);
        switch (lapse) {
        case Lapse::None: break;
        case Lapse::Done: static_cast<void>(call()); [[fallthrough]];
        case Lapse::Undone:
            return sdk::Error{sdk::Code::UnknownOutcome, operation + ": the answer was lost"};
        case Lapse::Refused:
            return sdk::Error{sdk::Code::Unavailable, operation + ": nobody answers"};
        }
        return call();
    }

    const std::unique_ptr<sdk::StateStore> store_;
    mutable std::mutex mutex_;
    std::map<std::string, Fault> faults_;  // guarded by mutex_
    std::map<std::string, int> calls_;     // guarded by mutex_
    std::function<void(const std::string&)> told_;
    int forget_every_ = 0;  // guarded by mutex_
};

}  // namespace godwit::test_support
