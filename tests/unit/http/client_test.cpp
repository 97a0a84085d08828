#include "http/client.h"

#include <algorithm>
#include <mutex>
#include <thread>

#include "http/host_address.h"
#include "misbehaving_master.h"
#include "running_server.h"

namespace godwit::http {
namespace {

using Peer = MisbehavingMaster::Peer;
constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

Client open(std::string url, base::Millis answer_timeout = kPatience) {
    auto client = Client::open({.url = std::move(url), .answer_timeout = answer_timeout});
    EXPECT_TRUE(client) << client.error().message;
    return std::move(*client);
}

// The failure of one request against a master that follows `script`.
Error failure_of(MisbehavingMaster::Script script, base::Millis answer_timeout = kPatience) {
    MisbehavingMaster master{std::move(script)};
    Client client = open(master.url(), answer_timeout);
    const auto answer = client.send("POST", "/x", "{}");
    if (answer) return Error{Code::Internal, "it worked"};
    return answer.error();
}

using ClientAndServer = ServerTest;

TEST_F(ClientAndServer, SpeakOnOneConnection) {
    start();
    Client client = open("http://127.0.0.1:" + std::to_string(server_->port()));
    for (int i = 0; i < 50; ++i) {
        const auto answer = client.send("POST", "/echo", std::to_string(i));
        ASSERT_TRUE(answer) << answer.error().message;
        EXPECT_TRUE(answer->ok());
        EXPECT_EQ(answer->body, std::to_string(i));
        EXPECT_EQ(answer->header("content-type"), "application/json");
    }
    EXPECT_EQ(client.send("GET", "/nowhere")->status, 404);
    EXPECT_EQ(client.send("POST", "/poke")->body, "0");
    EXPECT_EQ(client.send("HEAD", "/ping")->body, "");
    EXPECT_EQ(client.send("GET", "/ping")->body, "\"pong\"");
    EXPECT_TRUE(eventually_connected(1));
}

TEST_F(ClientAndServer, TokenOpensWhatItsRoleMay) {
    access_ = AccessList{{{Role::Operator, base::Secret{"t0ken"}}}};
    start();
    const std::string url = "http://localhost:" + std::to_string(server_->port()) + "/";
    auto known = Client::open({.url = url, .token = base::Secret{"t0ken"}});
    ASSERT_TRUE(known);
    EXPECT_EQ(known->send("GET", "/secret")->status, 200);
    EXPECT_EQ(open(url).send("GET", "/secret")->status, 401);
}

TEST_F(ClientAndServer, PatienceIsForLongPolls) {
    park_for_ = base::Millis{300};
    start();
    const std::string url = "http://127.0.0.1:" + std::to_string(server_->port());

    const auto patient = open(url, base::Millis{150}).send("GET", "/news/0", {}, kPatience);
    ASSERT_TRUE(patient) << patient.error().message;
    EXPECT_EQ(patient->body, "\"last\"");

    const auto hasty = open(url, base::Millis{50}).send("GET", "/news/0");
    ASSERT_FALSE(hasty);
    EXPECT_EQ(hasty.error().code, Code::UnknownOutcome);
}

TEST_F(ClientAndServer, RefusalOfALargeBodyIsHeardBeforeItIsSent) {
    start();
    Client client = open("http://127.0.0.1:" + std::to_string(server_->port()));

    const auto answer = client.send("POST", "/echo", std::string(64 << 20, 'x'));

    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 413);
    EXPECT_EQ(client.send("GET", "/ping")->status, 200);
}

TEST(Client, AnswerThatComesBeforeTheBodyIsSentEndsTheSending) {
    MisbehavingMaster master{[](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
        peer.hold();
    }};
    Client client = open(master.url());

    const auto answer = client.send("POST", "/x", std::string(64 << 20, 'x'));

    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 413);
}

