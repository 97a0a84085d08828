// The embedded store against the kit, and its own promises.
#include <gmock/gmock.h>

#include "godwit/conformance/load.h"
#include "godwit/conformance/state_store.h"

namespace {

using namespace godwit;

std::unique_ptr<sdk::StateStore> make_store() {
    return conformance::make_from<sdk::StateStore>(STORE_MEMORY_PLUGIN, {});
}

TEST(MemoryStore, SaysThatNothingOfItSurvives) {
    const auto store = make_store();
    ASSERT_NE(store, nullptr);

    EXPECT_EQ(store->info().durability, sdk::StoreInfo::Durability::None);
    EXPECT_FALSE(store->info().shared);
}

TEST(MemoryStore, TakesNoOptionsAndNamesTheOneItWasGiven) {
    const sdk::PluginDescriptor* plugin = conformance::load_descriptor(STORE_MEMORY_PLUGIN);
    ASSERT_NE(plugin, nullptr);
    EXPECT_STREQ(plugin->name, "memory");

    const auto store = plugin->make_state_store(
        conformance::make_options({{"url", "redis://localhost"}}), conformance::test_host());

    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, sdk::Code::InvalidArgument);
    EXPECT_THAT(store.error().message, testing::HasSubstr("unknown key 'url'"));
}

TEST(MemoryStore, IsUnknownToItsSuccessor) {
    sdk::NewRequest request;
    request.id = "gone";
    auto first = make_store();
    auto second = make_store();
    ASSERT_TRUE(first && second);

    ASSERT_TRUE(first->create(request));

    EXPECT_FALSE(second->get("gone"));
}

}  // namespace

GODWIT_STATE_STORE_CONFORMANCE(Memory, [] {
    return godwit::conformance::make_from<godwit::sdk::StateStore>(STORE_MEMORY_PLUGIN, {});
})
