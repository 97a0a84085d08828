#include "windows.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

namespace godwit::transport_ucx {
namespace {

constexpr std::uint64_t kHighest = std::numeric_limits<std::uint64_t>::max();

class OpenWindow : public ::testing::Test {
protected:
    bool opens(const Key& key, std::uint64_t offset, std::uint64_t length) const {
        return !windows_.find(key, offset, length).bytes.empty();
    }

    std::array<std::byte, 256> memory_{};
    MappedRegion region_{memory_, {}};
    Random random_;
    Windows windows_{random_};
    Key key_ = *windows_.open(region_, 64, 128, 5);
};

TEST_F(OpenWindow, GivesExactlyItsRange) {
    const auto whole = windows_.find(key_, 0, 128).bytes;
    const auto last = windows_.find(key_, 127, 1).bytes;

    EXPECT_EQ(whole.data(), memory_.data() + 64);
    EXPECT_EQ(whole.size(), 128U);
    EXPECT_EQ(last.data(), memory_.data() + 191);
}

TEST_F(OpenWindow, GivesNothingBeyondItsRange) {
    for (const auto& [offset, length] : {std::pair<std::uint64_t, std::uint64_t>{0, 129},
                                         {1, 128},
                                         {128, 1},
                                         {129, 1},
                                         {kHighest, 1},
                                         {kHighest, 2},
                                         {kHighest - 63, 128},
                                         {1, kHighest},
                                         {0, kHighest}}) {
        EXPECT_FALSE(opens(key_, offset, length)) << offset << "+" << length;
    }
}

TEST_F(OpenWindow, StaysShutForAnyWrongPartOfTheKey) {
    Key other_window = key_;
    ++other_window.window;
    Key other_epoch = key_;
    ++other_epoch.epoch;
    Key other_secret = key_;
    other_secret.secret[15] ^= std::byte{1};
    Key no_secret = key_;
    no_secret.secret = {};

    for (const Key& wrong : {other_window, other_epoch, other_secret, no_secret, Key{}}) {
        EXPECT_FALSE(opens(wrong, 0, 1));
    }
    EXPECT_TRUE(opens(key_, 0, 1));
}

TEST_F(OpenWindow, ClosesWithItsEpochAndNoOther) {
    const Key same_epoch = *windows_.open(region_, 0, 8, 5);
    const Key other_epoch = *windows_.open(region_, 0, 8, 6);

    windows_.revoke(5);

    EXPECT_FALSE(opens(key_, 0, 1));
    EXPECT_FALSE(opens(same_epoch, 0, 1));
    EXPECT_TRUE(opens(other_epoch, 0, 1));
}

TEST_F(OpenWindow, IsNotMadeOutsideOfTheRegion) {
    for (const auto& [offset, length] :
         {std::pair<std::size_t, std::size_t>{0, 257}, {256, 1}, {kHighest, 2}, {2, kHighest}}) {
        const auto key = windows_.open(region_, offset, length, 1);

        ASSERT_FALSE(key) << offset << "+" << length;
        EXPECT_EQ(key.error().code, sdk::Code::InvalidArgument);
    }
}

TEST(RandomNumbers, AreNeverZeroAndNeverMetTwice) {
    Random random;
    std::uint64_t before = random.number();
    for (int i = 0; i < 1000; ++i) {
        const std::uint64_t number = random.number();
        EXPECT_NE(number, 0U);
        EXPECT_NE(number, before);
        before = number;
    }
}

}  // namespace
}  // namespace godwit::transport_ucx
