#include "settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace godwit::transport_libfabric {
namespace {

using testing::HasSubstr;

sdk::Options options_of(const std::vector<std::pair<std::string, std::string>>& values) {
    sdk::Options options;
    for (const auto& [name, value] : values) {
        options.values.members.emplace_back(name, sdk::Value::scalar(value));
    }
    return options;
}

std::string why_refused(const sdk::Options& options) {
    const auto settings = read_settings(options);
    if (settings) return "";
    EXPECT_EQ(settings.error().code, sdk::Code::InvalidArgument);
    return settings.error().message;
}

TEST(LibfabricSettings, WithoutOptionsItIsTcp) {
    const auto settings = read_settings({});

    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(settings->provider->name, "tcp;ofi_rxm");
    EXPECT_TRUE(settings->provider->keys_enforced);
    EXPECT_FALSE(settings->provider->same_host_only);
    EXPECT_EQ(settings->gets_in_flight_max, 64U);
}

TEST(LibfabricSettings, EveryProviderOfTheTableCanBeChosen) {
    for (const ProviderTraits& row : kProviders) {
        const auto settings = read_settings(options_of({{"provider", std::string{row.name}}}));
        ASSERT_TRUE(settings) << row.name << ": " << settings.error().message;
        EXPECT_EQ(settings->provider->name, row.name);
    }
}

TEST(LibfabricSettings, UnknownProviderIsRefusedWithTheOnesThatThereAre) {
    const std::string reason = why_refused(options_of({{"provider", "verbs"}}));

    EXPECT_THAT(reason, HasSubstr("provider"));
    EXPECT_THAT(reason, HasSubstr("verbs;ofi_rxm"));
}

TEST(LibfabricSettings, NumbersOutOfRangeAndUnknownOptionsAreRefused) {
    EXPECT_THAT(why_refused(options_of({{"gets_in_flight_max", "0"}})),
                HasSubstr("gets_in_flight_max"));
    EXPECT_THAT(why_refused(options_of({{"peers_max", "many"}})), HasSubstr("peers_max"));
    EXPECT_THAT(why_refused(options_of({{"port_low", "70000"}, {"port_high", "70001"}})),
                HasSubstr("port_low"));
    EXPECT_THAT(why_refused(options_of({{"providr", "shm"}})), HasSubstr("provider"));
}

TEST(LibfabricSettings, APortRangeHasTwoEndsInOrder) {
    EXPECT_THAT(why_refused(options_of({{"port_low", "7000"}})), HasSubstr("port_low"));
    EXPECT_THAT(why_refused(options_of({{"port_high", "7000"}})), HasSubstr("port_low"));
    EXPECT_THAT(why_refused(options_of({{"port_low", "7001"}, {"port_high", "7000"}})),
                HasSubstr("port_low"));
    EXPECT_TRUE(read_settings(options_of({{"port_low", "7000"}, {"port_high", "7000"}})));
}

}  // namespace
}  // namespace godwit::transport_libfabric
