#include "memory_store.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "godwit/sdk/state_store_checks.h"

namespace godwit::store_memory {
namespace {

using sdk::Code;
using sdk::Error;
using sdk::Outcome;
using sdk::Result;
using sdk::Status;

constexpr std::size_t kBatchMax = 256;
constexpr std::size_t kEntriesPerLook = 64;  // How many list() takes out of the index at once.

Error no_such_request(const sdk::RequestId& id) {
    return Error{Code::NotFound, "find request '" + id + "': there is none"};
}

bool passes(const sdk::RequestFilter& filter, sdk::RequestState state) {
    return filter.states.empty() ||
           std::find(filter.states.begin(), filter.states.end(), state) != filter.states.end();
}

}  // namespace

// A request under its lock, or nothing.
class MemoryStore::Opened {
public:
    explicit Opened(std::shared_ptr<Entry> entry) : entry_{std::move(entry)} {
        if (entry_) lock_ = std::unique_lock{entry_->mutex};
    }

    explicit operator bool() const noexcept { return entry_ && !entry_->removed; }
    RequestLedger* operator->() const noexcept { return &entry_->ledger; }

private:
    std::shared_ptr<Entry> entry_;
    std::unique_lock<std::mutex> lock_;
};

Now MemoryStore::now() const noexcept {
    return {clock_.now(),
            std::chrono::time_point_cast<sdk::Millis>(std::chrono::system_clock::now())};
}

std::shared_ptr<MemoryStore::Entry> MemoryStore::find(const sdk::RequestId& id) const {
    const std::shared_lock lock{index_mutex_};
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
}

MemoryStore::Opened MemoryStore::open(const sdk::RequestId& id) const {
    return Opened{find(id)};
}

sdk::StoreInfo MemoryStore::info() const noexcept {
    return {sdk::StoreInfo::Durability::None, false, kBatchMax};
}

Status MemoryStore::ping() noexcept {
    return {};
}

Result<sdk::CreateReply> MemoryStore::create(const sdk::NewRequest& request) noexcept {
    if (auto status = check(request); !status) return std::move(status).error();
    auto fresh = std::make_shared<Entry>(request, now());
    std::shared_ptr<Entry> entry;
    {
        const std::unique_lock lock{index_mutex_};
        entry = by_id_.try_emplace(request.id, fresh).first->second;
        if (entry == fresh) {
            fresh->number = ++last_number_;
            by_age_.emplace(fresh->number, fresh);
        }
    }
    if (entry->fingerprint != request.fingerprint) {
        return Error{Code::Conflict, "create request '" + request.id +
                                         "': the id is taken by a request with another body"};
    }
    const bool created = entry == fresh;
    sdk::CreateReply reply;
    reply.created = created;
    {
        const std::lock_guard lock{entry->mutex};
        reply.request = entry->ledger.snapshot();
    }
    if (created) hints_.post(request.id);
    return reply;
}

Result<sdk::Request> MemoryStore::get(const sdk::RequestId& id) noexcept {
    const Opened request = open(id);
    if (!request) return no_such_request(id);
    return request->snapshot();
}

std::vector<std::shared_ptr<MemoryStore::Entry>> MemoryStore::entries_after(
    std::uint64_t number, std::size_t limit) const {
    std::vector<std::shared_ptr<Entry>> entries;
    const std::shared_lock lock{index_mutex_};
    for (auto at = by_age_.upper_bound(number); at != by_age_.end() && limit > 0; ++at, --limit) {
        entries.push_back(at->second);
    }
    return entries;
}

Result<sdk::RequestPage> MemoryStore::list(const sdk::RequestFilter& filter,
                                           std::string_view cursor, std::size_t limit) noexcept {
    std::uint64_t after = 0;
    const char* end = cursor.data() + cursor.size();
    const auto [stop, failure] = std::from_chars(cursor.data(), end, after);
    if (!cursor.empty() && (failure != std::errc{} || stop != end)) {
        return Error{Code::InvalidArgument, "list requests: not a cursor of this list"};
    }
    if (limit == 0) return sdk::refuse("list requests: limit 0: expected at least 1");
    sdk::RequestPage page;
    while (true) {
        const auto entries = entries_after(after, kEntriesPerLook);
        for (const auto& entry : entries) {
            if (page.requests.size() == limit) {
                page.next = std::to_string(after);
                return page;
            }
            after = entry->number;
            const std::lock_guard lock{entry->mutex};
            if (entry->removed) continue;
            sdk::Request request = entry->ledger.snapshot();
            if (passes(filter, request.state)) page.requests.push_back(std::move(request));
        }
        if (entries.size() < kEntriesPerLook) return page;
    }
}

Status MemoryStore::remove(const sdk::RequestId& id) noexcept {
    std::shared_ptr<Entry> entry;
    {
        const std::unique_lock lock{index_mutex_};
        const auto found = by_id_.find(id);
        if (found == by_id_.end()) return {};
        entry = std::move(found->second);
        by_id_.erase(found);
        by_age_.erase(entry->number);
    }
    {
        const std::lock_guard lock{entry->mutex};
        entry->removed = true;
    }
    hints_.post(id);
    return {};
}

Result<sdk::Revision> MemoryStore::transition(const sdk::RequestId& id, sdk::Revision expected,
                                              const sdk::Transition& change) noexcept {
    if (auto status = check(change); !status) return std::move(status).error();
    Result<sdk::Revision> revision = [&]() -> Result<sdk::Revision> {
        const Opened request = open(id);
        if (!request) return no_such_request(id);
        return request->transition(expected, change, now());
    }();
    if (revision) hints_.post(id);
    return revision;
}

Result<std::string> MemoryStore::attachment(const sdk::RequestId& id) noexcept {
    const Opened request = open(id);
    if (!request) return no_such_request(id);
    return request->attachment();
}

Result<sdk::ErrorPage> MemoryStore::errors(const sdk::RequestId& id, std::string_view cursor,
                                           std::size_t limit) noexcept {
    if (limit == 0) return sdk::refuse("read errors: limit 0: expected at least 1");
    const Opened request = open(id);
    if (!request) return no_such_request(id);
    return request->errors(cursor, limit);
}

Result<std::vector<sdk::Lease>> MemoryStore::claim(const sdk::RequestId& id,
                                                   const sdk::ClaimSpec& spec) noexcept {
    if (auto status = check(spec); !status) return std::move(status).error();
    const Opened request = open(id);
    if (!request) return no_such_request(id);
    if (spec.generation != 0 && spec.generation != request->generation()) {
        return no_such_request(id);
    }
    return request->claim(spec, std::min(spec.units_max, kBatchMax), tokens_, now());
}

Result<std::vector<Outcome>> MemoryStore::complete(
    const sdk::RequestId& id, std::span<const sdk::Completion> items) noexcept {
    if (auto status = sdk::check_batch(items.size(), kBatchMax); !status) {
        return std::move(status).error();
    }
    if (auto status = sdk::check(items); !status) return std::move(status).error();
    std::vector<Outcome> outcomes(items.size(), Outcome::NotFound);
    {
        const Opened request = open(id);
        if (!request) return outcomes;
        const Now at = now();
        std::transform(items.begin(), items.end(), outcomes.begin(),
                       [&](const sdk::Completion& item) { return request->complete(item, at); });
    }
    hints_.post(id);
    return outcomes;
}

Result<std::vector<sdk::FailReply>> MemoryStore::fail(
    const sdk::RequestId& id, std::span<const sdk::Failure> items) noexcept {
    if (auto status = sdk::check_batch(items.size(), kBatchMax); !status) {
        return std::move(status).error();
    }
    if (auto status = sdk::check(items); !status) return std::move(status).error();
    std::vector<sdk::FailReply> replies(items.size(), sdk::FailReply{Outcome::NotFound, false});
    {
        const Opened request = open(id);
        if (!request) return replies;
        const Now at = now();
        std::transform(items.begin(), items.end(), replies.begin(),
                       [&](const sdk::Failure& item) { return request->fail(item, at); });
    }
    hints_.post(id);
    return replies;
}

Result<std::vector<Outcome>> MemoryStore::renew(const sdk::RequestId& id,
                                                std::span<const sdk::LeaseRef> items,
                                                sdk::Millis lease) noexcept {
    if (auto status = sdk::check_batch(items.size(), kBatchMax); !status) {
        return std::move(status).error();
    }
    if (auto status = sdk::check_duration("lease", lease, sdk::Millis{1}); !status) {
        return std::move(status).error();
    }
    std::vector<Outcome> outcomes(items.size(), Outcome::NotFound);
    const Opened request = open(id);
    if (!request) return outcomes;
    const Now at = now();
    std::transform(items.begin(), items.end(), outcomes.begin(),
                   [&](const sdk::LeaseRef& item) { return request->renew(item, lease, at); });
    return outcomes;
}

Result<std::vector<sdk::Reaped>> MemoryStore::reap(const sdk::RequestId& id,
                                                   const sdk::ReapSpec& spec) noexcept {
    std::vector<sdk::Reaped> reaped;
    {
        const Opened request = open(id);
        if (!request) return no_such_request(id);
        reaped = request->reap(spec, std::min(spec.limit, kBatchMax), now());
    }
    if (!reaped.empty()) hints_.post(id);
    return reaped;
}

Result<std::vector<sdk::Lease>> MemoryStore::leases(const sdk::RequestId& id,
                                                    const sdk::WorkerId& worker) noexcept {
    const Opened request = open(id);
    if (!request) return std::vector<sdk::Lease>{};
    return request->leases_of(worker);
}

Result<std::string> MemoryStore::upsert_worker(const sdk::Worker& worker) noexcept {
    if (auto status = sdk::check_id("worker", worker.id); !status) return std::move(status).error();
    const Now at = now();
    const std::lock_guard lock{workers_mutex_};
    WorkerRecord& record = workers_[worker.id];
    std::string before = std::move(record.worker.incarnation);
    record.worker = worker;
    record.worker.last_seen = at.wall;
    record.seen = at.steady;
    return before;
}

Result<std::vector<sdk::Worker>> MemoryStore::workers() noexcept {
    const Instant at = clock_.now();
    std::vector<sdk::Worker> workers;
    const std::lock_guard lock{workers_mutex_};
    for (const auto& [id, record] : workers_) {
        sdk::Worker& copy = workers.emplace_back(record.worker);
        const Instant silent = std::max(at - record.seen, Instant{0});
        copy.silent_for = std::chrono::duration_cast<sdk::Millis>(silent);
    }
    return workers;
}

Status MemoryStore::remove_worker(const sdk::WorkerId& id) noexcept {
    const std::lock_guard lock{workers_mutex_};
    workers_.erase(id);
    return {};
}

Result<std::unique_ptr<sdk::Subscription>> MemoryStore::subscribe(sdk::Watcher watcher) noexcept {
    return hints_.subscribe(std::move(watcher));
}

}  // namespace godwit::store_memory
