#include "codec.h"

#include <gtest/gtest.h>

#include <random>

#include "records.h"

namespace godwit::store_redis {
namespace {

TEST(RedisCodec, ReadsBackWhatItPacked) {
    const std::string medium(200, '\xff');
    const std::string large(70'000, '\0');
    Packer packer;
    packer.array(17).text("").text("short").text(medium).text(large);
    packer.array(2).decimal(-5).array(0);
    for (int i = 0; i < 12; ++i) packer.decimal(i);

    const auto item = unpack(packer.bytes());

    ASSERT_TRUE(item) << item.error().message;
    ASSERT_EQ(item->items.size(), 17u);
    EXPECT_EQ(item->items[0].text, "");
    EXPECT_EQ(item->items[2].text, medium);
    EXPECT_EQ(item->items[3].text, large);
    ASSERT_EQ(item->items[4].items.size(), 2u);
    EXPECT_EQ(item->items[4].items[0].text, "-5");
    EXPECT_EQ(item->items[16].text, "11");
}

TEST(RedisCodec, ReadsTheShortFormsThatScriptsWrite) {
    using namespace std::string_literals;
    const auto item = unpack("\xdc\x00\x03\xd9\x02hi\xda\x00\x01x\xdb\x00\x00\x00\x00"s);

    ASSERT_TRUE(item) << item.error().message;
    ASSERT_EQ(item->items.size(), 3u);
    EXPECT_EQ(item->items[0].text, "hi");
    EXPECT_EQ(item->items[1].text, "x");
}

TEST(RedisCodec, RefusesWhatIsCutOffOrLonger) {
    Packer packer;
    packer.array(2).text("some text").text(std::string(40, 'x'));
    const std::string& whole = packer.bytes();
    ASSERT_TRUE(unpack(whole));

    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(unpack(whole.substr(0, size))) << size;
    }
    EXPECT_FALSE(unpack(whole + "x"));
}

TEST(RedisCodec, RefusesSizesThatAreNotThere) {
    using namespace std::string_literals;
    EXPECT_FALSE(unpack("\xdd\xff\xff\xff\xff"s));
    EXPECT_FALSE(unpack("\xdb\xff\xff\xff\xff"s));
    EXPECT_FALSE(unpack(std::string(1000, '\x91')));  // An array in an array in an array …
}

TEST(RedisCodec, SurvivesAnyBytes) {
    std::mt19937 random{7};
    std::size_t read = 0;
    for (int i = 0; i < 100'000; ++i) {
        std::string bytes(random() % 24, '\0');
        for (char& byte : bytes) byte = static_cast<char>(random());
        if (unpack(bytes)) ++read;
        EXPECT_FALSE(read_error(bytes));
        EXPECT_FALSE(read_worker("w", bytes));
    }
    EXPECT_GT(read, 0u);
}

TEST(RedisRecords, AnErrorOfAFileKeepsItsExtremes) {
    sdk::FileError error;
    error.error_number = std::numeric_limits<std::int32_t>::min();
    error.offset = std::numeric_limits<std::uint64_t>::max();
    error.attempt = std::numeric_limits<std::uint32_t>::max();
    error.first_at = sdk::WallTime{sdk::Millis{-1}};

    const auto read = read_error(pack_error(error));

    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, error);
}

TEST(RedisRecords, ForeignAnswersAreErrors) {
    Reply text;
    text.kind = Reply::Kind::Text;
    text.text = "x";
    Reply list;
    list.kind = Reply::Kind::List;
    for (std::size_t size = 0; size < 16; ++size) {
        EXPECT_FALSE(read_lease(list));
        EXPECT_FALSE(read_shown("id", list));
        list.items.push_back(size % 2 == 0 ? text : list);
    }
    EXPECT_FALSE(read_outcome(text));
    EXPECT_FALSE(read_number("-1"));
    EXPECT_FALSE(read_number("1x"));
    EXPECT_FALSE(read_number(""));
}

}  // namespace
}  // namespace godwit::store_redis
