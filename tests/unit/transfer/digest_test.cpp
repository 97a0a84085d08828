#include "transfer/digest.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/bytes.h"

namespace godwit::transfer {
namespace {

std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span{text});
}

// The buffer that xxHash's own sanity check fills (cli/xsum_sanity_check.c).
std::vector<std::byte> sanity_buffer(std::size_t length) {
    std::vector<std::byte> buffer(length);
    std::uint64_t generator = 2'654'435'761;
    for (std::byte& byte : buffer) {
        byte = static_cast<std::byte>(generator >> 56);
        generator *= 11'400'714'785'074'694'797U;
    }
    return buffer;
}

TEST(Digest, IsTheCanonicalXxh3Of128Bits) {
    EXPECT_EQ(base::to_hex(digest_of({})), "99aa06d3014798d86001c324468d497f");
    EXPECT_EQ(base::to_hex(digest_of(bytes("a"))), "a96faf705af16834e6c632b61e964e1f");
    EXPECT_EQ(base::to_hex(digest_of(bytes("abc"))), "06b05ab6733a618578af5f94892f3950");
    EXPECT_EQ(base::to_hex(digest_of(sanity_buffer(17))), "955fa78643ed3669abbc12d11973d7db");
    EXPECT_EQ(base::to_hex(digest_of(sanity_buffer(241))), "99a80ecf0ecfc647c5a639ecd2030e5e");
    EXPECT_EQ(base::to_hex(digest_of(sanity_buffer(512))), "18d2d110dcc9bca1617e49599013cb6b");
}

TEST(Digest, FitsItsOwnBytesOnly) {
    const std::string digest = digest_of(bytes("content"));

    EXPECT_EQ(digest.size(), kDigestBytes);
    EXPECT_TRUE(digest_fits(digest, bytes("content")));
    EXPECT_FALSE(digest_fits(digest, bytes("Content")));
    EXPECT_FALSE(digest_fits(digest, bytes("content ")));
    EXPECT_FALSE(digest_fits(digest, {}));
}

TEST(Digest, FindsEveryFlippedBit) {
    std::vector<std::byte> buffer = sanity_buffer(600);
    const std::string digest = digest_of(buffer);

    for (std::size_t bit = 0; bit < 8 * buffer.size(); ++bit) {
        const auto mask = static_cast<std::byte>(1U << (bit % 8));
        buffer[bit / 8] ^= mask;
        ASSERT_FALSE(digest_fits(digest, buffer)) << bit;
        buffer[bit / 8] ^= mask;
    }
    EXPECT_TRUE(digest_fits(digest, buffer));
}

TEST(Digest, ThatIsAbsentFitsEverythingAndACutOneNothing) {
    EXPECT_TRUE(digest_fits("", bytes("content")));
    EXPECT_TRUE(digest_fits("", {}));
    EXPECT_FALSE(digest_fits(digest_of(bytes("content")).substr(1), bytes("content")));
    EXPECT_FALSE(digest_fits(digest_of(bytes("content")) + "x", bytes("content")));
}

}  // namespace
}  // namespace godwit::transfer
