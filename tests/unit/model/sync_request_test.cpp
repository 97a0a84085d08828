#include "model/sync_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"

namespace godwit::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The seed guide's example, with the comma behind its last member.
constexpr std::string_view kGuideBody = R"({
        "request_id": "demo-1",
        "source_path": "/data/source",
        "destination_path": "/data/dest",
        "chunk_size_mb": 64,
      })";

std::vector<std::string> errors_of(std::string_view body) {
    std::vector<std::string> texts;
    for (const FieldError& error : parse_sync_request(body).errors) {
        std::string place;
        for (const std::string& part : error.location) place += (place.empty() ? "" : ".") + part;
        texts.push_back(place + ": " + error.message);
    }
    return texts;
}

std::string body_with(const std::string& members) {
    return R"({"request_id":"r","source_path":"/a","destination_path":"/b")" + members + "}";
}

TEST(SyncRequest, TheGuidesExampleIsTaken) {
    const auto parsed = parse_sync_request(kGuideBody);

    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed.document->id, "demo-1");
    EXPECT_EQ(parsed.document->source_path, "/data/source");
    EXPECT_EQ(parsed.document->destination_path, "/data/dest");
    EXPECT_EQ(parsed.document->chunk_bytes(), std::uint64_t{64} << 20);
}

TEST(SyncRequest, EveryProblemIsToldAtOnce) {
    EXPECT_THAT(
        errors_of(R"({"request_id":"a b","source_path":"data","chunk_size_mb":0,"chunk_sise":1})"),
        ElementsAre("body.request_id: expected 1 to 128 characters out of A-Z a-z 0-9 . _ : -, got "
                    "'a b'",
                    "body.source_path: a path must be absolute (begin with '/')",
                    "body.destination_path: field required",
                    "body.chunk_size_mb: expected an integer in 1..1024, got 0",
                    "body.chunk_sise: unknown field 'chunk_sise', did you mean 'chunk_size_mb'?"));
}

TEST(SyncRequest, NothingIsCoerced) {
    for (const char* value : {"\"64\"", "true", "64.5", "[64]", "{}"}) {
        EXPECT_THAT(errors_of(body_with(std::string{",\"chunk_size_mb\":"} + value)),
                    ElementsAre(HasSubstr("expected an integer in 1..1024")))
            << value;
    }
    EXPECT_TRUE(parse_sync_request(body_with(",\"chunk_size_mb\":null")).ok());
}

TEST(SyncRequest, MalformedJsonIsTheOnlyErrorAndHasAPlace) {
    const auto parsed = parse_sync_request("{\n\"request_id\": }");

    ASSERT_EQ(parsed.errors.size(), 1u);
    EXPECT_EQ(parsed.errors[0].type, "json");
    EXPECT_THAT(parsed.errors[0].message, HasSubstr("line 2"));
}

TEST(SyncRequest, SourceAndDestinationMayNotOverlap) {
    for (const char* destination : {"/a", "/a/b", "/", "/x/../a/"}) {
        EXPECT_THAT(errors_of(std::string{R"({"request_id":"r","source_path":"/a",)"} +
                              R"("destination_path":")" + destination + "\"}"),
                    ElementsAre(HasSubstr("overlap")))
            << destination;
    }
}

TEST(SyncRequest, OptionsAreChecked) {
    EXPECT_THAT(errors_of(body_with(R"(,"options":{"durability":"maybe","verfy":"none"})")),
                ElementsAre(HasSubstr("body.options.durability: expected one of 'none'"),
                            HasSubstr("did you mean 'verify'?")));
    const auto parsed = parse_sync_request(
        body_with(R"(,"options":{"durability":"file","symlinks":"skip","priority":-3})"));
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed.document->options.durability, Durability::File);
    EXPECT_EQ(parsed.document->options.symlinks, Symlinks::Skip);
    EXPECT_EQ(parsed.document->options.priority, -3);
}

TEST(SyncRequest, PathsThatAreNotUtf8TravelAsBase64) {
    const std::string raw = "/data/\xFF\xFEx";
    const auto parsed = parse_sync_request(R"({"request_id":"r","source_path_b64":")" +
                                           base::to_base64(raw) + R"(","destination_path":"/b"})");

    ASSERT_TRUE(parsed.ok()) << parsed.errors.front().message;
    EXPECT_EQ(parsed.document->source_path, raw);
}

TEST(SyncRequest, CanonicalTextReadsBackEqual) {
    const auto parsed =
        parse_sync_request(R"({"request_id":"r","source_path_b64":")" + base::to_base64("/\xFF") +
                           R"(","destination_path":"/b/","chunk_size_mb":1,)"
                           R"("options":{"max_failures":7}})");
    ASSERT_TRUE(parsed.ok());

    const std::string text = canonical(*parsed.document);
    const auto again = parse_sync_request(text);

    ASSERT_TRUE(again.ok()) << text;
    EXPECT_EQ(*again.document, *parsed.document);
    EXPECT_EQ(canonical(*again.document), text);
}

TEST(SyncRequest, EqualRequestsHaveEqualCanonicalTexts) {
    const auto written_out = parse_sync_request(
        R"({"chunk_size_mb":64,"options":{},"destination_path":"/b","source_path":"//a/","request_id":"r"})");

    EXPECT_EQ(canonical(*written_out.document),
              canonical(*parse_sync_request(body_with("")).document));
}

}  // namespace
}  // namespace godwit::model
