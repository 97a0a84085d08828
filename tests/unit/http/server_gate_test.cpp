// Each row of the misbehaviour that was measured with Poco's own server, and more of its kind,
// against ours, over a socket.
#include "http/gate.h"
#include "running_server.h"

namespace godwit::http {
namespace {

using GateAtWork = ServerTest;

struct Bad {
    const char* why;
    std::string bytes;
    int status;
};

std::string many_headers(int count) {
    std::string lines;
    for (int i = 0; i < count; ++i) lines += "X-" + std::to_string(i) + ": y\r\n";
    return lines;
}

std::vector<Bad> bad_requests() {
    const auto get = [](std::string_view headers) { return request_text("GET /ping", headers); };
    const auto post = [](std::string_view headers) {
        return request_text("POST /echo", headers) + "12345";
    };
    const std::string huge(kHeaderValueBytesMax + 1, 'v');
    return {
        {"length and encoding", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400},
        {"two lengths that differ", post("Content-Length: 5\r\nContent-Length: 0\r\n"), 400},
        {"two lengths that agree", post("Content-Length: 5\r\nContent-Length: 5\r\n"), 400},
        {"a list of lengths", post("Content-Length: 5, 5\r\n"), 400},
        {"negative length", post("Content-Length: -1\r\n"), 400},
        {"length with letters", post("Content-Length: 17abc\r\n"), 400},
        {"length with a sign", post("Content-Length: +5\r\n"), 400},
        {"hexadecimal length", post("Content-Length: 0x5\r\n"), 400},
        {"length in two words", post("Content-Length: 1 2\r\n"), 400},
        {"empty length", post("Content-Length:\r\n"), 400},
        {"length beyond 63 bits", post("Content-Length: 9223372036854775808\r\n"), 413},
        {"length beyond counting", post("Content-Length: " + std::string(40, '9') + "\r\n"), 413},
        {"length beyond the limit", post("Content-Length: 1048577\r\n"), 413},
        {"no length", post(""), 411},
        {"chunked", post("Transfer-Encoding: chunked\r\n"), 411},
        {"chunked, in capitals", post("Transfer-Encoding: CHUNKED\r\n"), 411},
        {"gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n"), 501},
        {"chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
         501},
        {"an encoding that looks like it", post("Transfer-Encoding: xchunked\r\n"), 501},
        {"identity", post("Transfer-Encoding: identity\r\n"), 501},
        {"chunked in 1.0", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400},
        {"blank before the colon", post("Content-Length : 5\r\n"), 400},
        {"header without colon", get("Nonsense\r\n"), 400},
        {"header without name", get(": x\r\n"), 400},
        {"blank in a name", get("X Y: z\r\n"), 400},
        {"folded header", get("X: a\r\n b\r\n"), 400},
        {"folded length", post("Content-Length:\r\n 5\r\n"), 400},
        {"CR alone", get("X: a\rY: b\r\n"), 400},
        {"LF alone", get("X: a\nContent-Length: 5\r\n"), 400},
        {"LF alone at the end", "GET /ping HTTP/1.1\nHost: test\n\n", 400},
        {"two CRs", get("X: a\r\r\n"), 400},
        {"NUL", get(std::string{"X: a\0b\r\n", 8}), 400},
        {"control character", get("X: a\x01\r\n"), 400},
        {"DEL", get("X: a\x7F\r\n"), 400},
        {"no Host", "GET /ping HTTP/1.1\r\n\r\n", 400},
        {"two Hosts", get("Host: other\r\n"), 400},
        {"Host with a blank", "GET /ping HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        {"Host with a path", "GET /ping HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        {"two Authorizations", get("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 400},
        {"HTTP/9.9", "GET /ping HTTP/9.9\r\nHost: test\r\n\r\n", 505},
        {"HTTP/2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"HTTP/1.2", "GET /ping HTTP/1.2\r\nHost: test\r\n\r\n", 505},
        {"HTTP/1.10", "GET /ping HTTP/1.10\r\nHost: test\r\n\r\n", 400},
        {"version in small letters", "GET /ping http/1.1\r\nHost: test\r\n\r\n", 400},
        {"no version", "GET /ping\r\nHost: test\r\n\r\n", 400},
        {"two blanks", "GET  /ping HTTP/1.1\r\nHost: test\r\n\r\n", 400},
        {"a blank more", "GET /ping HTTP/1.1 \r\nHost: test\r\n\r\n", 400},
        {"tab for a blank", "GET\t/ping\tHTTP/1.1\r\nHost: test\r\n\r\n", 400},
        {"blank in the path", "GET /pi ng HTTP/1.1\r\nHost: test\r\n\r\n", 400},
        {"bytes above ASCII in the path", "GET /p\xC3\xA4 HTTP/1.1\r\nHost: test\r\n\r\n", 400},
        {"fragment", "GET /ping#x HTTP/1.1\r\nHost: test\r\n\r\n", 400},
        {"path without slash", "GET ping HTTP/1.1\r\nHost: test\r\n\r\n", 400},
        {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n", 400},
        {"authority", "CONNECT test:80 HTTP/1.1\r\nHost: test\r\n\r\n", 400},
        {"another scheme", "GET ftp://test/ping HTTP/1.1\r\nHost: test\r\n\r\n", 400},
        {"method that is no word", "G@T /ping HTTP/1.1\r\nHost: test\r\n\r\n", 400},
        {"method too long", std::string(17, 'G') + " /ping HTTP/1.1\r\nHost: test\r\n\r\n", 400},
        {"folded first header", "GET /ping HTTP/1.1\r\n Host: test\r\n\r\n", 400},
        {"two blank lines before", "\r\n\r\n" + get(""), 400},
        {"101 headers", get(many_headers(100)), 431},
        {"a long value", get("X: " + huge + "\r\n"), 431},
        {"a long name", get(std::string(kHeaderNameBytesMax + 1, 'n') + ": x\r\n"), 431},
        {"long headers",
         get("A: " + huge.substr(9) + "\r\nB: " + huge.substr(9) + "\r\nC: " + huge.substr(9) +
             "\r\nD: " + huge.substr(9) + "\r\n"),
         431},
        {"a long path", request_text("GET /" + std::string(kTargetBytesMax, 'p')), 414},
        {"an endless path", "GET /" + std::string(2 * kTargetBytesMax, 'p'), 414},
        {"an endless header", "GET / HTTP/1.1\r\nX: " + std::string(kHeadBytesMax, 'x'), 431},
        {"an unknown expectation", post("Content-Length: 5\r\nExpect: gold\r\n"), 417},
        {"two expectations",
         post("Content-Length: 5\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n"), 417},
        {"TLS", std::string{"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03", 11}, 400},
        {"not HTTP at all", "SSH-2.0-OpenSSH_9.2\r\n\r\n", 400},
    };
}

TEST_F(GateAtWork, RefusesWhatCanBeReadInTwoWaysAndClosesBehindIt) {
    start();
    for (const Bad& bad : bad_requests()) {
        SCOPED_TRACE(bad.why);
        RawClient client = connect();

        // What follows would be answered if the server took it for a request.
        client.send(bad.bytes + request_text("GET /ping"));
        client.send_no_more();

        const auto answer = client.answer();
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->status, bad.status) << answer->body;
        EXPECT_EQ(answer->header("Content-Type"), "application/problem+json");
        EXPECT_EQ(answer->header("Connection"), "close");
        EXPECT_TRUE(client.is_closed());
    }
    EXPECT_EQ(handler_runs_, 0);
}

TEST_F(GateAtWork, RefusesEarlyWhatCannotBecomeARequest) {
    start();
    // No blank line ever comes: the answer must not wait for it.
    for (const std::string& bytes :
         {std::string{"\x16\x03\x01"}, std::string{"GET /\0", 6}, std::string{"GET / HTTP/1.1\n"},
          std::string{"GET / HTTP/1.1\r\nX: a\rb"}}) {
        RawClient client = connect();
        client.send(bytes);
        EXPECT_EQ(client.status(), 400);
        EXPECT_TRUE(client.is_closed());
    }
}

TEST_F(GateAtWork, TakesWhatIsUnusualAndClear) {
    start();
    const std::string usual[] = {
        request_text("GET /ping"),
        request_text("GET /ping", "X-Empty:\r\nX-Blanks: \t a b \t \r\nx-bytes: \xE4\xF6\r\n"),
        "\r\n" + request_text("GET /ping"),
        "GET http://elsewhere:80/ping HTTP/1.1\r\nHost: test\r\n\r\n",
        "GET /ping HTTP/1.1\r\nhOsT:test:8888\r\n\r\n",
        "GET /ping HTTP/1.1\r\nHost: [::1]:8888\r\n\r\n",
        "GET /ping HTTP/1.0\r\n\r\n",
        request_text("GET /ping", "Content-Length: 3\r\n") + "abc",
        request_text("POST /echo", "Content-Length: 003\r\n") + "abc",
        request_text("GET /ping/"),
        request_text("GET /p%69ng?a=%20+b&&c"),
        request_text("GET /ping", many_headers(99)),
        request_text("GET /ping", "X: " + std::string(kHeaderValueBytesMax, 'v') + "\r\n"),
        request_text("GET /ping?" + std::string(kTargetBytesMax - 6, 'q')),
        request_text("GET /ping", "Upgrade: h2c\r\nConnection: Upgrade\r\n"),
    };
    for (const std::string& request : usual) {
        SCOPED_TRACE(request.substr(0, 200));
        RawClient client = connect();
        client.send(request);
        EXPECT_EQ(client.status(), 200);
    }
}

TEST_F(GateAtWork, BytesOneByOneAreReadAsTheSame) {
    start();
    RawClient client = connect();
    for (const char c : request_text("POST /echo", "X: y\r\n", "hello")) {
        ASSERT_TRUE(client.send(std::string_view{&c, 1}));
    }
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "hello");
}

// With Poco's own server the body of this GET was parsed and answered as a second request.
TEST_F(GateAtWork, BodyThatNobodyWantsIsNoRequest) {
    start();
    RawClient client = connect();
    const std::string smuggled = request_text("GET /large/1");

    client.send(request_text("GET /ping", "", smuggled) + request_text("GET /nothing-here") +
                request_text("GET /ping"));

    EXPECT_EQ(client.status(), 200);
    EXPECT_EQ(client.status(), 404);
    EXPECT_EQ(client.status(), 200);
    EXPECT_TRUE(client.is_silent());
    EXPECT_EQ(handler_runs_, 2);
}

TEST_F(GateAtWork, BodyOfARefusedRequestIsSkippedOrTheConnectionCloses) {
    start();
    const std::string small = request_text("GET /large/1");
    const std::string large(100'000, 'x');

    RawClient skipped = connect();
    skipped.send(request_text("POST /nowhere", "", small) +
                 request_text("DELETE /ping", "", small) + request_text("POST /small", "", small) +
                 request_text("GET /ping"));
    EXPECT_EQ(skipped.status(), 404);
    EXPECT_EQ(skipped.status(), 405);
    EXPECT_EQ(skipped.status(), 413);
    EXPECT_EQ(skipped.status(), 200);
    EXPECT_TRUE(skipped.is_silent());

    RawClient closed = connect();
    closed.send(request_text("POST /nowhere", "", large) + request_text("GET /ping"));
    const auto answer = closed.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 404);
    EXPECT_EQ(answer->header("Connection"), "close");
    EXPECT_TRUE(closed.is_closed());
}

TEST_F(GateAtWork, RefusalReachesAClientThatIsStillSending) {
    start();
    RawClient client = connect();
    client.send(request_text("POST /echo", "Content-Length: 999999999\r\n"));
    const std::string piece(64 << 10, 'x');
    for (int i = 0; i < 16; ++i) client.send(piece);

    const auto answer = client.answer();

    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 413);
    EXPECT_NE(answer->body.find("the body has 999999999 bytes, at most 1048576 are taken here"),
              std::string::npos);
}

TEST_F(GateAtWork, PostWithoutLengthIsEmptyWhereTheRouteSaysSo) {
    start();
    // What `curl -X POST` sends, as the seed guide shows it.
    RawClient client = connect();
    client.send(request_text("POST /poke") + request_text("POST /poke", "", "abc"));

    EXPECT_EQ(client.answer()->body, "0");
    EXPECT_EQ(client.answer()->body, "3");
}

TEST_F(GateAtWork, ExpectationIsMetOnlyWhenTheBodyIsWanted) {
    start();
    const std::string expect = "Expect: 100-Continue\r\nContent-Length: 5\r\n";

    RawClient wanted = connect();
    wanted.send(request_text("POST /echo", expect));
    EXPECT_EQ(wanted.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    wanted.send("12345");
    const auto rest = wanted.answer();
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->body, "12345");

    RawClient unwanted = connect();
    unwanted.send(request_text("POST /nowhere", expect));
    const auto refusal = unwanted.rest();
    ASSERT_TRUE(refusal);
    EXPECT_TRUE(refusal->starts_with("HTTP/1.1 404 "));
    EXPECT_EQ(refusal->find("100 Continue"), std::string::npos);
    EXPECT_NE(refusal->find("Connection: close"), std::string::npos);
}

TEST_F(GateAtWork, HeaderValuesAreTheRawBytes) {
    std::string seen;
    add("GET", "/header", [&](const Request& request, bool) {
        seen = request.header("x-words").value_or("none");
        return json_response(200, "1");
    });
    start();
    // Poco decodes this into CR LF and a header of its own.
    const std::string word = "=?UTF-8?B?DQpYLUV2aWw6IHllcw==?=";
    RawClient client = connect();
    client.send(
        request_text("GET /header", "X-Words: " + word + "\r\nX-Request-ID: " + word + "\r\n"));

    const auto answer = client.answer();

    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(seen, word);
    EXPECT_FALSE(answer->header("X-Evil"));
    EXPECT_NE(answer->header("X-Request-ID"), word);
}

TEST_F(GateAtWork, RequestIdIsEchoedWhenItIsHarmlessAndMadeOtherwise) {
    start();
    const auto echoed = [&](const std::string& id) {
        RawClient client = connect();
        client.send(request_text("GET /ping", "X-Request-ID: " + id + "\r\n"));
        return std::string{client.answer()->header("X-Request-ID").value_or("")};
    };

    EXPECT_EQ(echoed("a.B_c-1"), "a.B_c-1");
    EXPECT_EQ(echoed(std::string(64, 'i')), std::string(64, 'i'));
    for (const std::string& id : {std::string(65, 'i'), std::string{"a b"}, std::string{"a:b"},
                                  std::string{"<x>"}, std::string{}}) {
        const std::string made = echoed(id);
        EXPECT_NE(made, id);
        EXPECT_FALSE(made.empty());
    }
    EXPECT_NE(echoed(""), echoed(""));
}

}  // namespace
}  // namespace godwit::http
