#include <gtest/gtest.h>

#include "transfer/rails.h"

namespace godwit::transfer {
namespace {

TEST(SameSubnet, IsAnIpv4NetworkOf24Bits) {
    EXPECT_TRUE(same_subnet("10.0.0.1", "10.0.0.254"));
    EXPECT_TRUE(same_subnet("10.0.0.1", "10.0.0.1"));
    EXPECT_FALSE(same_subnet("10.0.0.1", "10.0.1.1"));
    EXPECT_FALSE(same_subnet("10.0.0.1", "11.0.0.1"));
}

TEST(SameSubnet, IsAnIpv6NetworkOf64Bits) {
    EXPECT_TRUE(same_subnet("fd00::1", "fd00::ffff:0:0:2"));
    EXPECT_TRUE(same_subnet("fd00:0:0:0::1", "fd00::2"));
    EXPECT_FALSE(same_subnet("fd00::1", "fd00:0:0:1::1"));
    EXPECT_FALSE(same_subnet("fd00::1", "fd01::1"));
}

TEST(SameSubnet, IsNotSeenInWhatIsNoAddressOrOfAnotherKind) {
    EXPECT_FALSE(same_subnet("10.0.0.1", "::ffff:10.0.0.1"));
    EXPECT_FALSE(same_subnet("::ffff:10.0.0.1", "10.0.0.1"));
    EXPECT_FALSE(same_subnet("", ""));
    EXPECT_FALSE(same_subnet("", "10.0.0.1"));
    EXPECT_FALSE(same_subnet("10.0.0.1", ""));
    EXPECT_FALSE(same_subnet("10.0.0", "10.0.0"));
    EXPECT_FALSE(same_subnet("host", "host"));
    EXPECT_FALSE(same_subnet("10.0.0.1/24", "10.0.0.1/24"));
}

}  // namespace
}  // namespace godwit::transfer
