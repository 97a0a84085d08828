// Slow clients: they cost themselves, and nobody else.
#include "running_server.h"

namespace godwit::http {
namespace {

constexpr base::Millis kShort{120};

class SlowClients : public ServerTest {
protected:
    SlowClients() {
        settings_.header_timeout = kShort;
        settings_.body_timeout = kShort;
    }
    static auto now() { return base::SteadyClock::now(); }
};

TEST_F(SlowClients, HalfAHeadIsAnsweredWith408) {
    start();
    RawClient client = connect();
    client.send("GET /ping HTTP/1.1\r\nHost: te");

    const auto answer = client.answer();

    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 408);
    EXPECT_TRUE(client.is_closed());
}

// Slowloris: a byte now and then must not keep it alive.
TEST_F(SlowClients, DripOfBytesDoesNotMoveTheDeadline) {
    start();
    const auto begin = now();
    RawClient client = connect();
    client.send("GET /ping HTTP/1.1\r\nX: ");

    EXPECT_TRUE(eventually([&] {
        client.send("x");
        return !client.is_silent();
    }));

    EXPECT_EQ(client.status(), 408);
    EXPECT_GE(now() - begin, kShort);
}

TEST_F(SlowClients, SilentConnectionIsClosedWithoutAWord) {
    start();
    RawClient client = connect();
    EXPECT_TRUE(client.is_closed());
}

TEST_F(SlowClients, IdleConnectionIsClosedWithoutAWord) {
    settings_.keep_alive_timeout = kShort;
    start();
    RawClient client = connect();
    client.send(request_text("GET /ping"));
    EXPECT_EQ(client.status(), 200);
    EXPECT_TRUE(client.is_closed());
}

TEST_F(SlowClients, HalfABodyIsAnsweredWith408) {
    start();
    RawClient client = connect();
    client.send(request_text("POST /echo", "Content-Length: 10\r\n") + "12345");

    EXPECT_EQ(client.status(), 408);
    EXPECT_TRUE(client.is_closed());
    EXPECT_EQ(handler_runs_, 0);
}

TEST_F(SlowClients, RestOfAnUnwantedBodyIsNotAwaitedForEver) {
    start();
    RawClient client = connect();
    client.send(request_text("POST /nowhere", "Content-Length: 10\r\n") + "12345");

    EXPECT_EQ(client.status(), 404);
    EXPECT_TRUE(client.is_closed());
}

TEST_F(SlowClients, ReaderThatDoesNotReadIsClosed) {
    settings_.write_timeout = kShort;
    start();
    RawClient client{server_->port(), 4096};
    client.send(request_text("GET /large/64"));
    ASSERT_TRUE(eventually([&] { return handler_runs_ == 1; }));

    EXPECT_TRUE(eventually_connected(0));
}

TEST_F(SlowClients, LargeAnswerArrivesWholeAtAReaderWithASmallWindow) {
    start();
    RawClient client{server_->port(), 4096};
    client.send(request_text("GET /large/3") + request_text("GET /ping"));

    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body.size(), 3U << 20);
    EXPECT_EQ(client.status(), 200);
}

// With Poco's own server 16 of these on 16 threads were enough to stop it for everybody.
TEST_F(SlowClients, HalfOpenHeadsStopNobodyElse) {
    settings_.header_timeout = kPatience;
    settings_.workers = 1;
    start();
    std::vector<RawClient> half_open;
    for (int i = 0; i < 200; ++i) {
        half_open.push_back(connect());
        half_open.back().send("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Len");
    }
    EXPECT_EQ(status_of(request_text("GET /ping")), 200);
    half_open[7].send("gth: 2\r\n\r\nok");
    EXPECT_EQ(half_open[7].answer()->body, "ok");
}

TEST_F(SlowClients, DeadlineOfTheNextRequestBeginsAnew) {
    settings_.keep_alive_timeout = kPatience;
    start();
    RawClient client = connect();
    for (int i = 0; i < 3; ++i) {
        client.send(request_text("GET /ping"));
        ASSERT_EQ(client.status(), 200);
        ASSERT_TRUE(eventually([&, begin = now()] { return now() - begin > kShort; }));
    }
    const auto begin = now();
    client.send("GET ");
    EXPECT_EQ(client.status(), 408);
    EXPECT_LT(now() - begin, kPatience / 2);
}

TEST_F(SlowClients, HalfAHeadBehindARequestHasTheSameDeadline) {
    settings_.keep_alive_timeout = 10 * kPatience;
    start();
    RawClient client = connect();
    client.send(request_text("GET /ping") + "GET /pi");

    EXPECT_EQ(client.status(), 200);
    EXPECT_EQ(client.status(), 408);
}

}  // namespace
}  // namespace godwit::http
