#include "base/bytes.h"

#include <gtest/gtest.h>

namespace godwit::base {
namespace {

TEST(Base64, EveryByteComesBack) {
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);

    for (std::size_t length = 0; length <= all.size(); ++length) {
        const std::string bytes = all.substr(0, length);
        EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
    }
}

TEST(Base64, RefusesWhatIsNotBase64) {
    for (const char* text : {"a", "ab", "abc", "ab=c", "=abc", "a===", "ab c", "abcd\n", "ab%d"}) {
        EXPECT_EQ(from_base64(text), std::nullopt) << text;
    }
}

TEST(Utf8, AcceptsWhatRfc3629Accepts) {
    for (const char* text : {"", "a", "é", "€", "𝄞", "\xEF\xBF\xBF"})
        EXPECT_TRUE(is_utf8(text)) << text;
}

TEST(Utf8, RefusesOverlongSurrogatesAndCutSequences) {
    for (const char* text : {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
                             "\xF4\x90\x80\x80", "\xFF", "\xE2\x82", "a\x80"}) {
        EXPECT_FALSE(is_utf8(text)) << to_hex(text);
    }
}

TEST(Utf8, LossyTextIsValidUtf8) {
    EXPECT_EQ(to_utf8_lossy("a\xFF"
                            "b\xE2\x82"),
              "a\uFFFDb\uFFFD\uFFFD");
}

TEST(Printable, OneLineWhateverTheBytes) {
    EXPECT_EQ(printable("a\nb\x01'c"), "a\\nb\\x01\\'c");
    EXPECT_EQ(printable("abcdef", 3), "abc…");
}

TEST(FormatBytes, PicksTheUnit) {
    EXPECT_EQ(format_bytes(312), "312 B");
    EXPECT_EQ(format_bytes(1536), "1.5 KiB");
    EXPECT_EQ(format_bytes(3.0 * (1ull << 40)), "3.0 TiB");
}

}  // namespace
}  // namespace godwit::base
