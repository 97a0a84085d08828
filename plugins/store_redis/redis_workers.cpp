// Workers.
#include <algorithm>

#include "godwit/sdk/state_store_checks.h"
#include "redis_store.h"
#include "scripts.h"

namespace godwit::store_redis {

using sdk::Result;
using sdk::Status;

Result<std::string> RedisStore::upsert_worker(const sdk::Worker& worker) noexcept {
    if (auto status = sdk::check_id("worker", worker.id); !status) return std::move(status).error();
    auto reply = run_beside(kWorkerUpsert, {index_key(settings_, "workers")},
                            {worker.id, worker.incarnation, pack_worker(worker)}, Access::Write);
    if (!reply) return std::move(reply).error();
    return std::move(reply->text);
}

Result<std::vector<sdk::Worker>> RedisStore::workers() noexcept {
    auto reply = run_beside(kWorkers, {index_key(settings_, "workers")}, {}, Access::Read);
    if (!reply) return std::move(reply).error();
    if (reply->items.empty()) return malformed("the list of workers");
    auto now = read_number(reply->items[0].text);
    if (!now) return std::move(now).error();
    std::vector<sdk::Worker> workers;
    for (std::size_t i = 1; i < reply->items.size(); ++i) {
        const std::vector<Reply>& items = reply->items[i].items;
        if (items.size() != 3) return malformed("the list of workers");
        auto seen = read_number(items[1].text);
        if (!seen) return std::move(seen).error();
        auto worker = read_worker(items[0].text, items[2].text);
        if (!worker) return std::move(worker).error();
        worker->last_seen = sdk::WallTime{sdk::Millis{*seen}};
        worker->silent_for = sdk::Millis{*now - std::min(*seen, *now)};
        workers.push_back(std::move(*worker));
    }
    return workers;
}

Status RedisStore::remove_worker(const sdk::WorkerId& id) noexcept {
    return call({"HDEL", index_key(settings_, "workers"), id}, Access::Write).status();
}

}  // namespace godwit::store_redis
