#include "http/server.h"

#include <thread>

#include "base/log.h"
#include "running_server.h"

namespace godwit::http {
namespace {

using ServerAtWork = ServerTest;

TEST_F(ServerAtWork, AnswersOnOneConnectionRequestAfterRequest) {
    start();
    RawClient client = connect();
    for (int i = 0; i < 100; ++i) {
        client.send(request_text("POST /echo", "", std::to_string(i)));
        const auto answer = client.answer();
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->body, std::to_string(i));
        EXPECT_EQ(answer->header("Content-Type"), "application/json");
        EXPECT_TRUE(answer->header("Date"));
        EXPECT_FALSE(answer->header("Connection"));
    }
}

TEST_F(ServerAtWork, PipelinedRequestsAreAnsweredInOrder) {
    settings_.workers = 4;
    start();
    std::string requests;
    constexpr int kRequests = 2'000;
    for (int i = 0; i < kRequests; ++i) {
        switch (i % 3) {
        case 0: requests += request_text("POST /echo", "", std::to_string(i)); break;
        case 1: requests += request_text("GET /nowhere/" + std::to_string(i)); break;
        default: requests += request_text("GET /nowhere/x", "", std::to_string(i)); break;
        }
    }
    RawClient client = connect();
    // Answers fill the way back while requests still go out.
    std::jthread sender{[&] { EXPECT_TRUE(client.send(requests)); }};

    for (int i = 0; i < kRequests; ++i) {
        const auto answer = client.answer();
        ASSERT_TRUE(answer) << i;
        ASSERT_EQ(answer->status, i % 3 == 0 ? 200 : 404);
        const std::string mark = i % 3 < 2 ? std::to_string(i) : "/nowhere/x";
        ASSERT_NE(answer->body.find(mark), std::string::npos);
    }
    sender.join();
    EXPECT_TRUE(client.is_silent());
}

TEST_F(ServerAtWork, FiveHundredConnectionsAreServedAtOnce) {
    settings_.workers = 4;
    start();
    std::vector<RawClient> clients;
    for (int i = 0; i < 500; ++i) clients.push_back(connect());
    for (int round = 0; round < 5; ++round) {
        for (std::size_t i = 0; i < clients.size(); ++i) {
            clients[i].send(request_text("POST /echo", "", std::to_string(i)));
        }
        for (std::size_t i = 0; i < clients.size(); ++i) {
            const auto answer = clients[i].answer();
            ASSERT_TRUE(answer);
            ASSERT_EQ(answer->body, std::to_string(i));
        }
    }
    EXPECT_TRUE(eventually_connected(500));
}

TEST_F(ServerAtWork, ClosesWhenTheClientWantsThat) {
    start();
    const auto after = [&](std::string_view request) {
        RawClient client = connect();
        client.send(std::string{request} + request_text("GET /ping"));
        return *client.answer();
    };
    const auto close = after(request_text("GET /ping", "Connection: Close\r\n"));
    EXPECT_EQ(close.header("Connection"), "close");
    const auto listed = after(request_text("GET /ping", "Connection: x, close\r\n"));
    EXPECT_EQ(listed.header("Connection"), "close");
    const auto old = after("GET /ping HTTP/1.0\r\n\r\n");
    EXPECT_EQ(old.header("Connection"), "close");
    const auto old_kept = after("GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(old_kept.header("Connection"), "keep-alive");

    RawClient client = connect();
    client.send(request_text("GET /ping", "Connection: close\r\n") + request_text("GET /ping"));
    EXPECT_EQ(client.status(), 200);
    EXPECT_TRUE(client.is_closed());
}

TEST_F(ServerAtWork, ClientThatSendsNoMoreStillGetsItsAnswers) {
    start();
    RawClient client = connect();
    client.send(request_text("GET /door"));
    ASSERT_TRUE(door_.wait_until_waiting(1));
    client.send(request_text("GET /ping") + request_text("POST /echo", "", "x"));
    client.send_no_more();
    door_.open();

    EXPECT_EQ(client.answer()->body, "\"through\"");
    EXPECT_EQ(client.answer()->body, "\"pong\"");
    EXPECT_EQ(client.answer()->body, "x");
    EXPECT_TRUE(client.is_closed());
}

TEST_F(ServerAtWork, HeadHasTheHeadersOfGetAndNoBody) {
    start();
    RawClient client = connect();
    client.send(request_text("HEAD /ping") + request_text("HEAD /nowhere") +
                request_text("GET /ping"));

    const auto head = client.answer(true);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->status, 200);
    EXPECT_EQ(head->header("Content-Length"), "6");
    EXPECT_EQ(client.answer(true)->status, 404);
    EXPECT_EQ(client.answer()->body, "\"pong\"");
}

TEST_F(ServerAtWork, WrongMethodIsToldTheRightOnes) {
    start();
    RawClient client = connect();
    client.send(request_text("DELETE /ping") + request_text("OPTIONS /echo"));

    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 405);
    EXPECT_EQ(answer->header("Allow"), "GET, HEAD");
    EXPECT_EQ(client.answer()->header("Allow"), "POST");
}

