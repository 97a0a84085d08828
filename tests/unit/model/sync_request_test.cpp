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
        const auto parsed =
            parse_sync_request(std::string{R"({"request_id":"r","source_path":"/a",)"} +
                               R"("destination_path":")" + destination + "\"}");
        ASSERT_EQ(parsed.errors.size(), 1U) << destination;
        EXPECT_EQ(parsed.errors[0].type, "overlap");
        EXPECT_THAT(parsed.errors[0].message, HasSubstr("lie one in the other"));
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
                           R"("options":{"max_failures":7,"filters":["- *.o"]}})");
    ASSERT_TRUE(parsed.ok());

    const std::string text = canonical(*parsed.document);
    const auto again = parse_stored_request(text);

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

// Of a request beside a list of files.
std::vector<std::string> list_errors(const std::string& list, const std::string& more = "") {
    return errors_of(body_with(",\"file_list\":" + list + more));
}

TEST(FileListOfARequest, IsNormalisedSortedAndMerged) {
    const auto parsed = parse_sync_request(
        body_with(R"(,"file_list":["b/","a/x","b","./c//d","/a/e",{"path_b64":"/w=="},"a/x"])"));

    ASSERT_TRUE(parsed.ok()) << parsed.errors.front().message;
    EXPECT_THAT(parsed.document->files, ElementsAre("a/x", "b", "c/d", "e", "\xFF"));
    ASSERT_TRUE(parsed.document->file_list);
    EXPECT_EQ(parsed.document->file_list->count, 5u);
    EXPECT_EQ(parsed.document->file_list->sha256.size(), 64u);
}

TEST(FileListOfARequest, AbsentIsAllOfTheSource) {
    for (const char* members : {"", ",\"file_list\":null"}) {
        const auto parsed = parse_sync_request(body_with(members));
        ASSERT_TRUE(parsed.ok()) << members;
        EXPECT_FALSE(parsed.document->file_list);
        EXPECT_TRUE(parsed.document->files.empty());
    }
}

TEST(FileListOfARequest, EmptyIsNotAbsent) {
    EXPECT_THAT(list_errors("[]"), ElementsAre("body.file_list: is empty: leave it out to sync all "
                                               "of the source"));
}

TEST(FileListOfARequest, EveryWrongEntryIsNamedByItsIndex) {
    EXPECT_THAT(list_errors(R"(["ok","../x","",5,{"path_b64":"!"},{"path":"x"},null,"/etc",)"
                            R"({"path_b64":"YQBi"},["a"],{"path_b64":"YQ==","x":1}])"),
                ElementsAre("body.file_list.1: '../x' climbs out of the source with '..'",
                            "body.file_list.2: '' is empty (the source itself is '.')",
                            "body.file_list.3: expected a path, got 5",
                            "body.file_list.4.path_b64: expected base64, got '!'",
                            "body.file_list.5.path_b64: field required",
                            "body.file_list.5.path: unknown field 'path', did you mean 'path_b64'?",
                            "body.file_list.6: expected a path, got nothing",
                            "body.file_list.7: '/etc' lies not beneath the source '/a'",
                            "body.file_list.8: 'a\\x00b' has a NUL byte",
                            "body.file_list.9: expected a path, got a list",
                            HasSubstr("body.file_list.10.x: unknown field 'x'")));
    EXPECT_THAT(list_errors(R"("a")"), ElementsAre("body.file_list: expected a list, got 'a'"));
    EXPECT_THAT(list_errors(R"(["a\u0000b"])"), ElementsAre(HasSubstr("a NUL (\\u0000)")));
}

TEST(FileListOfARequest, AWrongSourceIsTheOnlyProblemOfAbsoluteEntries) {
    EXPECT_THAT(errors_of(R"({"request_id":"r","source_path":"x","destination_path":"/b",)"
                          R"("file_list":["/data/x"]})"),
                ElementsAre(HasSubstr("body.source_path: a path must be absolute")));
}

TEST(FileListOfARequest, NoMoreErrorsAreListedThanAnAnswerHolds) {
    std::string list = "[\"..\"";
    for (int i = 0; i < 5000; ++i) list += ",\"..\"";

    EXPECT_EQ(list_errors(list + "]").size(), kFieldErrorsMax);
}

TEST(FileListOfARequest, DeletesDoNotGoWithIt) {
    const std::string deletes = R"(,"options":{"delete":"after"})";

    EXPECT_THAT(list_errors(R"(["a"])", deletes),
                ElementsAre("body.options.delete: a request with a file_list cannot delete: what "
                            "the list does not name would be surplus"));
    EXPECT_THAT(list_errors(R"([".."])", deletes), testing::SizeIs(2));
    EXPECT_THAT(list_errors("null", deletes), testing::IsEmpty());
    EXPECT_THAT(list_errors(R"(["a"])", R"(,"options":{"delete":"none"})"), testing::IsEmpty());
}

TEST(FileListOfARequest, WritingInPlaceDoesNotGoWithHardLinks) {
    EXPECT_THAT(list_errors(R"(["a"])", R"(,"options":{"inplace":true,"hardlinks":true})"),
                ElementsAre("body.options.inplace: a request with hardlinks cannot write in place: "
                            "what is written into may have names that are to become other files"));
    EXPECT_THAT(list_errors(R"(["a"])", R"(,"options":{"inplace":true})"), testing::IsEmpty());
}

TEST(FileListOfARequest, WritingInPlaceDoesNotGoWithWhatTakesHalfAFileForTheWhole) {
    for (const std::string compare : {"size", "newer", "exists"}) {
        EXPECT_THAT(
            list_errors(R"(["a"])", R"(,"options":{"inplace":true,"compare":")" + compare + "\"}"),
            ElementsAre(testing::HasSubstr("half written")));
    }
    for (const std::string compare : {"size_mtime", "checksum", "always"}) {
        EXPECT_THAT(
            list_errors(R"(["a"])", R"(,"options":{"inplace":true,"compare":")" + compare + "\"}"),
            testing::IsEmpty());
    }
}

