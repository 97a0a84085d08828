#include "device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nics.h"

namespace godwit::transport_libfabric {
namespace {

using testing::HasSubstr;

const ProviderTraits& traits_of(std::string_view name) {
    for (const ProviderTraits& row : kProviders) {
        if (row.name == name) return row;
    }
    ADD_FAILURE() << name;
    return kProviders[0];
}

Settings settings_for(std::string_view provider) {
    Settings settings;
    settings.provider = &traits_of(provider);
    settings.gets_in_flight_max = 64;
    settings.peers_max = 128;
    return settings;
}

const std::vector<Nic> kNics = {{"eth0", "192.0.2.1"}, {"eth1", "192.0.2.2"}};

TEST(LibfabricDevice, IsChosenByInterfaceByAddressOrByBoth) {
    const Device device{"eth0", "192.0.2.1"};
    const ProviderTraits& tcp = traits_of("tcp;ofi_rxm");

    EXPECT_TRUE(is_wanted(device, {"eth0", ""}, tcp, kNics));
    EXPECT_TRUE(is_wanted(device, {"", "192.0.2.1"}, tcp, kNics));
    EXPECT_TRUE(is_wanted(device, {"eth0", "192.0.2.1"}, tcp, kNics));
    EXPECT_FALSE(is_wanted(device, {"eth1", ""}, tcp, kNics));
    EXPECT_FALSE(is_wanted(device, {"", "192.0.2.2"}, tcp, kNics));
    EXPECT_FALSE(is_wanted(device, {"eth1", "192.0.2.1"}, tcp, kNics));
    EXPECT_FALSE(is_wanted(device, {"eth0", "no address"}, tcp, kNics));
}

TEST(LibfabricDevice, AnHcaIsChosenByItsOwnNameOrByItsInterface) {
    const Device device{"mlx5_0", "192.0.2.1"};  // IPoIB or RoCE: eth0's address.
    const ProviderTraits& verbs = traits_of("verbs;ofi_rxm");

    EXPECT_TRUE(is_wanted(device, {"mlx5_0", ""}, verbs, kNics));
    EXPECT_TRUE(is_wanted(device, {"eth0", ""}, verbs, kNics));
    EXPECT_FALSE(is_wanted(device, {"mlx5_1", ""}, verbs, kNics));
}

TEST(LibfabricDevice, AnHcaWithoutAnIpAddressIsNoneForVerbs) {
    // libfabric lists each HCA by its GID, too.
    const Device device{"mlx5_0", ""};

    EXPECT_FALSE(is_wanted(device, {"mlx5_0", ""}, traits_of("verbs;ofi_rxm"), kNics));
    EXPECT_FALSE(is_wanted(device, {"eth0", ""}, traits_of("verbs;ofi_rxm"), kNics));
}

TEST(LibfabricDevice, SharedMemoryStillWantsAnInterfaceThatIsThere) {
    const Device device{"shm", ""};
    const ProviderTraits& shm = traits_of("shm");

    EXPECT_TRUE(is_wanted(device, {"shm", ""}, shm, kNics));
    EXPECT_TRUE(is_wanted(device, {"eth0", "192.0.2.1"}, shm, kNics));
    EXPECT_FALSE(is_wanted(device, {"eth7", ""}, shm, kNics));
}

TEST(LibfabricDevice, LoopbackIsFoundByTheRealLibrary) {
    const auto info = find_device(settings_for("tcp;ofi_rxm"), {"lo", "127.0.0.1"});

    ASSERT_TRUE(info) << info.error().message;
    EXPECT_EQ(ip_address_of(**info), "127.0.0.1");
}

TEST(LibfabricDevice, OneThatIsNotThereIsAnErrorThatListsWhatIs) {
    const auto info = find_device(settings_for("tcp;ofi_rxm"), {"ib7", ""});

    ASSERT_FALSE(info);
    EXPECT_EQ(info.error().code, sdk::Code::NotFound);
    EXPECT_THAT(info.error().message, HasSubstr("ib7"));
    EXPECT_THAT(info.error().message, HasSubstr("lo"));
}

TEST(LibfabricDevice, NothingNamedIsAnError) {
    const auto info = find_device(settings_for("tcp;ofi_rxm"), {"", ""});

    ASSERT_FALSE(info);
    EXPECT_EQ(info.error().code, sdk::Code::InvalidArgument);
}

}  // namespace
}  // namespace godwit::transport_libfabric