TEST_F(ClientAndServer, SpeakOverIpv6) {
    settings_.host = "::1";
    Server probe{settings_, {}, {}, metrics_};
    if (!probe.start()) GTEST_SKIP() << "this machine has no IPv6 loopback";
    start();
    const auto answer =
        open("http://[::1]:" + std::to_string(server_->port())).send("GET", "/ping");
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->body, "\"pong\"");
}

TEST(Client, SendsWhatItIsTold) {
    std::mutex mutex;
    std::string seen;
    MisbehavingMaster master{[&](Peer& peer) {
        const std::string text = peer.read_request(2);
        const std::lock_guard lock{mutex};
        seen = text;
        peer.send(kOk);
    }};
    auto client = Client::open({.url = master.url() + "/prefix/", .token = base::Secret{"t"}});
    ASSERT_TRUE(client);
    ASSERT_TRUE(client->send("POST", "/a?b=%20", "{}", base::Millis{0}, {{"X-Own", "1"}}));

    const std::lock_guard lock{mutex};
    EXPECT_EQ(seen,
              "POST /prefix/a?b=%20 HTTP/1.1\r\nHost: " + master.url().substr(7) +
                  "\r\nAuthorization: Bearer t\r\nAccept: application/json\r\n"
                  "Content-Type: application/json\r\nContent-Length: 2\r\nX-Own: 1\r\n\r\n{}");
}

TEST(Client, NobodyListeningIsUnavailable) {
    std::string url;
    {
        MisbehavingMaster gone{[](Peer&) {}};
        url = gone.url();
    }
    const auto answer = open(url).send("GET", "/x");

    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::Unavailable);
    EXPECT_EQ(answer.error().message,
              "GET " + url + "/x: connect to " + url.substr(7) + ": Connection refused");
}

TEST(Client, UnknownHostIsUnavailable) {
    const auto answer = open("http://no-such-host.invalid:1").send("GET", "/x");

    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::Unavailable);
    EXPECT_NE(answer.error().message.find("look up 'no-such-host.invalid'"), std::string::npos);
}

TEST(Client, DeadlineOfConnectingHolds) {
    // A full backlog answers no SYN, as a host behind a firewall would not.
    const base::UniqueFd listener{::socket(AF_INET, SOCK_STREAM, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    ASSERT_EQ(::bind(listener.get(), raw, length), 0);
    ASSERT_EQ(::listen(listener.get(), 0), 0);
    ASSERT_EQ(::getsockname(listener.get(), raw, &length), 0);
    std::vector<base::UniqueFd> fill;
    for (int i = 0; i < 4; ++i) {
        fill.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
        ::connect(fill.back().get(), raw, length);
    }
    auto client =
        Client::open({.url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)),
                      .connect_timeout = base::Millis{100}});
    ASSERT_TRUE(client);

    const auto begin = base::SteadyClock::now();
    const auto answer = client->send("GET", "/x");

    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::Unavailable);
    EXPECT_NE(answer.error().message.find("no answer within 100 ms"), std::string::npos)
        << answer.error().message;
    EXPECT_LT(base::SteadyClock::now() - begin, kPatience / 2);
}

TEST(Client, MasterThatClosesWithoutAnAnswerLeavesTheOutcomeOpen) {
    const Error ended = failure_of([](Peer& peer) { peer.read_request(2); });
    EXPECT_EQ(ended.code, Code::UnknownOutcome);
    EXPECT_NE(ended.message.find("closed without an answer"), std::string::npos) << ended.message;

    const Error reset = failure_of([](Peer& peer) {
        peer.read_request(2);
        peer.reset();
    });
    EXPECT_EQ(reset.code, Code::UnknownOutcome);
}

TEST(Client, HalfAnAnswerIsNone) {
    for (const char* half :
         {"HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"}) {
        const Error failure = failure_of([&](Peer& peer) {
            peer.read_request(2);
            peer.send(half);
        });
        EXPECT_EQ(failure.code, Code::UnknownOutcome) << half;
        EXPECT_NE(failure.message.find("in the middle of the answer"), std::string::npos);
    }
}

