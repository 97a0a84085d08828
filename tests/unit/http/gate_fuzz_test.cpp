// Mutated heads, judged by the gate, by a checker that is written another way, and by Poco; and
// mutated connections against the real server.
#include <Poco/MemoryStream.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/RegularExpression.h>

#include <random>

#include "http/gate.h"
#include "http/text.h"
#include "running_server.h"

namespace godwit::http {
namespace {

const std::string kSeeds[] = {
    "GET /sync?state=a%20b&limit=10 HTTP/1.1\r\nHost: 127.0.0.1:8888\r\nAccept: */*\r\n\r\n",
    "POST /sync HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
    "Content-Length: 12\r\n\r\n",
    "DELETE /sync/demo-1 HTTP/1.0\r\nConnection: keep-alive\r\nAuthorization: Bearer x\r\n\r\n",
    "POST /workers/w/assignments?max=4 HTTP/1.1\r\nHost: [::1]:80\r\nExpect: 100-continue\r\n"
    "content-length: 0\r\nX-Request-ID: =?UTF-8?B?eA==?=\r\n\r\n",
};
// What framing attacks are made of.
const std::string kPieces[] = {"\r\n",
                               "\n",
                               "\r",
                               " ",
                               "\t",
                               ":",
                               ",",
                               "0",
                               "7",
                               "-",
                               "+",
                               "chunked",
                               "GET / HTTP/1.1\r\n",
                               "Content-Length: 3\r\n",
                               "Transfer-Encoding: chunked\r\n",
                               "Host: a\r\n",
                               "HTTP/1.1",
                               "http://x/",
                               "/",
                               "%",
                               "#",
                               "\x01",
                               "\x7F",
                               "\xC3\xA4",
                               "Expect: 100-continue\r\n",
                               "Connection: close\r\n",
                               std::string(1, '\0')};

std::string mutated(std::mt19937& random, std::string text) {
    for (std::size_t edits = random() % 4; edits > 0; --edits) {
        const std::size_t at = random() % text.size();
        switch (random() % 4) {
        case 0: text.insert(at, kPieces[random() % std::size(kPieces)]); break;
        case 1: text.erase(at, 1 + random() % 4); break;
        case 2: text[at] = static_cast<char>(random() % 256); break;
        default: text.insert(random() % text.size(), text.substr(at, 1 + random() % 30)); break;
        }
        if (text.empty()) text = "G";
    }
    return text;
}

bool matches(const Poco::RegularExpression& expression, const std::string& text) {
    Poco::RegularExpression::Match match;
    return expression.match(text, 0, match) > 0 && match.offset == 0 && match.length == text.size();
}

// The same verdict as the gate's, by regular expressions. Only for heads within all limits.
bool is_clear_head(const std::string& head) {
    static const Poco::RegularExpression request_line{
        R"(^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,16} (?:[Hh][Tt][Tt][Pp]://[!"$-.0-~]*)?)"
        R"(/[!"$-~]* HTTP/1\.[01]\z)"};
    static const Poco::RegularExpression header{
        R"(^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*\z)"};
    static const Poco::RegularExpression host{R"([-A-Za-z0-9._~!$&'()*+,;=:\[\]%]*)"};
    static const Poco::RegularExpression digits{"[0-9]{1,18}"};
    std::vector<std::string> lines;
    std::size_t at = 0;
    for (std::size_t end; (end = head.find("\r\n", at)) != std::string::npos; at = end + 2) {
        lines.push_back(head.substr(at, end - at));
    }
    if (at != head.size() || lines.size() < 2 || !lines.back().empty()) return false;
    lines.pop_back();
    for (const std::string& line : lines) {
        if (line.empty()) return false;
        for (const char c : line) {
            if (is_control(c) && c != '\t') return false;
        }
    }
    if (!matches(request_line, lines.front())) return false;
    const bool old = lines.front().ends_with('0');
    int hosts = 0;
    int lengths = 0;
    int expectations = 0;
    int authorizations = 0;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        if (!matches(header, lines[i])) return false;
        std::vector<std::string> parts;
        header.split(lines[i], parts);
        const std::string& name = parts[1];
        const std::string& value = parts[2];
        if (equals_ignoring_case(name, "Transfer-Encoding")) return false;
        if (equals_ignoring_case(name, "Authorization")) ++authorizations;
        if (equals_ignoring_case(name, "Host")) {
            ++hosts;
            if (!matches(host, value)) return false;
        }
        if (equals_ignoring_case(name, "Content-Length")) {
            ++lengths;
            if (!matches(digits, value)) return false;
        }
        if (equals_ignoring_case(name, "Expect")) {
            ++expectations;
            if (!equals_ignoring_case(value, "100-continue")) return false;
        }
    }
    return lengths < 2 && expectations < 2 && authorizations < 2 && hosts < 2 &&
           (hosts == 1 || old);
}

