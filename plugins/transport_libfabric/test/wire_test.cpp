#include "wire.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace godwit::transport_libfabric {
namespace {

constexpr RemoteMemory kWindow{0x1122'3344'5566'7788, 4096, 0x99aa'bbcc'ddee'ff00};

RailAddress some_address() {
    return {"libfabric/tcp;ofi_rxm", {std::byte{2}, std::byte{0}, std::byte{7}}, kWindow};
}

TEST(LibfabricWire, AnAddressArrivesAsItWasSent) {
    EXPECT_EQ(decode_address(encode(some_address())), some_address());
}

TEST(LibfabricWire, AnAddressIsTakenInItsExactFormOnly) {
    const std::vector<std::byte> good = encode(some_address());

    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(decode_address(sdk::ByteView{good}.first(size))) << "cut to " << size;
    }
    auto padded = good;
    padded.push_back(std::byte{0});
    EXPECT_FALSE(decode_address(padded));
}

TEST(LibfabricWire, AnAddressThatWasDamagedInAnyByteIsRefused) {
    const std::vector<std::byte> good = encode(some_address());

    for (std::size_t at = 0; at < good.size(); ++at) {
        auto damaged = good;
        damaged[at] ^= std::byte{0x10};
        EXPECT_FALSE(decode_address(damaged)) << "byte " << at;
    }
}

TEST(LibfabricWire, GarbageOfAnySizeIsReadWithoutHarm) {
    std::mt19937 random{4711};
    for (int round = 0; round < 2000; ++round) {
        std::vector<std::byte> garbage(random() % 400);
        for (std::byte& byte : garbage) byte = static_cast<std::byte>(random());
        if (round % 2 == 0 && garbage.size() > 5) {
            const auto good = encode(some_address());
            std::copy_n(good.begin(), 5, garbage.begin());  // Magic and version are right.
        }
        EXPECT_FALSE(decode_address(garbage));
    }
}

TEST(LibfabricWire, AKeyArrivesAsItWasSent) {
    const sdk::WindowKey key = encode(kWindow);

    EXPECT_EQ(decode_key(key), kWindow);
}

TEST(LibfabricWire, AKeyOfAnotherSizeOrVersionIsNone) {
    sdk::WindowKey cut = encode(kWindow);
    --cut.size;
    EXPECT_FALSE(decode_key(cut));
    sdk::WindowKey padded = encode(kWindow);
    ++padded.size;
    EXPECT_FALSE(decode_key(padded));
    sdk::WindowKey newer = encode(kWindow);
    newer.bytes[0] = std::byte{0x7f};
    EXPECT_FALSE(decode_key(newer));
    sdk::WindowKey oversized = encode(kWindow);
    oversized.size = 255;  // More than there is room for.
    EXPECT_FALSE(decode_key(oversized));
    EXPECT_FALSE(decode_key({}));
}

}  // namespace
}  // namespace godwit::transport_libfabric