TEST_F(ServerAtWork, RoleIsCheckedBeforeTheBody) {
    access_ =
        AccessList{{{Role::Viewer, base::Secret{"see"}}, {Role::Operator, base::Secret{"do"}}}};
    add(
        "POST", "/act", [](const Request&, bool) { return json_response(200, "1"); },
        Role::Operator);
    start();
    // The body never comes: an answer that waited for it would not come either.
    const std::string length = "Content-Length: 1000\r\n";
    RawClient nobody = connect();
    nobody.send(request_text("POST /act", length));
    const auto answer = nobody.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 401);
    EXPECT_EQ(answer->header("WWW-Authenticate"), "Bearer realm=\"godwit\"");

    EXPECT_EQ(status_of(request_text("POST /act", length + "Authorization: Bearer see\r\n")), 403);
    EXPECT_EQ(status_of(request_text("POST /act", "Authorization: Bearer do\r\n", "x")), 200);
    EXPECT_EQ(status_of(request_text("GET /ping")), 200);
}

TEST_F(ServerAtWork, TargetIsDecodedOnce) {
    Request seen;
    add("GET", "/files/{name}/x", [&](const Request& request, bool) {
        seen = request;
        return json_response(200, "1");
    });
    start();

    EXPECT_EQ(status_of(request_text("GET /files/a%2Fb%2520/x?k=v%26w+z&empty&k=2")), 200);
    EXPECT_EQ(seen.parameter("name"), "a/b%20");
    EXPECT_EQ(seen.path, "/files/a/b%20/x");
    EXPECT_EQ(seen.query_value("k"), "v&w z");
    EXPECT_EQ(seen.query_value("empty"), "");
    EXPECT_FALSE(seen.query_value("none"));
    EXPECT_TRUE(seen.client.starts_with("127.0.0.1:"));

    EXPECT_EQ(status_of(request_text("GET /files/%00/x")), 400);
    EXPECT_EQ(status_of(request_text("GET /files/%zz/x")), 400);
    EXPECT_EQ(status_of(request_text("GET /files/%2/x")), 400);
    EXPECT_EQ(status_of(request_text("GET /files/%")), 400);
    EXPECT_EQ(status_of(request_text("GET /ping?a=%0g")), 400);
    EXPECT_EQ(status_of(request_text("GET /files//x")), 404);
}

TEST_F(ServerAtWork, HandlersThatThrowAreAnsweredWith500AndTheConnectionGoesOn) {
    start();
    RawClient client = connect();
    for (const char* line : {"GET /throw", "GET /throw-odd"}) {
        client.send(request_text(line));
        const auto answer = client.answer();
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->status, 500);
        EXPECT_NE(answer->body.find(R"("code":"internal")"), std::string::npos);
        EXPECT_EQ(answer->body.find("bug"), std::string::npos);  // For the log, not for clients.
    }
    client.send(request_text("GET /ping"));
    EXPECT_EQ(client.status(), 200);
}

