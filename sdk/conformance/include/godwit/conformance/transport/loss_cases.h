// What befalls peers: killed, stopped, never there, restarted; and rails that end in the middle.
#pragma once

#include <filesystem>

#include "godwit/conformance/transport/suite.h"

namespace godwit::conformance {

inline constexpr std::size_t kLossBytes = std::size_t{8} << 20;

// Fills the rail with gets of a peer's window, at least one, up to 16 or until it says Again.
inline std::vector<sdk::Cookie> fill_with_gets(RailDriver& driver, sdk::PeerCookie peer,
                                               const sdk::WindowKey& key, sdk::Region* region,
                                               std::size_t window_bytes) {
    const std::size_t bytes = std::min(window_bytes / 16, driver.info().get_bytes_max);
    std::vector<sdk::Cookie> cookies;
    for (std::size_t i = 0; i < 16; ++i) {
        const auto posted = i == 0 ? driver.post(peer, key, 0, region, 0, bytes)
                                   : driver.try_get(peer, key, i * bytes, region, i * bytes, bytes);
        if (posted.refused != sdk::Code::Ok) break;
        cookies.push_back(posted.cookie);
    }
    EXPECT_FALSE(cookies.empty());
    return cookies;
}

TEST_P(TransportLoss, KilledSourceEndsEveryGetAndThenThePeer) {
    if (capabilities().same_host_only) {
        GTEST_SKIP() << "RailInfo::same_host_only: a source may be killed with a shared lock held";
    }
    OtherProcess source{setup(), {kLossBytes, 60}};
    const Offer offer = source.receive();
    const auto driver = open_rail();
    const auto target = driver->add_memory(kLossBytes);
    const sdk::PeerCookie peer = driver->connect(offer.address);
    const auto cookies = fill_with_gets(*driver, peer, offer.key, target.region, kLossBytes);
    ASSERT_TRUE(driver->poll_until([&] { return driver->get(cookies.front()).done; }));

    source.kill();

    // Keeps asking, for where all the gets were faster than the signal.
    const bool down = driver->poll_until(
        [&] {
            if (driver->peer(peer).down) return true;
            driver->try_get(peer, offer.key, 0, target.region, 0, 4096);
            return driver->peer(peer).down;
        },
        kLossNoticedWithin);
    EXPECT_TRUE(down) << "the loss is not noticed";
    for (const sdk::Cookie cookie : cookies) EXPECT_TRUE(driver->get(cookie).done);
}

TEST_P(TransportLoss, GetFromASourceThatDiedUnnoticedNeverSucceeds) {
    OtherProcess source{setup(), {kLossBytes, 61}};
    const Offer offer = source.receive();
    const auto driver = open_rail();
    const auto target = driver->add_memory(kLossBytes);
    const sdk::PeerCookie peer = driver->connect(offer.address);
    ASSERT_EQ(driver->fetch(peer, offer.key, 0, target.region, 0, 4096), sdk::Code::Ok);
    poison(target.memory->bytes());

    source.kill();

    // Refused, failed, Again or silent: for the host's deadline it is all one.
    const auto posted = driver->try_get(peer, offer.key, 0, target.region, 0, 4096);
    for (int i = 0; i < 100; ++i) driver->poll_once();
    driver->abort(peer);
    EXPECT_TRUE(driver->wait_for_down(peer));
    if (posted.refused == sdk::Code::Ok) {
        EXPECT_NE(driver->get(posted.cookie).code, sdk::Code::Ok);
    }
    EXPECT_TRUE(untouched(target.memory->bytes()));
}

TEST_P(TransportLoss, StoppedSourceIsGivenUpAndWritesNothingAfterwards) {
    OtherProcess stopped{setup(), {kLossBytes, 62}};
    const Offer offer = stopped.receive();
    const auto third = open_source(4096, 63);
    const auto driver = open_rail();
    const auto target = driver->add_memory(kLossBytes);
    const auto other_target = driver->add_memory(4096);
    const sdk::PeerCookie third_peer = driver->connect(third.offer.address);
    const sdk::PeerCookie peer = driver->connect(offer.address);
    const auto cookies = fill_with_gets(*driver, peer, offer.key, target.region, kLossBytes);
    ASSERT_TRUE(driver->poll_until([&] { return driver->get(cookies.front()).done; }));

    stopped.stop();
    // These cannot be answered, wherever the processor of the source has a part in it.
    for (std::size_t i = 0; i < 16; ++i) {
        driver->try_get(peer, offer.key, 0, target.region, 0, 4096);
    }
    for (int i = 0; i < 100; ++i) driver->poll_once();
    driver->abort(peer);

    const RailDriver::PeerState& state = driver->peer(peer);
    ASSERT_TRUE(driver->poll_until([&] { return state.down; }, kLossNoticedWithin));
    poison(target.memory->bytes());
    // The rail goes on: with whom it had, or after a PeerDown with whom it connects to again.
    const auto reached =
        driver->peer(third_peer).down ? driver->connect(third.offer.address) : third_peer;
    EXPECT_EQ(driver->fetch(reached, third.offer.key, 0, other_target.region, 0, 4096),
              sdk::Code::Ok);
    // Once it runs again and has answered a new get, it had every chance to answer the old ones.
    stopped.resume();
    const sdk::PeerCookie again = driver->connect(offer.address);
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(driver->fetch(again, offer.key, 0, other_target.region, 0, 4096), sdk::Code::Ok);
    }
    EXPECT_TRUE(holds(Pattern{62}, other_target.memory->bytes()));
    EXPECT_TRUE(untouched(target.memory->bytes()));
}

