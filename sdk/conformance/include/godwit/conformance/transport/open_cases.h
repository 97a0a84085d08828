// What a site configures: options, NICs, and addresses that come from elsewhere.
#pragma once

#include <random>

#include "godwit/conformance/transport/suite.h"

namespace godwit::conformance {

TEST_P(TransportOpen, DescriptorSaysWhatThePluginIs) {
    const sdk::PluginDescriptor* plugin = load_descriptor(setup().plugin);

    ASSERT_NE(plugin, nullptr);
    EXPECT_EQ(plugin->kind, sdk::PluginKind::Transport);
    const std::string_view name = plugin->name;
    EXPECT_FALSE(name.empty());
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), name.npos) << name;
    EXPECT_FALSE(std::string_view{plugin->version}.empty());
    EXPECT_FALSE(std::string_view{plugin->summary}.empty());
    for (const sdk::OptionSpec& option : std::span{plugin->options, plugin->option_count}) {
        EXPECT_FALSE(std::string_view{option.name}.empty());
        EXPECT_NE(option.fallback, nullptr) << option.name;
        EXPECT_FALSE(std::string_view{option.help}.empty()) << option.name;
    }
}

TEST_P(TransportOpen, UnknownOptionIsRefusedByItsName) {
    const sdk::PluginDescriptor* plugin = load_descriptor(setup().plugin);
    ASSERT_NE(plugin, nullptr);
    auto options = setup().options;
    options.emplace_back("no_such_option", "1");

    const auto made = plugin->make_transport(make_options(options), test_host());

    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, sdk::Code::InvalidArgument);
    EXPECT_NE(made.error().message.find("no_such_option"), std::string::npos)
        << made.error().message;
}

TEST_P(TransportOpen, WireIsTheSameForTransportsOfTheSameOptions) {
    const auto other = make_transport(setup());
    ASSERT_NE(other, nullptr);

    EXPECT_FALSE(transport().wire().empty());
    EXPECT_EQ(other->wire(), transport().wire());
}

TEST_P(TransportOpen, RailOpensByInterfaceByAddressAndByBoth) {
    const sdk::RailSpec& both = setup().rail;
    ASSERT_FALSE(both.iface.empty()) << "set TransportSetup::rail.iface";
    ASSERT_FALSE(both.address.empty()) << "set TransportSetup::rail.address";

    for (const sdk::RailSpec& spec : {sdk::RailSpec{both.iface, ""}, {"", both.address}, both}) {
        const auto rail = transport().open_rail(spec);

        ASSERT_TRUE(rail) << rail.error().message;
        const sdk::RailInfo info = (*rail)->info();
        EXPECT_FALSE(info.device.empty());
        EXPECT_GE(info.get_bytes_max, 4096u);
        EXPECT_GE(info.gets_in_flight_max, 1u);
        EXPECT_EQ(info.has_wait_fd, (*rail)->wait_fd() >= 0);
        EXPECT_GT((*rail)->address().size(), 0u);
        EXPECT_LE((*rail)->address().size(), sdk::kRailAddressBytesMax);
    }
}

TEST_P(TransportOpen, MissingNicIsNotFoundAndTheMessageListsThoseThereAre) {
    const sdk::RailSpec& there = setup().rail;
    const sdk::RailSpec wrong[] = {
        {"nosuchnic0", ""},
        {"", "203.0.113.77"},  // Of TEST-NET-3: nobody's.
        {there.iface, "203.0.113.77"},
        {"nosuchnic0", there.address},
    };
    for (const sdk::RailSpec& spec : wrong) {
        const auto rail = transport().open_rail(spec);

        ASSERT_FALSE(rail) << spec.iface << " " << spec.address;
        EXPECT_EQ(rail.error().code, sdk::Code::NotFound) << rail.error().message;
        EXPECT_NE(rail.error().message.find(there.iface), std::string::npos)
            << rail.error().message;
    }
}

TEST_P(TransportOpen, AddressAndWaitDescriptorStayTheSame) {
    const auto source = open_source(4096, 1);
    const auto driver = open_rail();
    const auto address = driver->address();
    const int wait_fd = driver->rail().wait_fd();

    const auto target = driver->add_memory(4096);
    const sdk::PeerCookie peer = driver->connect(source.offer.address);
    ASSERT_EQ(driver->fetch(peer, source.offer.key, 0, target.region, 0, 4096), sdk::Code::Ok);

    EXPECT_EQ(driver->address(), address);
    EXPECT_EQ(driver->rail().wait_fd(), wait_fd);
}

// What an address from outside may be: refused, or a peer that goes down. Nothing else.
TEST_P(TransportOpen, GarbageForAnAddressHarmsNothing) {
    const auto source = open_source(4096, 1);
    const auto driver = open_rail();
    const auto target = driver->add_memory(4096);
    std::vector<std::vector<std::byte>> addresses;
    std::mt19937 random{1};
    for (const std::size_t size : {0, 1, 4, 16, 64, 300, 1024, 5000}) {
        auto& address = addresses.emplace_back(size);
        for (std::byte& b : address) b = static_cast<std::byte>(random());
    }
    const std::vector<std::byte>& good = source.offer.address;
    for (std::size_t size = 0; size < good.size(); ++size) {
        addresses.emplace_back(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    }
    for (std::size_t i = 0; i < good.size(); ++i) {
        addresses.emplace_back(good)[i] ^= std::byte{0xff};
    }
    addresses.emplace_back(good).push_back(std::byte{0});

    std::vector<sdk::PeerCookie> peers;
    for (const auto& address : addresses) {
        if (const auto peer = driver->start_connect(address); peer != 0) peers.push_back(peer);
    }
    for (int i = 0; i < 100; ++i) driver->poll_once();
    for (const sdk::PeerCookie peer : peers) driver->abort(peer);

    for (const sdk::PeerCookie peer : peers) EXPECT_TRUE(driver->wait_for_down(peer));
    const sdk::PeerCookie peer = driver->connect(good);
    EXPECT_EQ(driver->fetch(peer, source.offer.key, 0, target.region, 0, 4096), sdk::Code::Ok);
}

}  // namespace godwit::conformance
