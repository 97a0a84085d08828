// The only file that knows it is a plugin.
#include "godwit/sdk/plugin.h"

#include "memory_store.h"

namespace godwit::store_memory {
namespace {

sdk::Result<std::unique_ptr<sdk::StateStore>> create(const sdk::Options& options,
                                                     const sdk::Host& host) {
    sdk::OptionReader read{options, sdk::kNoOptions};
    if (auto status = read.finish(); !status) return std::move(status).error();
    return std::unique_ptr<sdk::StateStore>{std::make_unique<MemoryStore>(host)};
}

}  // namespace
}  // namespace godwit::store_memory

GODWIT_STATE_STORE_PLUGIN("memory", "1.0.0", "keeps state in the memory of the master itself",
                          godwit::sdk::kNoOptions, godwit::store_memory::create)