TEST_P(TransportLoss, ConnectToAStoppedProcessCanBeGivenUp) {
    OtherProcess stopped{setup(), {4096, 64}};
    const Offer offer = stopped.receive();
    stopped.stop();
    const auto driver = open_rail();

    const sdk::PeerCookie peer = driver->start_connect(offer.address);
    ASSERT_NE(peer, 0u);
    for (int i = 0; i < 100; ++i) driver->poll_once();
    driver->abort(peer);

    EXPECT_TRUE(driver->poll_until([&] { return driver->peer(peer).down; }, kLossNoticedWithin));
}

TEST_P(TransportLoss, NobodyAtTheAddressNeverComesUp) {
    OtherProcess gone{setup(), {4096, 65}};
    const auto address = gone.receive().address;
    gone.kill();
    const auto driver = open_rail();

    const sdk::PeerCookie peer = driver->start_connect(address);
    ASSERT_NE(peer, 0u);
    driver->poll_until([&] { return driver->peer(peer).down || driver->peer(peer).up; },
                       std::chrono::milliseconds{300});
    EXPECT_FALSE(driver->peer(peer).up);
    driver->abort(peer);

    EXPECT_TRUE(driver->wait_for_down(peer));
}

TEST_P(TransportLoss, PeerGivenUpRightAwayGoesDownOnce) {
    const auto source = open_source(4096, 66);
    const auto driver = open_rail();

    for (int i = 0; i < 10; ++i) {
        const sdk::PeerCookie peer = driver->start_connect(source.offer.address);
        ASSERT_NE(peer, 0u);
        for (int polls = 0; polls < i; ++polls) driver->poll_once();
        driver->abort(peer);
        driver->abort(peer);

        EXPECT_TRUE(driver->wait_for_down(peer));
    }
    EXPECT_NE(driver->connect(source.offer.address), 0u) << "and can be reached afterwards";
}

TEST_P(TransportLoss, GivingUpOnePeerLeavesTheGetsOfAnotherAlone) {
    const auto first = open_source(kLossBytes, 67);
    const auto second = open_source(kLossBytes, 68);
    const auto driver = open_rail();
    const auto first_target = driver->add_memory(kLossBytes);
    const auto second_target = driver->add_memory(kLossBytes);
    const sdk::PeerCookie given_up = driver->connect(first.offer.address);
    const sdk::PeerCookie kept = driver->connect(second.offer.address);

    fill_with_gets(*driver, given_up, first.offer.key, first_target.region, kLossBytes);
    driver->abort(given_up);
    const auto kept_gets =
        fill_with_gets(*driver, kept, second.offer.key, second_target.region, kLossBytes);

    EXPECT_TRUE(driver->wait_for_down(given_up));
    EXPECT_TRUE(driver->wait_for(kept_gets));
    for (const sdk::Cookie cookie : kept_gets) {
        EXPECT_EQ(driver->get(cookie).code, sdk::Code::Ok);
    }
    EXPECT_FALSE(driver->peer(kept).down);
}

