// The Redis store against the kit: on the server of REDIS_URL, or on one of its own.
#include <cstdlib>
#include <optional>

#include "godwit/conformance/load.h"
#include "godwit/conformance/state_store.h"
#include "support/redis_server.h"

GODWIT_STATE_STORE_CONFORMANCE(Redis, [] {
    return godwit::conformance::make_from<godwit::sdk::StateStore>(
        STORE_REDIS_PLUGIN, godwit::conformance::make_options({{"prefix", "godwit-conformance:"}}));
})

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    std::optional<godwit::test_support::RedisServer> server;
    if (const char* url = std::getenv("REDIS_URL"); url == nullptr || *url == '\0') {
        server.emplace();
        ::setenv("REDIS_URL", server->url().c_str(), 1);
    }
    return RUN_ALL_TESTS();
}
