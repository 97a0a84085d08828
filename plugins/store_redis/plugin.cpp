// The only file that knows it is a plugin.
#include "godwit/sdk/plugin.h"

#include "redis_store.h"
#include "settings.h"

namespace godwit::store_redis {
namespace {

sdk::Result<std::unique_ptr<sdk::StateStore>> create(const sdk::Options& options,
                                                     const sdk::Host& host) {
    auto settings = read_settings(options, host.logger);
    if (!settings) return std::move(settings).error();
    auto store = std::make_unique<RedisStore>(*settings, host);
    if (auto status = store->meet(); !status) return std::move(status).error();
    return std::unique_ptr<sdk::StateStore>{std::move(store)};
}

}  // namespace
}  // namespace godwit::store_redis

GODWIT_STATE_STORE_PLUGIN("redis", "1.0.0", "keeps state in a Redis server (hiredis)",
                          godwit::store_redis::kOptions, godwit::store_redis::create)
