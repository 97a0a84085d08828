#include "godwit/sdk/options.h"

#include <gtest/gtest.h>

namespace godwit::sdk {
namespace {

constexpr OptionSpec kTable[] = {
    {"url", OptionType::Text, "redis://localhost", "where"},
    {"connections", OptionType::Integer, "8", "how many"},
    {"keep", OptionType::Boolean, "true", "whether"},
};

Options options_of(std::vector<std::pair<std::string, Value>> members) {
    Options options{Value::map(std::move(members)), "store.options"};
    const auto file = std::make_shared<const std::string>("master.yml");
    int line = 7;
    for (auto& [key, value] : options.values.members) value.at = {file, line++, 20};
    return options;
}

TEST(OptionReader, DefaultsComeFromTheTable) {
    const Options options = options_of({});
    OptionReader read{options, kTable};

    EXPECT_EQ(read.text("url"), "redis://localhost");
    EXPECT_EQ(read.integer("connections", 1, 256), 8);
    EXPECT_TRUE(read.boolean("keep"));
    EXPECT_TRUE(read.finish());
}

TEST(OptionReader, TellsEveryProblemWithItsPlace) {
    const Options options = options_of({{"connections", Value::scalar("many")},
                                        {"keep", Value::scalar("yes")},
                                        {"ulr", Value::scalar("x")}});
    OptionReader read{options, kTable};
    read.text("url");
    read.integer("connections", 1, 256);
    read.boolean("keep");

    const Status status = read.finish();

    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::InvalidArgument);
    EXPECT_EQ(status.error().message,
              "master.yml:7:20: store.options.connections: expected an integer in 1..256, got "
              "'many'; master.yml:8:20: store.options.keep: expected true or false, got 'yes'; "
              "master.yml:9:20: store.options: unknown key 'ulr', did you mean 'url'?");
}

TEST(OptionReader, NumbersAreDecimalAndWhole) {
    for (const char* text : {"0x10", "1e3", "1.5", "", "12 ", "99999999999999999999"}) {
        const Options options = options_of({{"connections", Value::scalar(text)}});
        OptionReader read{options, kTable};
        read.integer("connections", 1, 1'000'000);
        EXPECT_FALSE(read.finish()) << text;
    }
    const Options octal_looking = options_of({{"connections", Value::scalar("012")}});
    OptionReader read{octal_looking, kTable};
    EXPECT_EQ(read.integer("connections", 1, 256), 12);
}

TEST(Nearest, NothingNearListsWhatIsKnown) {
    constexpr std::string_view known[] = {"host", "port"};
    EXPECT_EQ(unknown_name("key", "prot", known), "unknown key 'prot', did you mean 'port'?");
    EXPECT_EQ(unknown_name("key", "colour", known), "unknown key 'colour' (known: host port)");
}

}  // namespace
}  // namespace godwit::sdk
