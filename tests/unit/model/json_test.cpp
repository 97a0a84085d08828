#include "model/json.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <gtest/gtest.h>

#include <random>

#include "json_recogniser.h"

namespace godwit::model {
namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;

Object::Ptr object_of(std::string_view text) {
    const auto parsed = parse_json(text);
    if (!parsed) {
        ADD_FAILURE() << text << ": " << parsed.error().message;
        return new Object;
    }
    return parsed->extract<Object::Ptr>();
}

std::string refusal_of(std::string_view text) {
    const auto parsed = parse_json(text);
    if (parsed) return "accepted";
    EXPECT_EQ(parsed.error().code, Code::InvalidArgument);
    return parsed.error().message;
}

TEST(Json, KeepsEveryKindOfValue) {
    const auto object =
        object_of(R"({"text":"a\u00e4\ud83d\ude00/","whole":-7,"real":1.5,"yes":true,"no":false,)"
                  R"("none":null,"list":[1,[2],{}],"deep":{"x":"y"}})");

    EXPECT_EQ(object->get("text").extract<std::string>(), "aä😀/");
    EXPECT_EQ(object->get("whole").extract<Poco::Int64>(), -7);
    EXPECT_EQ(object->get("real").extract<double>(), 1.5);
    EXPECT_TRUE(object->get("yes").extract<bool>());
    EXPECT_FALSE(object->get("no").extract<bool>());
    EXPECT_TRUE(object->has("none"));
    EXPECT_TRUE(object->get("none").isEmpty());
    EXPECT_EQ(object->getArray("list")->size(), 3U);
    EXPECT_EQ(object->getObject("deep")->get("x").extract<std::string>(), "y");
}

TEST(Json, RootMayBeAList) {
    const auto parsed = parse_json(" [1,2]\n");

    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->extract<Array::Ptr>()->size(), 2U);
}

TEST(Json, NumbersAtTheEndsOf64BitsAreExact) {
    const auto object = object_of(
        R"({"low":-9223372036854775808,"high":9223372036854775807,"unsigned":18446744073709551615,)"
        R"("tiny":1e-400,"zero":-0})");

    EXPECT_EQ(object->get("low").extract<Poco::Int64>(), std::numeric_limits<Poco::Int64>::min());
    EXPECT_EQ(object->get("high").extract<Poco::Int64>(), std::numeric_limits<Poco::Int64>::max());
    EXPECT_EQ(object->get("unsigned").extract<Poco::UInt64>(),
              std::numeric_limits<Poco::UInt64>::max());
    EXPECT_EQ(object->get("tiny").extract<double>(), 0);
    EXPECT_EQ(object->get("zero").extract<Poco::Int64>(), 0);
}

// Poco alone clamps the first, wraps the second to 0, and throws something else at the others.
TEST(Json, NumbersBeyond64BitsAreRefusedWhereTheyStand) {
    for (const std::string number :
         {"-9223372036854775809", "18446744073709551616", "-18446744073709551616",
          "99999999999999999999", "1e999", "-1e999", "1.7976931348623159e308"}) {
        EXPECT_EQ(refusal_of("{\"a\": " + number + ",\"b\":1}"),
                  "line 1, column 7: the number " + number + " does not fit into 64 bits");
    }
}

TEST(Json, CommaBehindTheLastMemberOfAnObjectIsTaken) {
    const auto guide = object_of(R"({
        "request_id": "demo-1",
        "source_path": "/data/source",
        "destination_path": "/data/dest",
        "chunk_size_mb": 64,
      })");
    EXPECT_EQ(guide->get("chunk_size_mb").extract<Poco::Int64>(), 64);

    EXPECT_EQ(object_of(R"({"a":{"b":[{"c":1 , } ],},})")->size(), 1U);
    EXPECT_EQ(object_of(R"({"a":",}",})")->get("a").extract<std::string>(), ",}");
    EXPECT_EQ(object_of(R"({"a":"\",}\\",})")->get("a").extract<std::string>(), "\",}\\");
}

