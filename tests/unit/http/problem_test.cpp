#include "http/problem.h"

#include <gtest/gtest.h>

#include "model/json.h"

namespace godwit::http {
namespace {

std::optional<std::string_view> header_of(const Response& response, std::string_view name) {
    return header_in(response.headers, name);
}

TEST(Problem, IsReadableAloneAndHasItsCode) {
    const Response response = problem(409, "lease_lost", "the lease of 'a-1' is gone");

    EXPECT_EQ(response.status, 409);
    EXPECT_EQ(response.content_type, "application/problem+json");
    EXPECT_EQ(response.body, R"({"type":"urn:godwit:problem:lease_lost","title":"Lease lost",)"
                             R"("status":409,"detail":"the lease of 'a-1' is gone",)"
                             R"("code":"lease_lost"})");
    EXPECT_FALSE(header_of(response, "Retry-After"));
}

TEST(Problem, ListsEveryFieldWithItsPlace) {
    const Response response =
        problem(422, "invalid_body", "2 fields are wrong",
                {{{"body", "chunk_size_mb"}, "expected an integer in 1..1024", "value_error"},
                 {{"body", "file_list", "3"}, "expected text", "type_error"}});

    EXPECT_NE(response.body.find(
                  R"("errors":[{"loc":["body","chunk_size_mb"],)"
                  R"("msg":"expected an integer in 1..1024","type":"value_error"},)"
                  R"({"loc":["body","file_list",3],"msg":"expected text","type":"type_error"}])"),
              std::string::npos)
        << response.body;
}

TEST(Problem, IsJsonWhateverItQuotes) {
    const Response response =
        problem(400, "bad_request", std::string{"\"\\\n\x01\xFF \xE2\x82\xAC", 9},
                {{{"body", "a\"\xFE"}, "\x02", "json"}});

    const auto parsed = model::parse_json(response.body);
    EXPECT_TRUE(parsed) << response.body << parsed.error().message;
}

TEST(Problem, StatusFollowsFromTheCodeOfAnError) {
    const struct {
        Code code;
        int status;
        const char* word;
    } rows[] = {
        {Code::InvalidArgument, 400, "invalid_argument"},
        {Code::NotFound, 404, "not_found"},
        {Code::Conflict, 409, "conflict"},
        {Code::Unsupported, 422, "unsupported"},
        {Code::Unavailable, 503, "unavailable"},
        {Code::UnknownOutcome, 503, "unavailable"},
        {Code::TimedOut, 503, "unavailable"},
        {Code::Internal, 500, "internal"},
    };
    for (const auto& row : rows) {
        const Response response = problem(Error{row.code, "store: gone"});
        EXPECT_EQ(response.status, row.status);
        EXPECT_NE(response.body.find("\"code\":\"" + std::string{row.word} + "\""),
                  std::string::npos);
        EXPECT_NE(response.body.find("store: gone"), std::string::npos);
        EXPECT_EQ(header_of(response, "Retry-After").has_value(), row.status == 503);
    }
}

}  // namespace
}  // namespace godwit::http