TEST_F(ServerAtWork, HandlersCannotBreakTheFraming) {
    add("GET", "/evil", [](const Request&, bool) {
        Response response = json_response(200, "body");
        response.headers = {{"X-A", "1\r\nX-B: 2\r\n\r\nHTTP/1.1 200 OK"},
                            {"Bad Name", "x"},
                            {"Content-Length", "0"},
                            {"Transfer-Encoding", "chunked"}};
        response.content_type = "text/plain\r\nX-C: 3";
        return response;
    });
    add("GET", "/empty", [](const Request&, bool) { return json_response(204, "ignored"); });
    add("GET", "/odd-status", [](const Request&, bool) { return json_response(100, ""); });
    start();
    RawClient client = connect();
    client.send(request_text("GET /evil") + request_text("GET /empty") +
                request_text("GET /odd-status") + request_text("GET /ping"));

    const auto evil = client.answer();
    ASSERT_TRUE(evil);
    EXPECT_EQ(evil->body, "body");
    EXPECT_EQ(evil->header("X-A"), "1??X-B: 2????HTTP/1.1 200 OK");
    EXPECT_FALSE(evil->header("X-B"));
    EXPECT_EQ(client.status(), 204);
    EXPECT_EQ(client.status(), 500);
    EXPECT_EQ(client.status(), 200);
    EXPECT_TRUE(client.is_silent());
}

TEST_F(ServerAtWork, FullQueueIsToldToComeAgain) {
    settings_.workers = 1;
    settings_.queue_max = 1;
    start();
    RawClient running = connect();
    running.send(request_text("GET /door"));
    ASSERT_TRUE(door_.wait_until_waiting(1));
    RawClient queued = connect();
    RawClient refused = connect();
    // One of the two waits in the queue, the other one is refused, and can try again.
    queued.send(request_text("GET /ping"));
    refused.send(request_text("POST /echo", "", "x"));
    ASSERT_TRUE(eventually([&] { return !queued.is_silent() || !refused.is_silent(); }));
    RawClient& loser = queued.is_silent() ? refused : queued;
    RawClient& winner = queued.is_silent() ? queued : refused;

    const auto answer = loser.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 503);
    EXPECT_TRUE(answer->header("Retry-After"));
    door_.open();
    EXPECT_EQ(running.status(), 200);
    EXPECT_EQ(winner.status(), 200);
    loser.send(request_text("GET /ping"));
    EXPECT_EQ(loser.status(), 200);
}

TEST_F(ServerAtWork, BodiesOfAllRequestsTogetherAreBounded) {
    settings_.body_bytes_held_max = 600'000;
    start();
    const std::string half(400'000, 'x');
    RawClient first = connect();
    first.send(request_text("POST /echo", "Content-Length: 400001\r\n") + half);
    RawClient second = connect();
    second.send(request_text("POST /echo", "Content-Length: 400001\r\n") + half);
    // Whichever came second is refused; then there is room for the other.
    ASSERT_TRUE(eventually([&] { return !first.is_silent() || !second.is_silent(); }));
    RawClient& loser = first.is_silent() ? second : first;
    RawClient& winner = first.is_silent() ? first : second;

    EXPECT_EQ(loser.status(), 503);
    winner.send("y");
    EXPECT_EQ(winner.status(), 200);
    EXPECT_EQ(status_of(request_text("POST /echo", "", half)), 200);
}

TEST_F(ServerAtWork, ClientsBeyondTheLimitAreTurnedAway) {
    settings_.connections_max = 3;
    start();
    std::vector<RawClient> clients;
    for (int i = 0; i < 3; ++i) {
        clients.push_back(connect());
        clients.back().send(request_text("GET /ping"));
        ASSERT_EQ(clients.back().status(), 200);
    }

    RawClient fourth = connect();
    fourth.send(request_text("GET /ping"));
    const auto answer = fourth.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 503);
    EXPECT_TRUE(answer->header("Retry-After"));
    EXPECT_TRUE(fourth.is_closed());

    clients.pop_back();
    fourth.hang_up();
    ASSERT_TRUE(eventually_connected(2));
    EXPECT_EQ(status_of(request_text("GET /ping")), 200);
    EXPECT_TRUE(eventually([&] { return metric("godwit_http_turned_away_total") == 1; }));
}

