#include "http/workers.h"

#include <gtest/gtest.h>

#include <string>

#include "running_server.h"

namespace godwit::http {
namespace {

TEST(Workers, LanesTakeTurnsSoThatNeitherStarves) {
    Door door;
    std::string order;  // Only the one worker writes, until it has stopped.
    Route block{.method = "GET", .pattern = "/block", .handler = [&](const Request&, bool) {
                    door.pass();
                    return json_response(200, "");
                }};
    Route note{.method = "GET", .pattern = "/note", .handler = [&](const Request&, bool last) {
                   order += last ? 'w' : 'f';
                   return json_response(200, "");
               }};
    std::atomic<std::uint64_t> wakes{0};
    std::atomic<std::size_t> held{0};
    std::atomic<int> done{0};
    Workers workers{{.threads = 1, .fresh_max = 10}, wakes, [&](Completion) { ++done; }};
    const auto job = [&](const Route& route, bool last) {
        auto exchange = std::make_unique<Exchange>(held);
        exchange->route = &route;
        return Job{1, std::move(exchange), last};
    };
    Job first = job(block, true);
    ASSERT_TRUE(workers.offer_fresh(first));
    workers.announce();
    ASSERT_TRUE(door.wait_until_waiting(1));
    for (int i = 0; i < 6; ++i) workers.add_woken(job(note, true));
    for (int i = 0; i < 3; ++i) {
        Job fresh = job(note, false);
        ASSERT_TRUE(workers.offer_fresh(fresh));
    }
    workers.announce();
    door.open();
    ASSERT_TRUE(eventually([&] { return done == 10; }));
    workers.stop();

    EXPECT_EQ(order, "wfwfwfwww");
}

TEST(Workers, FullQueueLeavesTheJobToItsOwner) {
    Door door;
    Route block{.method = "GET", .pattern = "/block", .handler = [&](const Request&, bool) {
                    door.pass();
                    return json_response(200, "");
                }};
    std::atomic<std::uint64_t> wakes{0};
    std::atomic<std::size_t> held{0};
    Workers workers{{.threads = 1, .fresh_max = 1}, wakes, [](Completion) {}};
    const auto offer = [&] {
        Job job{1, std::make_unique<Exchange>(held), true};
        job.exchange->route = &block;
        const bool taken = workers.offer_fresh(job);
        workers.announce();
        EXPECT_EQ(taken, job.exchange == nullptr);
        return taken;
    };
    EXPECT_TRUE(offer());
    ASSERT_TRUE(door.wait_until_waiting(1));
    EXPECT_TRUE(offer());
    EXPECT_FALSE(offer());
    door.open();
}

}  // namespace
}  // namespace godwit::http