TEST_P(TransportLoss, RestartedPeerIsReachedAgain) {
    auto source = std::make_unique<OtherProcess>(setup(), OtherProcessTask{4096, 69});
    const Offer before = source->receive();
    const auto driver = open_rail();
    const auto target = driver->add_memory(4096);
    const sdk::PeerCookie lost = driver->connect(before.address);
    ASSERT_EQ(driver->fetch(lost, before.key, 0, target.region, 0, 4096), sdk::Code::Ok);

    source = std::make_unique<OtherProcess>(setup(), OtherProcessTask{4096, 70});
    const Offer after = source->receive();
    driver->abort(lost);
    ASSERT_TRUE(driver->wait_for_down(lost));
    poison(target.memory->bytes());
    if (driver->info().keys_enforced) {
        const sdk::PeerCookie peer = driver->connect(after.address);
        EXPECT_NE(driver->fetch(peer, before.key, 0, target.region, 0, 4096), sdk::Code::Ok);
        EXPECT_TRUE(untouched(target.memory->bytes()));
        driver->abort(peer);
        ASSERT_TRUE(driver->wait_for_down(peer));
    }

    const sdk::PeerCookie peer = driver->connect(after.address);
    EXPECT_EQ(driver->fetch(peer, after.key, 0, target.region, 0, 4096), sdk::Code::Ok);
    EXPECT_TRUE(holds(Pattern{70}, target.memory->bytes()));
}

TEST_P(TransportLoss, ReaderThatIsStoppedOrKilledLeavesTheSourceServing) {
    if (capabilities().same_host_only) {
        GTEST_SKIP() << "RailInfo::same_host_only: a reader may be stopped with a shared lock held";
    }
    const auto source = open_source(kLossBytes, 71);
    const auto driver = open_rail();
    const auto target = driver->add_memory(4096);
    const std::size_t bytes = std::min<std::size_t>(1 << 20, driver->info().get_bytes_max);
    const sdk::PeerCookie peer = driver->connect(source.offer.address);
    const auto is_served = [&] {
        for (int i = 0; i < 50; ++i) {
            const auto code = driver->fetch(peer, source.offer.key, 0, target.region, 0, 4096);
            if (code != sdk::Code::Ok) return false;
        }
        return true;
    };

    for (int round = 0; round < 3; ++round) {
        OtherProcess reader{setup(), {bytes, 0, true}};
        reader.send(source.offer);
        reader.receive();

        reader.stop();
        EXPECT_TRUE(is_served()) << "while a reader was stopped";
        reader.kill();
        EXPECT_TRUE(is_served()) << "after a reader was killed";
    }
}

inline std::size_t entries_of(const char* folder) {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{folder}, {}));
}

// The kernel takes a moment to take a joined thread out of its list.
inline bool falls_to(const char* folder, std::size_t entries, std::chrono::seconds within) {
    const Deadline deadline = std::chrono::steady_clock::now() + within;
    while (entries_of(folder) > entries) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        ::sched_yield();
    }
    return true;
}

TEST_P(TransportLoss, RailDestroyedWithGetsInFlightLeavesNothingBehind) {
    const GuardedMemory target{kLossBytes};
    const auto cycle = [&] {
        const auto source = open_source(kLossBytes, 72);
        {
            const auto driver = open_rail();
            sdk::Region* region = nullptr;
            ASSERT_TRUE(driver->rail().register_memory(target.bytes(), region));
            const sdk::PeerCookie peer = driver->connect(source.offer.address);
            fill_with_gets(*driver, peer, source.offer.key, region, kLossBytes);
            driver->poll_once();
        }
        poison(target.bytes());
        // The source has had its chance once it has served somebody else.
        const auto driver = open_rail();
        const auto memory = driver->add_memory(4096);
        const sdk::PeerCookie peer = driver->connect(source.offer.address);
        EXPECT_EQ(driver->fetch(peer, source.offer.key, 0, memory.region, 0, 4096), sdk::Code::Ok);
        EXPECT_TRUE(untouched(target.bytes()));
    };
    cycle();  // What a library opens once and keeps is no leak.
    const std::size_t descriptors = entries_of("/proc/self/fd");
    const std::size_t threads = entries_of("/proc/self/task");

    for (int i = 0; i < 20 && !HasFailure(); ++i) cycle();

    EXPECT_TRUE(falls_to("/proc/self/fd", descriptors, std::chrono::seconds{2}))
        << entries_of("/proc/self/fd") << " descriptors, before " << descriptors;
    EXPECT_TRUE(falls_to("/proc/self/task", threads, std::chrono::seconds{2}))
        << entries_of("/proc/self/task") << " threads, before " << threads;
}

}  // namespace godwit::conformance
