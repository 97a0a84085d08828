#include <latch>
#include <thread>

#include "running_server.h"

namespace godwit::http {
namespace {

class Stopping : public ServerTest {
protected:
    base::Millis stop(base::Millis grace) {
        const auto begin = base::SteadyClock::now();
        server_->stop(grace);
        return std::chrono::duration_cast<base::Millis>(base::SteadyClock::now() - begin);
    }
};

TEST_F(Stopping, IdleServerStopsAtOnceWhateverIsHalfSent) {
    start();
    std::vector<RawClient> clients;
    for (const std::string& bytes :
         {std::string{}, request_text("GET /ping"), std::string{"GET /pi"},
          request_text("POST /echo", "Content-Length: 10\r\n") + "123"}) {
        clients.push_back(connect());
        clients.back().send(bytes);
    }
    ASSERT_EQ(clients[1].status(), 200);
    ASSERT_TRUE(eventually_connected(4));

    EXPECT_LT(stop(base::Millis{8'000}).count(), 700);

    EXPECT_TRUE(clients[1].is_closed());
    EXPECT_EQ(metric("godwit_http_connections"), 0);
}

TEST_F(Stopping, ParkedRequestsAreAnsweredForTheLastTime) {
    start();
    std::vector<RawClient> clients;
    for (int i = 0; i < 50; ++i) {
        clients.push_back(connect());
        clients.back().send(request_text("GET /news/0"));
    }
    ASSERT_TRUE(eventually_parked(50));

    EXPECT_LT(stop(base::Millis{8'000}).count(), 2'000);

    for (RawClient& client : clients) {
        const auto answer = client.answer();
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->body, "\"last\"");
        EXPECT_EQ(answer->header("Connection"), "close");
        EXPECT_TRUE(client.is_closed());
    }
}

TEST_F(Stopping, RunningHandlersFinishAndTheirAnswersLeave) {
    start();
    RawClient client = connect();
    client.send(request_text("GET /door"));
    ASSERT_TRUE(door_.wait_until_waiting(1));
    std::jthread opener{[&] {
        // The port is closed first of all: then the stop is under way.
        EXPECT_TRUE(eventually([&] { return !RawClient{server_->port()}.is_connected(); }));
        door_.open();
    }};

    stop(kPatience);

    EXPECT_EQ(client.answer()->body, "\"through\"");
    EXPECT_TRUE(client.is_closed());
}

TEST_F(Stopping, HandlerThatWouldParkIsRunForTheLastTime) {
    add("GET", "/park-behind-door", [this](const Request& request, bool last) -> Reply {
        if (last) return json_response(200, "\"last\"");
        door_.pass();
        return Park{request.received_at + park_for_};
    });
    start();
    RawClient client = connect();
    client.send(request_text("GET /park-behind-door"));
    ASSERT_TRUE(door_.wait_until_waiting(1));
    std::jthread stopper{[&] { stop(kPatience); }};
    door_.open();

    EXPECT_EQ(client.answer()->body, "\"last\"");
}

TEST_F(Stopping, GraceEndsForClientsAndHandlersAreStillAwaited) {
    start();
    RawClient client = connect();
    client.send(request_text("GET /door"));
    ASSERT_TRUE(door_.wait_until_waiting(1));
    std::jthread stopper{[&] { stop(base::Millis{50}); }};

    EXPECT_TRUE(client.is_closed());  // Though its handler still runs.
    door_.open();
    stopper.join();
    EXPECT_EQ(handler_runs_, 1);
}

TEST_F(Stopping, QueuedRequestsAreDroppedWhenTheGraceIsOver) {
    settings_.workers = 1;
    start();
    RawClient first = connect();
    first.send(request_text("GET /door"));
    ASSERT_TRUE(door_.wait_until_waiting(1));
    RawClient second = connect();
    second.send(request_text("GET /ping") + "GET");
    ASSERT_TRUE(eventually_connected(2));
    std::jthread stopper{[&] { stop(base::Millis{0}); }};

    EXPECT_FALSE(second.answer());
    door_.open();
}

TEST_F(Stopping, MayBeAskedForFromManyThreadsAndTwice) {
    start();
    std::latch begin{4};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            begin.arrive_and_wait();
            server_->stop(base::Millis{100});
            server_->wake_parked();
        });
    }
    threads.clear();
    server_->stop(base::Millis{100});
}

TEST_F(Stopping, ServerThatNeverStartedStops) {
    Server server{settings_, {}, {}, metrics_};
    server.wake_parked();
    server.stop(base::Millis{100});
}

TEST_F(Stopping, StopsUnderFire) {
    settings_.workers = 4;
    start();
    std::vector<std::jthread> clients;
    for (int i = 0; i < 8; ++i) {
        clients.emplace_back([&, port = server_->port()] {
            for (RawClient client{port}; client.is_connected(); client = RawClient{port}) {
                for (int request = 0; request < 20; ++request) {
                    const bool parks = request % 5 == 0;
                    client.send(request_text(parks ? "GET /news/0" : "GET /ping"));
                    if (parks) server_->wake_parked();
                    if (request % 7 != 0 && !client.answer(false, base::Millis{20})) break;
                }
            }
        });
    }
    ASSERT_TRUE(eventually([&] { return handler_runs_ > 500; }));

    stop(base::Millis{500});
}

}  // namespace
}  // namespace godwit::http
