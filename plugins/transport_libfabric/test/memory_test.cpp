#include "memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::transport_libfabric {
namespace {

constexpr std::size_t kMiB = 1 << 20;

TEST(LibfabricMemory, TooSmallALimitOnLockedMemoryNamesTheLimitAndTheNeed) {
    const auto status = check_lockable(256 * kMiB, 8 * kMiB, false);

    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, sdk::Code::NoMemory);
    EXPECT_THAT(status.error().message, testing::HasSubstr("RLIMIT_MEMLOCK"));
}

TEST(LibfabricMemory, EnoughNoLimitOrPrivilegeIsFine) {
    EXPECT_TRUE(check_lockable(256 * kMiB, 256 * kMiB, false));
    EXPECT_TRUE(check_lockable(256 * kMiB, RLIM_INFINITY, false));
    EXPECT_TRUE(check_lockable(256 * kMiB, 8 * kMiB, true));
}

}  // namespace
}  // namespace godwit::transport_libfabric
