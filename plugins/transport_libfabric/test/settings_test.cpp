#include "settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
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

TEST(LibfabricSettings, AProviderWithoutPortsTakesNoRangeOfThem) {
    EXPECT_THAT(why_refused(options_of(
                    {{"provider", "verbs;ofi_rxm"}, {"port_low", "7000"}, {"port_high", "7010"}})),
                HasSubstr("port_high"));
}

Settings settings_of(const std::vector<std::pair<std::string, std::string>>& values) {
    auto settings = read_settings(options_of(values));
    EXPECT_TRUE(settings) << settings.status().error().message;
    return *settings;
}

// rxm's own rule: (receives + transmits) * universe. All receives of all peers, and one peer's
// transmits, must find room in it; and it must find room in Soft-RoCE's 32767.
TEST(LibfabricSettings, VerbsQueuesHoldWhatMayEndAndFitTheSmallestDevice) {
    constexpr std::size_t kSmallestDevice = 32767;
    for (const auto& [peers, gets] :
         {std::pair{"1", "1"}, {"128", "64"}, {"4096", "1"}, {"4096", "64"}, {"4096", "4096"}}) {
        const Settings settings = settings_of(
            {{"provider", "verbs;ofi_rxm"}, {"peers_max", peers}, {"gets_in_flight_max", gets}});
        const auto variables = environment_of(settings);
        const auto number = [&](std::string_view name) {
            const auto at = std::ranges::find(
                variables, name, [](const auto& v) { return std::string_view{v.first}; });
            return std::stoul(at->second);
        };
        const std::size_t receives = number("FI_OFI_RXM_MSG_RX_SIZE");
        const std::size_t transmits = number("FI_OFI_RXM_MSG_TX_SIZE");
        const std::size_t entries = (receives + transmits) * number("FI_UNIVERSE_SIZE");

        EXPECT_EQ(entries, completion_queue_entries(settings));
        EXPECT_GE(entries, receives * settings.peers_max + transmits) << peers << " " << gets;
        EXPECT_LE(entries, kSmallestDevice) << peers << " " << gets;
    }
}

TEST(LibfabricSettings, OnlyVerbsShrinkTheBuffersThatRxmPins) {
    const auto names_buffers = [](const char* provider) {
        const auto variables = environment_of(settings_of({{"provider", provider}}));
        return std::ranges::any_of(
            variables, [](const auto& v) { return v.first == "FI_OFI_RXM_BUFFER_SIZE"; });
    };

    EXPECT_TRUE(names_buffers("verbs;ofi_rxm"));
    EXPECT_FALSE(names_buffers("tcp;ofi_rxm"));
}

}  // namespace
}  // namespace godwit::transport_libfabric
