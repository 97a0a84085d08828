#include "transfer/buffers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

namespace godwit::transfer {
namespace {

using base::Millis;
using base::SteadyClock;

constexpr std::size_t kBuffers = 4;
constexpr std::size_t kBytes = 4096;
constexpr std::chrono::seconds kPatience{20};

class Pool : public testing::Test {
protected:
    std::vector<Buffer> take_all() {
        std::vector<Buffer> taken;
        while (Buffer buffer = pool_->try_acquire()) taken.push_back(std::move(buffer));
        return taken;
    }

    const std::unique_ptr<BufferPool> pool_ = *BufferPool::make(kBuffers, kBytes);
    std::stop_source stop_;
};

TEST_F(Pool, HandsOutEachOfItsBuffersOnce) {
    const std::vector<Buffer> taken = take_all();

    ASSERT_EQ(taken.size(), kBuffers);
    EXPECT_EQ(pool_->count(), kBuffers);
    EXPECT_EQ(pool_->buffer_bytes(), kBytes);
    EXPECT_EQ(pool_->memory().size(), kBuffers * kBytes);
    std::set<std::size_t> offsets;
    for (const Buffer& buffer : taken) {
        EXPECT_EQ(buffer.bytes().size(), kBytes);
        EXPECT_EQ(buffer.bytes().data(), pool_->memory().data() + buffer.offset());
        offsets.insert(buffer.offset());
    }
    EXPECT_THAT(offsets, testing::ElementsAre(0, kBytes, 2 * kBytes, 3 * kBytes));
    EXPECT_FALSE(pool_->try_acquire());
}

TEST_F(Pool, GetsABufferBackWhenItGoes) {
    std::vector<Buffer> taken = take_all();
    const std::size_t offset = taken.back().offset();

    taken.pop_back();

    const Buffer again = pool_->try_acquire();
    ASSERT_TRUE(again);
    EXPECT_EQ(again.offset(), offset);
}

TEST_F(Pool, GetsABufferBackOnceHoweverOftenItIsMoved) {
    std::vector<Buffer> taken = take_all();
    {
        Buffer first = std::move(taken[0]);
        Buffer second = std::move(taken[1]);
        EXPECT_FALSE(taken[0]);
        first = std::move(second);  // What it held goes back.
        EXPECT_EQ(take_all().size(), 1U);
        EXPECT_TRUE(first);
    }

    EXPECT_EQ(take_all().size(), 2U);
}

TEST_F(Pool, LetsSomebodyWaitForABufferThatAnotherThreadGivesBack) {
    std::vector<Buffer> taken = take_all();
    std::jthread giver{[&] { taken.pop_back(); }};

    EXPECT_TRUE(pool_->acquire(stop_.get_token()));
}

TEST_F(Pool, LetsNobodyWaitBeyondTheDeadline) {
    const std::vector<Buffer> taken = take_all();

    EXPECT_FALSE(pool_->acquire(stop_.get_token(), SteadyClock::now() + Millis{1}));
    EXPECT_FALSE(pool_->acquire(stop_.get_token(), SteadyClock::now() - Millis{1}));
}

TEST_F(Pool, LetsNobodyWaitBeyondAStop) {
    const std::vector<Buffer> taken = take_all();
    std::atomic<int> empty_handed{0};
    {
        std::vector<std::jthread> waiters;
        for (const base::Deadline deadline :
             {base::Deadline::max(), SteadyClock::now() + kPatience}) {
            waiters.emplace_back([this, deadline, &empty_handed] {
                if (!pool_->acquire(stop_.get_token(), deadline)) ++empty_handed;
            });
        }
        stop_.request_stop();
    }

    EXPECT_EQ(empty_handed, 2);
}

TEST_F(Pool, LendsABufferToOneThreadAtATimeAndForgetsNoWaiter) {
    constexpr int kRounds = 500;
    std::atomic<int> shared{0};
    std::atomic<int> waited_in_vain{0};
    {
        std::vector<std::jthread> borrowers;
        for (int id = 1; id <= 8; ++id) {
            borrowers.emplace_back([&, id] {
                for (int round = 0; round < kRounds; ++round) {
                    const Buffer buffer =
                        pool_->acquire(stop_.get_token(), SteadyClock::now() + kPatience);
                    if (!buffer) {
                        ++waited_in_vain;
                        return;
                    }
                    const auto mine = static_cast<std::byte>(id);
                    const auto bytes = buffer.bytes().first(64);
                    std::fill(bytes.begin(), bytes.end(), mine);
                    std::this_thread::yield();
                    if (std::count(bytes.begin(), bytes.end(), mine) != 64) ++shared;
                }
            });
        }
    }

    EXPECT_EQ(shared, 0);
    EXPECT_EQ(waited_in_vain, 0);
    EXPECT_EQ(take_all().size(), kBuffers) << "buffers were lost";
}

TEST(BufferPool, SaysThatTheMachineHasNotTheMemory) {
    const auto pool = BufferPool::make(std::size_t{1} << 20, std::size_t{1} << 40);

    ASSERT_FALSE(pool);
    EXPECT_EQ(pool.error().code, Code::NoMemory);
}

}  // namespace
}  // namespace godwit::transfer
