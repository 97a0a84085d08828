#include "http/answer_reader.h"

#include <gtest/gtest.h>

#include <random>

namespace godwit::http {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::size_t kBodyMax = 1'000;

// The answer in `bytes`, given in pieces of `step` bytes; or what is wrong with it.
Result<Answer> read(std::string_view bytes, std::size_t step = 1'000'000, bool no_body = false) {
    AnswerReader reader{no_body, kBodyMax};
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        if (auto taken = reader.take(bytes.substr(at, step)); !taken) return taken.error();
    }
    if (!reader.is_whole()) {
        if (auto ended = reader.end(); !ended) return ended.error();
    }
    return std::move(reader).take_answer();
}

TEST(AnswerReader, ReadsEveryFramingInPiecesOfAnySize) {
    const struct {
        const char* bytes;
        int status;
        const char* body;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"},
        {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, ""},
        {"HTTP/1.0 404 Not Found\r\n\r\nuntil the end", 404, "until the end"},
        {"HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, ""},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"
         "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
         201, "ok"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
         "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n",
         200, "abc0123456789"},
    };
    for (const auto& row : rows) {
        for (const std::size_t step : {1U, 2U, 3U, 7U, 1'000U}) {
            const auto answer = read(row.bytes, step);
            ASSERT_TRUE(answer) << row.bytes << answer.error().message;
            EXPECT_EQ(answer->status, row.status);
            EXPECT_EQ(answer->body, row.body);
        }
    }
}

TEST(AnswerReader, RefusesWhatMakesNoSense) {
    const char* rows[] = {
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 x\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "+OK ready\r\n",
    };
    for (const char* bytes : rows) {
        for (const std::size_t step : {1U, 1'000U}) {
            const auto answer = read(bytes, step);
            ASSERT_FALSE(answer) << bytes;
            EXPECT_EQ(answer.error().code, Code::UnknownOutcome);
        }
    }
}

TEST(AnswerReader, HoldsNoMoreThanItWasTold) {
    const std::string most(kBodyMax, 'x');
    const std::string length = "Content-Length: ";
    const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    EXPECT_TRUE(read("HTTP/1.1 200 OK\r\n" + length + "1000\r\n\r\n" + most));
    EXPECT_FALSE(read("HTTP/1.1 200 OK\r\n" + length + "1001\r\n\r\n"));
    EXPECT_TRUE(read("HTTP/1.1 200 OK\r\n\r\n" + most));
    EXPECT_FALSE(read("HTTP/1.1 200 OK\r\n\r\n" + most + "x"));
    EXPECT_FALSE(read(chunked + "3e9\r\n"));
    EXPECT_FALSE(read(chunked + "3e8\r\n" + most +
                      "\r\n1\r\n"
                      "x\r\n0\r\n\r\n"));
    EXPECT_FALSE(read(chunked + std::string(1'000, '0')));
    EXPECT_FALSE(read(chunked + "0\r\n" + std::string(20'000, 't')));
    EXPECT_FALSE(read("HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x')));
    std::string interim;
    for (int i = 0; i < 20; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
    EXPECT_FALSE(read(interim + "HTTP/1.1 200 OK\r\n" + length + "0\r\n\r\n"));
}

TEST(AnswerReader, KnowsWhetherTheConnectionGoesOn) {
    const auto keeps_alive = [](std::string_view bytes) {
        AnswerReader reader{false, kBodyMax};
        EXPECT_TRUE(reader.take(bytes));
        EXPECT_TRUE(reader.is_whole());
        return reader.keeps_alive();
    };
    EXPECT_TRUE(keeps_alive("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"));
    EXPECT_FALSE(keeps_alive("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy"));
    EXPECT_FALSE(keeps_alive("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
    EXPECT_FALSE(keeps_alive("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
    EXPECT_TRUE(
        keeps_alive("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n"));
}

TEST(AnswerReader, NeitherCrashesNorGrowsOnMutatedAnswers) {
    const std::string seeds[] = {
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"
        "{\"status\":\"ok\"}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n10\r\n0123456789abcdef"
        "\r\n0\r\nA: b\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 503 Busy\r\nRetry-After: 1\r\n\r\nlater"};
    constexpr std::string_view kAlphabet = "0159aF:;, \r\n\tHTP/.x\0\xFF"sv;
    std::mt19937 random{4'711};
    for (int round = 0; round < 30'000; ++round) {
        std::string bytes = seeds[random() % std::size(seeds)];
        for (int edits = static_cast<int>(random() % 4); edits >= 0; --edits) {
            const std::size_t at = random() % bytes.size();
            if (random() % 2 == 0) {
                bytes[at] = kAlphabet[random() % kAlphabet.size()];
            } else {
                bytes.insert(at, 1, kAlphabet[random() % kAlphabet.size()]);
            }
        }
        const auto whole = read(bytes);
        const auto pieces = read(bytes, 1 + random() % 9);

        ASSERT_EQ(whole.ok(), pieces.ok()) << bytes;
        if (whole) {
            ASSERT_EQ(whole->body, pieces->body);
            ASSERT_LE(whole->body.size(), bytes.size());
        }
    }
}

}  // namespace
}  // namespace godwit::http