TEST(Json, NoOtherCommaIsForgiven) {
    for (const char* text : {"{,}", "{\"a\":1,,}", "{\"a\":,}", "[1,]", "[,]", "{\"a\",}", "[{},]",
                             "{\"a\":1},", "{}, ", ",{}", "[1,}", "{\"a\":1,]", "{\"a\":[1,],}"}) {
        EXPECT_NE(refusal_of(text), "accepted") << text;
    }
}

TEST(Json, MemberThatStandsTwiceIsRefusedAtItsSecondPlace) {
    EXPECT_EQ(refusal_of("{\"a\":1,\n \"b\":2, \"a\":3}"),
              "line 2, column 9: the member 'a' stands twice");
    EXPECT_EQ(refusal_of(R"({"x":{"\\\"":1, "\u005c\"":2}})"),
              R"(line 1, column 17: the member '\\"' stands twice)");
    EXPECT_EQ(object_of(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})")->size(), 2U);
}

TEST(Json, NulInTextIsRefusedAndAnEscapedBackslashIsNone) {
    EXPECT_EQ(refusal_of(R"({"a":"x\u0000y"})"), "line 1, column 8: a NUL (\\u0000) in text");
    EXPECT_EQ(refusal_of(R"({"a\u0000b":1})"), "line 1, column 4: a NUL (\\u0000) in text");
    EXPECT_EQ(object_of(R"({"a":"x\\u0000y"})")->get("a").extract<std::string>(), "x\\u0000y");
    // The first thing that is wrong is the one that is told.
    EXPECT_EQ(refusal_of(R"({"a":tru,"b":"\u0000"})").substr(0, 17), "line 1, column 9:");
}

TEST(Json, ScalarIsNoDocument) {
    for (const char* text : {"5", "\"x\"", "null", "true", "1.5"}) {
        EXPECT_EQ(refusal_of(text), "line 1, column 1: expected an object or a list") << text;
    }
    EXPECT_EQ(refusal_of("\n  5"), "line 2, column 3: expected an object or a list");
}

TEST(Json, ErrorSaysLineAndColumn) {
    EXPECT_EQ(refusal_of("{\n\"a\":1,\n\"b\": tru\n}").substr(0, 18), "line 3, column 9: ");
    EXPECT_EQ(refusal_of("{\"a\" 1}").substr(0, 18), "line 1, column 6: ");
    EXPECT_EQ(refusal_of("{}{}"), "line 1, column 3: text behind the document");
    EXPECT_EQ(refusal_of("{} x"), "line 1, column 4: text behind the document");
    EXPECT_EQ(refusal_of("{\"a\":1\n"), "line 2, column 1: the text ends too early");
    EXPECT_EQ(refusal_of(""), "line 1, column 1: the text ends too early");
    // The trailing comma that is forgiven moves nothing that stands behind it.
    EXPECT_EQ(refusal_of("[{\"a\":1,},\n!]").substr(0, 18), "line 2, column 1: ");
}

TEST(Json, ColumnCountsCharacters) {
    EXPECT_EQ(refusal_of("{\"äöü😀\" 1}").substr(0, 19), "line 1, column 9: e");
}

TEST(Json, MessageIsReadableWhateverTheTextWas) {
    for (const char* text : {"{\xFF}", "{\"a\":\x01}", "\xEF\xBB\xBF{}", "{\"a\":tr\n}"}) {
        const std::string message = refusal_of(text);
        EXPECT_TRUE(base::is_utf8(message)) << text;
        EXPECT_TRUE(std::none_of(message.begin(), message.end(), [](unsigned char c) {
            return c < 0x20;
        })) << text;
    }
}