TEST(Client, NonsenseIsNoAnswer) {
    const Error failure = failure_of([](Peer& peer) {
        peer.read_request(2);
        peer.send("220 mail.example ESMTP\r\n\r\n");
    });
    EXPECT_EQ(failure.code, Code::UnknownOutcome);
    EXPECT_NE(failure.message.find("makes no sense"), std::string::npos);
}

TEST(Client, DeadlineOfTheAnswerHoldsWhetherNothingComesOrDrips) {
    const auto begin = base::SteadyClock::now();
    const Error silent = failure_of([](Peer& peer) { peer.ignore(); }, base::Millis{100});
    const Error dripping = failure_of(
        [](Peer& peer) {
            peer.read_request(2);
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
            while (peer.stands_for(5)) peer.send("x");
        },
        base::Millis{100});

    EXPECT_EQ(silent.code, Code::UnknownOutcome);
    EXPECT_EQ(dripping.code, Code::UnknownOutcome);
    EXPECT_NE(dripping.message.find("no whole answer within 100 ms"), std::string::npos);
    EXPECT_LT(base::SteadyClock::now() - begin, kPatience / 2);
}

TEST(Client, MasterThatReadsNothingHasNotGotTheRequest) {
    MisbehavingMaster master{[](Peer& peer) { peer.hold(); }};
    Client client = open(master.url(), base::Millis{200});

    const auto begin = base::SteadyClock::now();
    // More than all socket buffers hold.
    const auto answer = client.send("POST", "/x", std::string(64 << 20, 'x'));

    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::Unavailable) << answer.error().message;
    EXPECT_LT(base::SteadyClock::now() - begin, kPatience / 2);
}

TEST(Client, AnswerBeyondItsBoundIsGivenUp) {
    MisbehavingMaster master{[](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\n\r\n");
        const std::string piece(64 << 10, 'x');
        while (peer.stands_for(0)) peer.send(piece);
    }};
    auto client = Client::open({.url = master.url(), .answer_bytes_max = 1 << 20});
    ASSERT_TRUE(client);

    const auto answer = client->send("GET", "/x");

    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::UnknownOutcome);
    EXPECT_NE(answer.error().message.find("longer than 1048576 bytes"), std::string::npos)
        << answer.error().message;
}

TEST(Client, KeptConnectionThatWasClosedMeanwhileIsOpenedAnew) {
    MisbehavingMaster master{[](Peer& peer) {
        peer.read_request(2);
        peer.send(kOk);
    }};
    Client client = open(master.url());
    for (int i = 0; i < 5; ++i) {
        const auto answer = client.send("POST", "/x", "{}");
        ASSERT_TRUE(answer) << answer.error().message;
    }
    EXPECT_EQ(master.connections(), 5);
}

// The close is not there yet when the request is sent: only then is the second attempt needed.
TEST(Client, RequestIsSentOnceMoreWhenAKeptConnectionClosesInsteadOfAnswering) {
    MisbehavingMaster master{{[](Peer& peer) {
                                  peer.read_request(2);
                                  peer.send(kOk);
                                  peer.read_request(2);
                              },
                              [](Peer& peer) {
                                  peer.read_request(2);
                                  peer.send(kOk);
                                  peer.read_request(2);
                                  peer.send("H");
                              }}};
    Client client = open(master.url());
    ASSERT_TRUE(client.send("POST", "/x", "{}"));
    ASSERT_TRUE(client.send("POST", "/x", "{}"));
    EXPECT_EQ(master.connections(), 2);

    // Not when there was a byte of an answer.
    const auto answer = client.send("POST", "/x", "{}");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::UnknownOutcome);
    EXPECT_EQ(master.connections(), 2);
}

