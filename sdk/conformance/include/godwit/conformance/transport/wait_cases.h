// Sleeping on wait_fd: no wake-up may be lost, and sleep must be sleep.
#pragma once

#include <random>

#include "godwit/conformance/transport/suite.h"

namespace godwit::conformance {

// Source and destination both sleep between any two steps, so every get needs each of its wake-ups;
// the driver never polls a rail that it sleeps on before the descriptor says so.
TEST_P(TransportWait, NoWakeUpIsLost) {
    GODWIT_NEEDS_CAPABILITY(has_wait_fd);
    constexpr int kGets = 5000;
    const auto source = open_source(64 * 1024, 80);
    const auto driver = open_rail();
    const auto target = driver->add_memory(64 * 1024);
    const sdk::PeerCookie peer = driver->connect(source.offer.address);
    std::mt19937 random{80};

    for (int i = 0; i < kGets; ++i) {
        const std::size_t length = 1 + random() % (i % 50 == 0 ? 64 * 1024 : 2048);
        ASSERT_EQ(driver->fetch(peer, source.offer.key, 0, target.region, 0, length), sdk::Code::Ok)
            << "get " << i << " of " << length << " bytes";
    }

    EXPECT_GT(driver->sleeps(), 0u);
}

TEST_P(TransportWait, SourceThatPollsOnlyWhenWokenServesNewAndOldPeers) {
    GODWIT_NEEDS_CAPABILITY(has_wait_fd);
    const auto source = open_source(4096, 81);
    const auto slept_before =
        source.thread->run([](RailDriver& driver) { return driver.sleeps(); });

    for (int i = 0; i < 10; ++i) {
        const auto driver = open_rail();
        const auto target = driver->add_memory(4096);
        const sdk::PeerCookie peer = driver->connect(source.offer.address);
        for (int gets = 0; gets < 20; ++gets) {
            ASSERT_EQ(driver->fetch(peer, source.offer.key, 0, target.region, 0, 4096),
                      sdk::Code::Ok);
        }
    }

    EXPECT_GT(source.thread->run([](RailDriver& driver) { return driver.sleeps(); }), slept_before);
}

inline constexpr std::chrono::milliseconds kIdleSpan{600};

inline std::chrono::microseconds thread_cpu_time() {
    ::rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    const auto micros = [](const ::timeval& time) {
        return std::chrono::seconds{time.tv_sec} + std::chrono::microseconds{time.tv_usec};
    };
    return micros(usage.ru_utime) + micros(usage.ru_stime);
}

TEST_P(TransportWait, IdleRailWithAPeerCostsLittleProcessorTime) {
    GODWIT_NEEDS_CAPABILITY(has_wait_fd);
    constexpr int kShareOfSpan = 5;  // A fifth: a rail that spins takes all of it.
    const auto source = open_source(4096, 82);
    const auto driver = open_rail();
    const auto target = driver->add_memory(4096);
    const sdk::PeerCookie peer = driver->connect(source.offer.address);
    ASSERT_EQ(driver->fetch(peer, source.offer.key, 0, target.region, 0, 4096), sdk::Code::Ok);
    const auto idle = [](RailDriver& rail) {
        const auto before = thread_cpu_time();
        rail.poll_until([] { return false; }, kIdleSpan);
        return thread_cpu_time() - before;
    };

    auto source_time = source.thread->start(idle);
    const auto destination_time = idle(*driver);

    EXPECT_LT(destination_time, kIdleSpan / kShareOfSpan);
    EXPECT_LT(source_time.get(), kIdleSpan / kShareOfSpan);
}

TEST_P(TransportWait, RailThatConnectsToAStoppedProcessCostsLittleProcessorTime) {
    GODWIT_NEEDS_CAPABILITY(has_wait_fd);
    constexpr int kShareOfSpan = 3;
    OtherProcess stopped{setup(), {4096, 83}};
    const Offer offer = stopped.receive();
    stopped.stop();
    const auto driver = open_rail();
    const sdk::PeerCookie peer = driver->start_connect(offer.address);
    ASSERT_NE(peer, 0u);
    // The first steps may cost: queues are made, memory is registered.
    driver->poll_until([] { return false; }, kIdleSpan);

    const auto before = thread_cpu_time();
    driver->poll_until([] { return false; }, kIdleSpan);

    EXPECT_LT(thread_cpu_time() - before, kIdleSpan / kShareOfSpan);
    EXPECT_FALSE(driver->peer(peer).up);
}

}  // namespace godwit::conformance
