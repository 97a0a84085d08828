// The one verb: get.
#pragma once

#include <limits>
#include <random>

#include "godwit/conformance/transport/suite.h"

namespace godwit::conformance {

inline constexpr std::size_t kMiB = std::size_t{1} << 20;
inline constexpr std::size_t kMargin = 128;  // Checked to be untouched, on both sides of a target.

TEST_P(TransportGet, BringsExactlyWhatWasAskedForAtEverySizeAndOffset) {
    constexpr std::size_t kLargest = 64 * kMiB;
    const auto source = open_source(kLargest + 64, 7);
    const auto driver = open_rail();
    const auto target = driver->add_memory(kLargest + 64 + 2 * kMargin);
    const sdk::PeerCookie peer = driver->connect(source.offer.address);

    for (const std::size_t size :
         {std::size_t{1}, std::size_t{4095}, std::size_t{4096}, kMiB + 1, kLargest}) {
        for (const std::size_t offset : {0, 1, 63}) {
            if (size == kLargest && offset == 1) continue;
            const std::size_t local = kMargin + offset;
            poison(target.memory->part(0, local + size + kMargin));

            const auto code =
                driver->fetch_all(peer, source.offer.key, offset, target.region, local, size);

            ASSERT_EQ(code, sdk::Code::Ok) << size << " bytes at " << offset;
            EXPECT_TRUE(holds(source.pattern, target.memory->part(local, size), offset));
            EXPECT_TRUE(untouched(target.memory->part(0, local)));
            EXPECT_TRUE(untouched(target.memory->part(local + size, kMargin)));
        }
    }
}

TEST_P(TransportGet, LocalAndRemoteOffsetsNeedNotAgree) {
    const auto source = open_source(3 * 4096, 8);
    const auto driver = open_rail();
    const auto target = driver->add_memory(3 * 4096);
    const sdk::PeerCookie peer = driver->connect(source.offer.address);

    for (std::size_t i = 0; i < 64; ++i) {
        const std::size_t local = kMargin + i;
        const std::size_t remote = 2 * kMargin - 3 * i;
        poison(target.memory->bytes());

        ASSERT_EQ(driver->fetch(peer, source.offer.key, remote, target.region, local, 4097),
                  sdk::Code::Ok);

        EXPECT_TRUE(holds(source.pattern, target.memory->part(local, 4097), remote));
        EXPECT_TRUE(untouched(target.memory->part(0, local)));
        EXPECT_TRUE(untouched(target.memory->part(local + 4097, kMargin)));
    }
}

TEST_P(TransportGet, EveryCookieComesBackExactlyOnce) {
    constexpr std::size_t kGets = 1000;
    constexpr std::size_t kBytes = 4096;
    const auto source = open_source(kMiB, 9);
    const auto driver = open_rail();
    const auto target = driver->add_memory(kGets * kBytes);
    const sdk::PeerCookie peer = driver->connect(source.offer.address);
    std::mt19937 random{9};

    std::vector<sdk::Cookie> cookies;
    std::vector<std::uint64_t> offsets;
    for (std::size_t i = 0; i < kGets; ++i) {
        offsets.push_back(random() % (kMiB - kBytes));
        const auto posted =
            driver->post(peer, source.offer.key, offsets.back(), target.region, i * kBytes, kBytes);
        ASSERT_EQ(posted.refused, sdk::Code::Ok);
        cookies.push_back(posted.cookie);
    }

    ASSERT_TRUE(driver->wait_for(cookies));
    for (std::size_t i = 0; i < kGets; ++i) {
        EXPECT_EQ(driver->get(cookies[i]).code, sdk::Code::Ok);
        EXPECT_TRUE(holds(source.pattern, target.memory->part(i * kBytes, kBytes), offsets[i]));
    }
}

TEST_P(TransportGet, AgainIsSaidAtTheLatestBeyondTheLimitAndPassesWithProgress) {
    const auto source = open_source(kMiB, 10);
    const auto driver = open_rail();
    const std::size_t limit = driver->info().gets_in_flight_max;
    const std::size_t bytes = std::min<std::size_t>(64 * 1024, driver->info().get_bytes_max);
    const auto target = driver->add_memory((limit + 1) * bytes);
    const sdk::PeerCookie peer = driver->connect(source.offer.address);

    for (int round = 0; round < 5; ++round) {
        poison(target.memory->bytes());
        std::vector<sdk::Cookie> cookies;
        sdk::Code refused = sdk::Code::Ok;
        while (refused == sdk::Code::Ok && cookies.size() <= limit) {
            const auto posted = driver->try_get(peer, source.offer.key, 0, target.region,
                                                cookies.size() * bytes, bytes);
            refused = posted.refused;
            if (refused == sdk::Code::Ok) cookies.push_back(posted.cookie);
        }

        EXPECT_EQ(refused, sdk::Code::Again) << cookies.size() << " accepted, limit " << limit;
        EXPECT_FALSE(cookies.empty());
        ASSERT_TRUE(driver->wait_for(cookies));
        for (std::size_t i = 0; i < cookies.size(); ++i) {
            EXPECT_TRUE(holds(source.pattern, target.memory->part(i * bytes, bytes)));
        }
        // What was refused was not begun either.
        EXPECT_TRUE(untouched(target.memory->bytes().subspan(cookies.size() * bytes)));
    }
}

TEST_P(TransportGet, BothSidesGetFromEachOtherAtOnce) {
    constexpr std::size_t kBytes = 256 * 1024;
    constexpr int kRounds = 40;
    Source sides[] = {open_source(kBytes, 11), open_source(kBytes, 12)};

    // Connects and gets on each side, of what the other one offers, at the same time.
    const auto fetches_from = [&](const Source& other) {
        return [&other](RailDriver& driver) {
            const auto target = driver.add_memory(kBytes);
            const sdk::PeerCookie peer = driver.connect(other.offer.address);
            for (int i = 0; i < kRounds; ++i) {
                poison(target.memory->bytes());
                const auto code =
                    driver.fetch_all(peer, other.offer.key, 0, target.region, 0, kBytes);
                if (code != sdk::Code::Ok) return ::testing::AssertionFailure() << to_string(code);
                const auto right = holds(other.pattern, target.memory->bytes());
                if (!right) return right;
            }
            return ::testing::AssertionSuccess();
        };
    };
    auto first = sides[0].thread->start(fetches_from(sides[1]));
    auto second = sides[1].thread->start(fetches_from(sides[0]));

    EXPECT_TRUE(first.get());
    EXPECT_TRUE(second.get());
}

TEST_P(TransportGet, OneRailGetsFromSeveralPeersAndWindows) {
    constexpr std::size_t kBytes = 64 * 1024;
    constexpr std::size_t kPeers = 3;
    const auto driver = open_rail();
    std::vector<Source> sources;
    std::vector<sdk::PeerCookie> peers;
    std::vector<Offer> seconds;  // Another window of each source, of another region.
    for (std::size_t i = 0; i < kPeers; ++i) {
        sources.push_back(open_source(kBytes, 20 + i));
        seconds.push_back(sources.back().thread->run(
            [&](RailDriver& source) { return offer_pattern(source, kBytes, 30 + i, 2); }));
        peers.push_back(driver->connect(sources.back().offer.address));
    }
    const auto target = driver->add_memory(2 * kPeers * kBytes);

    std::vector<sdk::Cookie> cookies;
    for (std::size_t i = 0; i < 2 * kPeers; ++i) {
        const std::size_t peer = i % kPeers;
        const sdk::WindowKey& key = i < kPeers ? sources[peer].offer.key : seconds[peer].key;
        cookies.push_back(
            driver->post(peers[peer], key, 0, target.region, i * kBytes, kBytes).cookie);
    }

    ASSERT_TRUE(driver->wait_for(cookies));
    for (std::size_t i = 0; i < 2 * kPeers; ++i) {
        const Pattern expected{i < kPeers ? 20 + i : 30 + i - kPeers};
        EXPECT_TRUE(holds(expected, target.memory->part(i * kBytes, kBytes))) << i;
    }
}

TEST_P(TransportGet, WhatCannotBeIsRefusedAtOnce) {
    constexpr std::size_t kBytes = 4096;
    constexpr std::size_t kNoSize = std::numeric_limits<std::size_t>::max();
    const auto source = open_source(kBytes, 13);
    const auto driver = open_rail();
    const auto target = driver->add_memory(kBytes);
    poison(target.memory->bytes());
    const sdk::PeerCookie peer = driver->connect(source.offer.address);
    const auto refusal = [&](const sdk::WindowKey& key, std::size_t local, std::size_t length) {
        return driver->try_get(peer, key, 0, target.region, local, length).refused;
    };
    sdk::WindowKey empty;
    sdk::WindowKey oversized = source.offer.key;
    oversized.size = 255;

    EXPECT_EQ(refusal(source.offer.key, 0, 0), sdk::Code::InvalidArgument);
    EXPECT_EQ(refusal(source.offer.key, 0, kBytes + 1), sdk::Code::InvalidArgument);
    EXPECT_EQ(refusal(source.offer.key, 1, kBytes), sdk::Code::InvalidArgument);
    EXPECT_EQ(refusal(source.offer.key, kBytes, 1), sdk::Code::InvalidArgument);
    EXPECT_EQ(refusal(source.offer.key, kNoSize, 2), sdk::Code::InvalidArgument);
    EXPECT_EQ(refusal(source.offer.key, 2, kNoSize), sdk::Code::InvalidArgument);
    EXPECT_EQ(refusal(empty, 0, kBytes), sdk::Code::InvalidArgument);
    EXPECT_EQ(refusal(oversized, 0, kBytes), sdk::Code::InvalidArgument);

    for (int i = 0; i < 100; ++i) driver->poll_once();
    EXPECT_TRUE(untouched(target.memory->bytes()));
    EXPECT_EQ(driver->fetch(peer, source.offer.key, 0, target.region, 0, kBytes), sdk::Code::Ok);
}

TEST_P(TransportGet, GetLongerThanTheLimitIsRefused) {
    constexpr std::size_t kAffordable = 256 * kMiB;
    const auto driver = open_rail();
    const std::size_t limit = driver->info().get_bytes_max;
    if (limit >= kAffordable) GTEST_SKIP() << "RailInfo::get_bytes_max is " << limit;
    const auto source = open_source(limit + 1, 14);
    const auto target = driver->add_memory(limit + 1);
    const sdk::PeerCookie peer = driver->connect(source.offer.address);

    EXPECT_EQ(driver->try_get(peer, source.offer.key, 0, target.region, 0, limit + 1).refused,
              sdk::Code::InvalidArgument);
    EXPECT_EQ(driver->fetch(peer, source.offer.key, 0, target.region, 0, limit), sdk::Code::Ok);
}

TEST_P(TransportGet, WindowOutsideOfItsRegionIsRefused) {
    const auto driver = open_rail();
    const auto memory = driver->add_memory(4096);
    sdk::WindowKey key;

    for (const auto& [offset, length] : {std::pair<std::size_t, std::size_t>{0, 4097},
                                         {1, 4096},
                                         {4097, 1},
                                         {std::numeric_limits<std::size_t>::max(), 2}}) {
        const auto status = driver->rail().export_window(memory.region, offset, length, 1, key);

        ASSERT_FALSE(status) << offset << " " << length;
        EXPECT_EQ(status.error().code, sdk::Code::InvalidArgument) << status.error().message;
    }
}

TEST_P(TransportGet, RailsOfOneTransportWorkOnTheirOwnThreadsAtOnce) {
    constexpr std::size_t kRails = 4;
    constexpr std::size_t kBytes = 32 * 1024;
    std::vector<Source> ring;
    for (std::size_t i = 0; i < kRails; ++i) ring.push_back(open_source(kBytes, 40 + i));

    std::vector<std::future<sdk::Code>> ends;
    for (std::size_t i = 0; i < kRails; ++i) {
        const Offer& next = ring[(i + 1) % kRails].offer;
        ends.push_back(ring[i].thread->start([&next](RailDriver& driver) {
            const auto target = driver.add_memory(kBytes);
            const sdk::PeerCookie peer = driver.connect(next.address);
            sdk::Code code = sdk::Code::Ok;
            for (int round = 0; round < 50 && code == sdk::Code::Ok; ++round) {
                code = driver.fetch_all(peer, next.key, 0, target.region, 0, kBytes);
            }
            return code;
        }));
    }

    for (auto& end : ends) EXPECT_EQ(end.get(), sdk::Code::Ok);
}

}  // namespace godwit::conformance