TEST(GateFuzz, AgreesWithASecondOpinionOnMutatedHeads) {
    std::mt19937 random{1'124};
    int accepted = 0;
    constexpr int kRounds = 30'000;
    for (int round = 0; round < kRounds; ++round) {
        const std::string bytes = mutated(random, kSeeds[random() % std::size(kSeeds)]);
        HeadScan scan;
        // In two pieces, as the network may cut it.
        const std::size_t cut = random() % bytes.size();
        auto found = scan.scan(std::string_view{bytes}.substr(0, cut));
        if (std::holds_alternative<std::monostate>(found)) found = scan.scan(bytes);
        const auto* length = std::get_if<std::size_t>(&found);
        const std::string head = length != nullptr ? bytes.substr(0, *length) : std::string{};

        const bool taken = length != nullptr && std::holds_alternative<Head>(judge(head));

        const std::string_view first =
            std::string_view{bytes}.substr(0, bytes.find("\r\n\r\n") + 4);
        ASSERT_EQ(taken, is_clear_head(std::string{first}))
            << "round " << round << "\n"
            << bytes << "\n"
            << (length == nullptr ? "no head"
                : taken           ? "taken"
                                  : std::get<Refusal>(judge(head)).detail);
        if (!taken) continue;
        ++accepted;
        // Poco alone sees the same length in it; a parser behind us would as well.
        Poco::MemoryInputStream input{head.data(), static_cast<std::streamsize>(head.size())};
        Poco::Net::HTTPRequest request;
        ASSERT_NO_THROW(request.read(input)) << head;
        const Head judged = std::get<Head>(judge(head));
        ASSERT_EQ(request.hasContentLength(), judged.has_length);
        if (judged.has_length) {
            ASSERT_EQ(request.getContentLength64(), static_cast<std::int64_t>(judged.body_bytes));
        }
    }
    EXPECT_GT(accepted, kRounds / 5);
    EXPECT_LT(accepted, kRounds * 4 / 5);
}

using ServerFuzz = ServerTest;

// Whatever comes, the answers are well formed, none is 500, and the server goes on.
TEST_F(ServerFuzz, AnswersMutatedConnectionsWithAnswers) {
    start();
    const std::string seeds[] = {
        request_text("POST /echo", "", R"({"a":1})") + request_text("GET /ping"),
        request_text("GET /ping", "Connection: close\r\n") + request_text("POST /poke"),
        request_text("HEAD /ping") + request_text("GET /nowhere", "", "xyz") +
            request_text("GET /news/-5"),
        request_text("POST /small", "Expect: 100-continue\r\n", std::string(20, 'x')),
    };
    std::mt19937 random{815};
    for (int round = 0; round < 3'000; ++round) {
        const std::string bytes = mutated(random, seeds[random() % std::size(seeds)]);
        RawClient client = connect();
        const std::size_t cut = random() % bytes.size();
        client.send(bytes.substr(0, cut));
        client.send(bytes.substr(cut));
        client.send_no_more();

        const bool heads = bytes.find("HEAD") != std::string::npos;
        const auto answers = client.rest();

        ASSERT_TRUE(answers) << bytes;
        std::string_view rest = *answers;
        while (!rest.empty() && !heads) {
            AnswerReader reader{false, 1 << 20};
            std::size_t used = 0;
            while (!reader.is_whole() && used < rest.size()) {
                const auto taken = reader.take(rest.substr(used++, 1));
                ASSERT_TRUE(taken) << taken.error().message << "\n" << bytes << "\n" << *answers;
            }
            // The connection may end behind a 100 whose body never came.
            if (!reader.is_whole()) {
                ASSERT_TRUE(rest.ends_with("100 Continue\r\n\r\n")) << bytes << "\n" << *answers;
                break;
            }
            rest.remove_prefix(used);
            const int status = std::move(reader).take_answer().status;
            ASSERT_TRUE(status != 500 && status < 506) << bytes << "\n" << *answers;
        }
    }
    EXPECT_TRUE(eventually_connected(0));
    EXPECT_EQ(status_of(request_text("GET /ping")), 200);
}

}  // namespace
}  // namespace godwit::http