TEST(Client, AnswerNobodyAskedForIsNotTakenForTheNextOne) {
    Door first_is_read;
    std::atomic<bool> sent{false};
    MisbehavingMaster master{{[&](Peer& peer) {
                                  peer.read_request(2);
                                  peer.send(kOk);
                                  first_is_read.pass();
                                  peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
                                  sent = true;
                                  peer.hold();
                              },
                              [](Peer& peer) {
                                  peer.read_request(2);
                                  peer.send(kOk);
                              }}};
    Client client = open(master.url());
    ASSERT_TRUE(client.send("POST", "/x", "{}"));
    first_is_read.open();
    ASSERT_TRUE(eventually([&] { return sent.load(); }));

    EXPECT_EQ(client.send("POST", "/x", "{}")->body, "ok");
}

TEST(Client, InterruptionWakesAWaitAndStays) {
    MisbehavingMaster master{[](Peer& peer) { peer.ignore(); }};
    Client client = open(master.url());
    std::jthread interrupter{[&] {
        EXPECT_TRUE(eventually([&] { return master.connections() == 1; }));
        client.interrupt();
    }};
    const auto begin = base::SteadyClock::now();

    const auto waiting = client.send("POST", "/x", "{}", base::Millis{60'000});
    const auto later = client.send("POST", "/x", "{}");

    ASSERT_FALSE(waiting);
    EXPECT_EQ(waiting.error().code, Code::Cancelled);
    ASSERT_FALSE(later);
    EXPECT_EQ(later.error().code, Code::Cancelled);
    EXPECT_LT(base::SteadyClock::now() - begin, kPatience / 2);
}

TEST(Client, RequestThatWouldBreakTheProtocolIsNotSent) {
    Client client = open("http://127.0.0.1:1");
    const auto code = [&](std::string_view method, std::string_view target, Headers headers = {}) {
        return client.send(method, target, {}, base::Millis{0}, headers).error().code;
    };
    EXPECT_EQ(code("GET", "/a b"), Code::InvalidArgument);
    EXPECT_EQ(code("GET", "/a\r\nX: y"), Code::InvalidArgument);
    EXPECT_EQ(code("GET", "a"), Code::InvalidArgument);
    EXPECT_EQ(code("G T", "/"), Code::InvalidArgument);
    EXPECT_EQ(code("GET", "/", {{"X", "a\r\nY: b"}}), Code::InvalidArgument);
    EXPECT_EQ(code("GET", "/", {{"X Y", "a"}}), Code::InvalidArgument);
    EXPECT_EQ(code("GET", "/"), Code::Unavailable);
}

TEST(Client, UrlThatIsNoneOfOursIsRefusedWithoutItsPassword) {
    for (const char* url : {"", "127.0.0.1:8888", "https://host", "ftp://host", "http://",
                            "http:///x", "http://user:pa55@host", "http://host?x", "http://host#x",
                            "http://host:99999", "http://a b", "http://host:x"}) {
        const auto client = Client::open({.url = url});
        ASSERT_FALSE(client) << url;
        EXPECT_EQ(client.error().code, Code::InvalidArgument);
        EXPECT_EQ(client.error().message.find("pa55"), std::string::npos);
    }
    EXPECT_FALSE(Client::open({.token = base::Secret{"a\r\nb"}}));
}

TEST(Client, UrlIsTakenApart) {
    const auto plain = parse_url("http://host");
    EXPECT_EQ(plain->authority(), "host:80");
    EXPECT_EQ(plain->prefix, "");
    const auto full = parse_url("http://[fe80::1]:8888/a/b/");
    EXPECT_EQ(full->host, "fe80::1");
    EXPECT_EQ(full->authority(), "[fe80::1]:8888");
    EXPECT_EQ(full->prefix, "/a/b");
}

TEST(PercentEncoding, LeavesOnlyUnreservedCharacters) {
    EXPECT_EQ(percent_encode("aZ09-._~"), "aZ09-._~");
    EXPECT_EQ(percent_encode("a/b c:%+\xC3\xA4\n"), "a%2Fb%20c%3A%25%2B%C3%A4%0A");
    EXPECT_EQ(percent_encode(std::string_view{"\0", 1}), "%00");
}

}  // namespace
}  // namespace godwit::http