TEST(Json, WhatIsNotJsonIsRefused) {
    for (const char* text : {"{'a':1}",
                             "{a:1}",
                             "{\"a\":NaN}",
                             "{\"a\":Infinity}",
                             "{\"a\":01}",
                             "{\"a\":+1}",
                             "{\"a\":.5}",
                             "{\"a\":1.}",
                             "{\"a\":0x1}",
                             "// x\n{}",
                             "{}/**/",
                             "{}{}",
                             "{\"a\":\"\t\"}",
                             "{\"a\":\"\\q\"}",
                             "{\"a\":\"\\ud800\"}",
                             "{\"a\":\"\\ude00\"}",
                             "{\"a\":\"\xC0\xAF\"}",
                             "{\"a\":\"\xED\xA0\x80\"}",
                             "\xEF\xBB\xBF{}",
                             "{\"a\":1 \"b\":2}",
                             "{1:2}",
                             "[1 2]"}) {
        EXPECT_NE(refusal_of(text), "accepted") << text;
    }
    EXPECT_NE(refusal_of(std::string_view{"{}\0", 3}), "accepted");
}

TEST(Json, DepthIsBoundedWhereItIsExceeded) {
    const std::string deepest = std::string(kJsonDepthMax, '[') + std::string(kJsonDepthMax, ']');

    EXPECT_TRUE(parse_json(deepest));
    EXPECT_EQ(refusal_of('[' + deepest + ']'), "line 1, column 33: nested deeper than 32 levels");
    EXPECT_EQ(refusal_of(std::string(1 << 20, '[')),
              "line 1, column 33: nested deeper than 32 levels");
    EXPECT_EQ(refusal_of(std::string(1 << 20, '{')).substr(0, 7), "line 1,");
}

TEST(Json, MemoryOfADocumentIsBounded) {
    std::string containers = "[{}";
    for (std::size_t i = 1; i < kJsonContainersMax; ++i) containers += ",{}";
    std::string values = "[0";
    for (std::size_t i = 0; i < kJsonValuesMax; ++i) values += ",0";

    EXPECT_NE(refusal_of(containers + "]").find("more than 65536 objects and lists"),
              std::string::npos);
    EXPECT_NE(refusal_of(values + "]").find("more than 1010000 values"), std::string::npos);
}

// Mutations of sound documents, judged by Poco with our corrections and by a recogniser that shares
// nothing with it.
TEST(Json, AgreesWithASecondOpinionOnMutatedTexts) {
    const std::string_view seeds[] = {
        R"({"request_id":"demo-1","chunk_size_mb":64,"file_list":["a","b\u00e4\n",],)"
        R"("o":{"x":null,}})",
        R"([{"worker_id":"w","storage_paths":["/a","/b"]},)"
        R"({"success":true,"bytes":18446744073709551615}])",
        R"({"a":[[],{},[{}],-1.5e3,0.25,1e5,false],"b":"\ud83d\ude00\\\"/",)"
        R"("c":9223372036854775807})",
        "{\n \"a\" : -0 ,\r\n\t\"\\u0061b\" : [ 1 , 2 ] , }"};
    constexpr std::string_view kAlphabet = "{}[]\",:\\u0019aeE+-. \n\ttrue\x01\x7F\xC3\xA4\xFF/dD8";
    std::mt19937 random{20'261'124};
    const auto below = [&](std::size_t bound) { return random() % bound; };

    std::size_t accepted = 0;
    for (int round = 0; round < 60'000; ++round) {
        std::string text{seeds[below(std::size(seeds))]};
        for (std::size_t edits = below(4); edits > 0; --edits) {
            const std::size_t at = below(text.size());
            switch (below(4)) {
            case 0: text[at] = kAlphabet[below(kAlphabet.size())]; break;
            case 1: text.insert(at, 1, kAlphabet[below(kAlphabet.size())]); break;
            case 2: text.erase(at, 1 + below(3)); break;
            default: text.insert(below(text.size()), text.substr(at, 1 + below(12))); break;
            }
            if (text.empty()) text = "{";
        }

        const bool taken = parse_json(text).ok();

        ASSERT_EQ(taken, JsonRecogniser::accepts(text)) << "round " << round << ": " << text;
        accepted += taken ? 1 : 0;
    }
    EXPECT_GT(accepted, 15'000U);  // Otherwise the mutations prove little.
    EXPECT_LT(accepted, 45'000U);
}

}  // namespace
}  // namespace godwit::model
