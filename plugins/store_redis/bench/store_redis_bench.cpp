// How fast units go through the Redis store: 8 workers that claim and complete 16 units at a time.
//
// On the server of REDIS_URL, or on one of its own without persistence. Each completed unit brings
// a new one, as in the middle of a large sync, so that a figure counts units that were claimed,
// completed and added.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "godwit/conformance/load.h"
#include "godwit/sdk/state_store.h"
#include "support/redis_server.h"

namespace godwit::store_redis {
namespace {

constexpr int kThreads = 8;
constexpr std::size_t kBacklog = 2'000;
constexpr std::size_t kPayloadBytes = 2'048;

sdk::StateStore& store() {
    static const auto instance = conformance::make_from<sdk::StateStore>(STORE_REDIS_PLUGIN, {});
    return *instance;
}

std::vector<sdk::Unit> units(std::size_t count) {
    sdk::Unit unit;
    unit.bytes = 64 << 20;
    unit.files = 100;
    unit.label = "some/folder/of/a/request";
    unit.payload.assign(kPayloadBytes, 'x');
    return std::vector<sdk::Unit>(count, unit);
}

// Aborts the run: a figure of failing calls would mislead.
void expect(bool good, const char* what) {
    if (good) return;
    std::fprintf(stderr, "the benchmark cannot go on: %s\n", what);
    std::abort();
}

void create_request(const benchmark::State&) {
    sdk::NewRequest request;
    request.id = "bench";
    request.units = units(kBacklog);
    expect(store().remove("bench").ok() && store().create(request).ok(), "create");
}

void remove_request(const benchmark::State&) {
    expect(store().remove("bench").ok(), "remove");
}

void claim_and_complete(benchmark::State& state) {
    sdk::ClaimSpec spec;
    spec.worker = "worker-" + std::to_string(state.thread_index());
    spec.units_max = static_cast<std::size_t>(state.range(0));
    std::int64_t moved = 0;
    for (auto _ : state) {
        const auto leases = store().claim("bench", spec);
        expect(leases && leases->size() == spec.units_max, "claim");
        std::vector<sdk::Completion> items;
        for (const sdk::Lease& lease : *leases) {
            items.push_back({lease.ref, {}});
            sdk::Effects& effects = items.back().effects;
            effects.counters[sdk::Count::FilesCopied] = 100;
            effects.counters[sdk::Count::BytesCopied] = 64 << 20;
            effects.units = {lease.unit};
        }
        const auto outcomes = store().complete("bench", items);
        expect(outcomes.ok(), "complete");
        moved += static_cast<std::int64_t>(outcomes->size());
    }
    state.SetItemsProcessed(moved);
}

BENCHMARK(claim_and_complete)
    ->Arg(1)
    ->Arg(16)
    ->Threads(kThreads)
    ->UseRealTime()
    ->Setup(create_request)
    ->Teardown(remove_request);

}  // namespace
}  // namespace godwit::store_redis

int main(int argc, char** argv) {
    std::optional<godwit::test_support::RedisServer> server;
    if (const char* url = std::getenv("REDIS_URL"); url == nullptr || *url == '\0') {
        server.emplace();
        ::setenv("REDIS_URL", server->url().c_str(), 1);
    }
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
}