// The store hands the document around with every look at a request.
TEST(FileListOfARequest, OnlyItsDigestIsInTheDocument) {
    std::string list = R"(["a")";
    for (int i = 0; i < 10'000; ++i) list += ",\"file-" + std::to_string(i) + '"';
    const auto parsed = parse_sync_request(body_with(",\"file_list\":" + list + "]"));
    ASSERT_TRUE(parsed.ok());

    const std::string text = canonical(*parsed.document);
    const auto again = parse_stored_request(text);

    EXPECT_LT(text.size(), 1'500u);
    ASSERT_TRUE(again.ok()) << again.errors.front().message;
    EXPECT_EQ(again.document->file_list, parsed.document->file_list);
    EXPECT_TRUE(again.document->files.empty());
    EXPECT_EQ(canonical(*again.document), text);
}

TEST(FileListOfARequest, EqualListsAreEqualRequestsAndOthersAreNot) {
    const auto text_of = [](const std::string& list) {
        return canonical(*parse_sync_request(body_with(",\"file_list\":" + list)).document);
    };

    EXPECT_EQ(text_of(R"(["a","b/c"])"), text_of(R"(["b//c","./a","a/","/a/a"])"));
    EXPECT_NE(text_of(R"(["a","b/c"])"), text_of(R"(["a","b","c"])"));
    EXPECT_NE(text_of(R"(["a","b"])"), text_of(R"(["a\nb"])"));
    EXPECT_NE(text_of(R"(["."])"), canonical(*parse_sync_request(body_with("")).document));
}

TEST(FileListOfARequest, NoClientSendsADigest) {
    const std::string digest = R"({"count":1,"sha256":")" + std::string(64, 'a') + "\"}";

    EXPECT_THAT(list_errors(digest), ElementsAre("body.file_list: expected a list, got an object"));
    EXPECT_TRUE(parse_stored_request(body_with(",\"file_list\":" + digest)).ok());
    EXPECT_FALSE(parse_stored_request(body_with(R"(,"file_list":["a"])")).ok());
}

}  // namespace
}  // namespace godwit::model