TEST_F(ServerAtWork, CountsByRouteMethodAndOutcome) {
    start();
    status_of(request_text("POST /echo", "", "x"));
    status_of(request_text("GET /news/-1"));
    status_of(request_text("BREW /pot"));
    status_of("nonsense\r\n\r\n");

    const std::string expected[] = {
        R"(godwit_http_requests_total{method="POST",route="/echo",status="2xx"} 1)",
        R"(godwit_http_requests_total{method="GET",route="/news/{seen}",status="2xx"} 1)",
        R"(godwit_http_requests_total{method="other",route="none",status="4xx"} 2)",
        R"(godwit_http_request_seconds_count{method="POST",route="/echo"} 1)"};
    for (const std::string& line : expected) {
        EXPECT_TRUE(eventually([&] { return metrics_.text().find(line) != std::string::npos; }))
            << line << "\n"
            << metrics_.text();
    }
}

TEST_F(ServerAtWork, LogHoldsNoSecretsAndNoBodies) {
    const base::LogLevel before = base::log_level();
    base::set_log_level(base::LogLevel::Debug);
    testing::internal::CaptureStderr();
    start();
    status_of(request_text("POST /echo", "Authorization: Bearer s3cret-a\r\nX-Own: s3cret-b\r\n",
                           "s3cret-c"));
    status_of(request_text("GET /ping?token=s3cret-d"));
    status_of(request_text("GET /throw", "Cookie: s3cret-e\r\n"));
    status_of(request_text("GET /ping", "X Y: s3cret-f\r\n"));
    server_->stop(base::Millis{1'000});
    const std::string log = testing::internal::GetCapturedStderr();
    base::set_log_level(before);

    EXPECT_NE(log.find("path=/echo"), std::string::npos) << log;
    EXPECT_NE(log.find("a handler"), std::string::npos) << log;
    EXPECT_EQ(log.find("s3cret"), std::string::npos) << log;
}

TEST_F(ServerAtWork, AddressInUseIsNamed) {
    start();
    settings_.port = server_->port();
    Server second{settings_, {}, {}, metrics_};

    const Status started = second.start();

    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Code::Conflict);
    EXPECT_TRUE(started.error().message.starts_with(
        "listen on 127.0.0.1:" + std::to_string(server_->port()) + ": address in use"))
        << started.error().message;
}

TEST_F(ServerAtWork, AddressThatIsNotOursIsRefused) {
    for (const char* host : {"192.0.2.1", "no-such-host.invalid"}) {
        settings_.host = host;
        Server server{settings_, {}, {}, metrics_};
        const Status started = server.start();
        ASSERT_FALSE(started) << host;
        EXPECT_EQ(started.error().code, Code::InvalidArgument);
        EXPECT_NE(started.error().message.find(host), std::string::npos);
    }
    settings_.host = "127.0.0.1";
    settings_.workers = 0;
    Server server{settings_, {}, {}, metrics_};
    EXPECT_FALSE(server.start());
}

TEST_F(ServerAtWork, ListensOnNamesToo) {
    settings_.host = "localhost";
    start();
    EXPECT_EQ(status_of(request_text("GET /ping")), 200);
}

}  // namespace
}  // namespace godwit::http
