#include "endpoint.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "device.h"

namespace godwit::transport_libfabric {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCompletions = 16;

Settings shm() {
    Settings settings;
    for (const ProviderTraits& row : kProviders) {
        if (row.name == "shm") settings.provider = &row;
    }
    settings.gets_in_flight_max = kCompletions;
    settings.peers_max = kCompletions;
    return settings;
}

// "fi_shm://PID:UID:COUNT" is the file "PID:UID:COUNT" in /dev/shm.
std::string memory_of(const Endpoint& endpoint) {
    const auto name = endpoint.name();
    if (!name) return {};
    const std::string whole{reinterpret_cast<const char*>(name->data())};
    return whole.substr(whole.rfind('/') + 1);
}

TEST(LibfabricEndpoint, OpensWhereAKilledProcessOfTheSameNumberLeftItsMemory) {
    auto info = find_device(shm(), {"lo", ""});
    ASSERT_TRUE(info) << info.error().message;
    auto fabric = Fabric::open(std::move(*info));
    ASSERT_TRUE(fabric) << fabric.error().message;
    const auto first = Endpoint::open(*fabric, kCompletions, Endpoint::Wait::None);
    ASSERT_TRUE(first) << first.error().message;
    const std::string name = memory_of(*first);
    const auto colon = name.rfind(':');
    ASSERT_NE(colon, std::string::npos) << name;
    const int count = std::atoi(name.c_str() + colon + 1);

    // As a process of our number would have left them: whole, and saying whose they are.
    const fs::path folder = "/dev/shm";
    for (int next = count + 1; next <= count + 3; ++next) {
        fs::copy_file(folder / name, folder / (name.substr(0, colon + 1) + std::to_string(next)));
    }

    const auto second = Endpoint::open(*fabric, kCompletions, Endpoint::Wait::None);

    ASSERT_TRUE(second) << second.error().message;
    EXPECT_EQ(memory_of(*second), name.substr(0, colon + 1) + std::to_string(count + 4));
    EXPECT_FALSE(fs::exists(folder / (name.substr(0, colon + 1) + std::to_string(count + 1))));
}

}  // namespace
}  // namespace godwit::transport_libfabric
