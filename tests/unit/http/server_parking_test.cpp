// Long polls: parked, woken, left behind, and answered for the last time.
#include <thread>

#include "running_server.h"

namespace godwit::http {
namespace {

using Parking = ServerTest;

TEST_F(Parking, ParkedRequestIsAnsweredAfterItIsWoken) {
    start();
    RawClient client = connect();
    client.send(request_text("GET /news/0"));
    ASSERT_TRUE(eventually_parked(1));
    EXPECT_TRUE(client.is_silent());

    news_ = 1;
    server_->wake_parked();

    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "1");
    EXPECT_TRUE(eventually_parked(0));
    EXPECT_EQ(handler_runs_, 2);
}

TEST_F(Parking, WokenRequestMayParkAgain) {
    start();
    RawClient client = connect();
    client.send(request_text("GET /news/5"));
    for (int news = 1; news <= 5; ++news) {
        ASSERT_TRUE(eventually_parked(1));
        const int runs = handler_runs_;
        news_ = news;
        server_->wake_parked();
        ASSERT_TRUE(eventually([&] { return handler_runs_ > runs; }));
    }
    EXPECT_TRUE(client.is_silent());
    news_ = 6;
    server_->wake_parked();
    EXPECT_EQ(client.answer()->body, "6");
}

TEST_F(Parking, RequestThatNobodyWakesIsRunForTheLastTimeAtItsDeadline) {
    park_for_ = base::Millis{80};
    start();
    RawClient client = connect();
    const auto before = base::SteadyClock::now();
    client.send(request_text("GET /news/0"));

    const auto answer = client.answer();

    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "\"last\"");
    EXPECT_GE(base::SteadyClock::now() - before, park_for_);
    EXPECT_EQ(handler_runs_, 2);
    client.send(request_text("GET /ping"));
    EXPECT_EQ(client.status(), 200);
}

TEST_F(Parking, HandlerThatParksAtLastIsABugAndAnswered500) {
    start();
    EXPECT_EQ(status_of(request_text("GET /always-park")), 500);
}

// The handler has looked, and is about to park, when the news comes: no wake-up may be lost.
TEST_F(Parking, WakeUpDuringARunIsNotLost) {
    std::atomic<bool> looked{false};
    add("GET", "/race", [&](const Request& request, bool last) -> Reply {
        const bool there = news_ > 0;
        if (!looked.exchange(true)) door_.pass();
        if (there || last) return json_response(200, last ? "\"last\"" : "\"news\"");
        return Park{request.received_at + park_for_};
    });
    start();
    RawClient client = connect();
    client.send(request_text("GET /race"));
    ASSERT_TRUE(door_.wait_until_waiting(1));

    news_ = 1;
    server_->wake_parked();
    // Behind these the loop has had its turn: nobody was parked whom it could have woken.
    ASSERT_EQ(status_of(request_text("GET /ping")), 200);
    ASSERT_EQ(status_of(request_text("GET /ping")), 200);
    door_.open();

    EXPECT_EQ(client.answer()->body, "\"news\"");
}

TEST_F(Parking, WakeUpsCoalesce) {
    settings_.workers = 1;
    start();
    RawClient client = connect();
    client.send(request_text("GET /news/0"));
    ASSERT_TRUE(eventually_parked(1));
    RawClient blocker = connect();
    blocker.send(request_text("GET /door"));
    ASSERT_TRUE(door_.wait_until_waiting(1));
    const int runs = handler_runs_;

    for (int i = 0; i < 1'000; ++i) server_->wake_parked();
    door_.open();

    EXPECT_EQ(blocker.status(), 200);
    ASSERT_TRUE(eventually_parked(1));
    EXPECT_GE(handler_runs_, runs);
    EXPECT_LE(handler_runs_, runs + 5);
}

TEST_F(Parking, ClientThatVanishesFreesItsRequestAtOnce) {
    start();
    RawClient ended = connect();
    RawClient reset = connect();
    RawClient half_closed = connect();
    for (RawClient* client : {&ended, &reset, &half_closed}) {
        client->send(request_text("POST /echo", "", "x") + request_text("GET /news/0"));
        ASSERT_EQ(client->status(), 200);
    }
    ASSERT_TRUE(eventually_parked(3));

    ended.hang_up();
    EXPECT_TRUE(eventually_parked(2));
    reset.reset();
    EXPECT_TRUE(eventually_parked(1));
    half_closed.send_no_more();
    EXPECT_TRUE(eventually_parked(0));

    EXPECT_TRUE(eventually_connected(0));
    const int runs = handler_runs_;
    server_->wake_parked();
    EXPECT_EQ(status_of(request_text("GET /ping")), 200);
    EXPECT_EQ(handler_runs_, runs + 1);
}

TEST_F(Parking, ClientThatVanishesDuringARunIsForgotten) {
    start();
    RawClient client = connect();
    client.send(request_text("GET /door"));
    ASSERT_TRUE(door_.wait_until_waiting(1));

    client.reset();

    EXPECT_TRUE(eventually_connected(0));
    door_.open();
    EXPECT_EQ(status_of(request_text("GET /ping")), 200);
}

TEST_F(Parking, RequestPipelinedBehindAParkedOneWaitsForItsTurn) {
    start();
    RawClient client = connect();
    client.send(request_text("GET /news/0") + request_text("GET /ping"));
    ASSERT_TRUE(eventually_parked(1));
    client.send(request_text("POST /echo", "", "later"));
    EXPECT_TRUE(client.is_silent());

    news_ = 7;
    server_->wake_parked();

    EXPECT_EQ(client.answer()->body, "7");
    EXPECT_EQ(client.answer()->body, "\"pong\"");
    EXPECT_EQ(client.answer()->body, "later");
}

TEST_F(Parking, LongestWaitingIsRunFirst) {
    settings_.workers = 1;
    std::atomic<int> loaves{0};
    add("GET", "/loaf", [&](const Request& request, bool last) -> Reply {
        if (loaves > 0) {
            --loaves;
            return json_response(200, "1");
        }
        if (last) return json_response(200, "null");
        return Park{request.received_at + park_for_};
    });
    start();
    std::vector<RawClient> clients;
    for (int i = 0; i < 8; ++i) {
        clients.push_back(connect());
        clients.back().send(request_text("GET /loaf"));
        ASSERT_TRUE(eventually_parked(i + 1));
    }
    for (int waiting = 8; waiting > 0; --waiting) {
        ASSERT_TRUE(eventually_parked(waiting));  // All of them, behind the sweep before.
        loaves = 1;
        server_->wake_parked();
        EXPECT_EQ(clients[8U - waiting].answer()->body, "1");
    }
}

TEST_F(Parking, ThousandsParkedLeaveRoomForOthers) {
    constexpr int kParked = 3'000;
    start();
    std::vector<RawClient> clients;
    clients.reserve(kParked);
    for (int i = 0; i < kParked; ++i) {
        clients.push_back(connect());
        clients.back().send(request_text("GET /news/0"));
    }
    ASSERT_TRUE(eventually_parked(kParked));

    EXPECT_EQ(status_of(request_text("GET /ping")), 200);
    for (int i = 0; i < 3; ++i) {
        server_->wake_parked();
        EXPECT_EQ(status_of(request_text("GET /ping")), 200);
    }
    news_ = 9;
    server_->wake_parked();

    for (RawClient& client : clients) {
        const auto answer = client.answer();
        ASSERT_TRUE(answer);
        ASSERT_EQ(answer->body, "9");
    }
    EXPECT_TRUE(eventually_parked(0));
}

TEST_F(Parking, WakersAndPollersAtOnceLoseNothing) {
    settings_.workers = 4;
    start();
    constexpr int kRounds = 300;
    std::vector<std::jthread> pollers;
    std::atomic<int> done{0};
    for (int i = 0; i < 4; ++i) {
        pollers.emplace_back([&] {
            RawClient client = connect();
            for (int seen = 0; seen < kRounds;) {
                client.send(request_text("GET /news/" + std::to_string(seen)));
                const auto answer = client.answer();
                ASSERT_TRUE(answer);
                ASSERT_NE(answer->body, "\"last\"");
                seen = std::stoi(answer->body);
            }
            ++done;
        });
    }
    for (int i = 0; i < kRounds; ++i) {
        ++news_;
        server_->wake_parked();
        if (i % 7 == 0) std::this_thread::yield();
    }
    pollers.clear();
    EXPECT_EQ(done, 4);
}

}  // namespace
}  // namespace godwit::http
