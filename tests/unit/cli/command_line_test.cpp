#include "cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "cli/flags.h"
#include "model/json.h"
#include "model/options.h"

namespace godwit::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Words = std::vector<std::string>;

CommandLine parse(const Words& words) {
    auto line = parse_command_line(words);
    if (line) return *line;
    ADD_FAILURE() << line.error().message;
    return {};
}

CommandLine sync(Words more) {
    more.insert(more.begin(), {"sync", "/a", "/b"});
    return parse(more);
}

std::string refusal_of(const Words& words) {
    const auto line = parse_command_line(words);
    return line ? "accepted" : line.error().message;
}

std::string refusal_of_sync(Words more) {
    more.insert(more.begin(), {"sync", "/a", "/b"});
    return refusal_of(more);
}

// The one option that `words` set.
std::string option_of(const Words& words) {
    const CommandLine line = sync(words);
    if (line.options.size() != 1) return std::to_string(line.options.size()) + " options";
    const auto& [name, value] = *line.options.begin();
    const auto text = [](const auto& v) -> std::string {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::string>) {
            return "'" + v + "'";
        } else if constexpr (std::is_same_v<std::decay_t<decltype(v)>, bool>) {
            return v ? "true" : "false";
        } else {
            return std::to_string(v);
        }
    };
    return name + "=" + std::visit(text, value);
}

TEST(CommandLine, HasACommandAndItsArguments) {
    const CommandLine line = parse({"status", "r-1", "--json"});

    EXPECT_EQ(line.command, "status");
    EXPECT_THAT(line.arguments, ElementsAre("r-1"));
    EXPECT_TRUE(line.json);
}

TEST(CommandLine, OptionsStandAnywhereAndTakeValuesBothWays) {
    EXPECT_EQ(parse({"--master", "http://x:1", "status"}).master_url, "http://x:1");
    EXPECT_EQ(parse({"status", "--master=http://x:1"}).master_url, "http://x:1");
    EXPECT_EQ(parse({"status", "--state=A=B"}).state, "A=B");
}

TEST(CommandLine, BehindTwoDashesAllIsPlain) {
    EXPECT_THAT(parse({"sync", "--", "-a", "--wait"}).arguments, ElementsAre("-a", "--wait"));
}

TEST(CommandLine, WhatIsUnknownIsRefusedWithTheNearestName) {
    EXPECT_THAT(refusal_of_sync({"--dryrun"}), HasSubstr("did you mean '--dry-run'?"));
    EXPECT_THAT(refusal_of({"synk", "/a", "/b"}), HasSubstr("did you mean 'sync'?"));
    EXPECT_THAT(refusal_of_sync({"-z"}), HasSubstr("unknown option '-z'"));
    EXPECT_THAT(refusal_of({}), HasSubstr("a command is missing"));
}

TEST(CommandLine, MissingAndNeedlessValuesAreRefused) {
    EXPECT_THAT(refusal_of_sync({"--exclude"}), HasSubstr("'--exclude' needs a value"));
    EXPECT_THAT(refusal_of_sync({"--delete=after"}), HasSubstr("'--delete' takes no value"));
}

TEST(CommandLine, ArgumentsAreCounted) {
    for (const Words& words : {Words{"sync", "/a"},
                               {"sync", "/a", "/b", "/c"},
                               {"errors"},
                               {"retry"},
                               {"delete"},
                               {"set", "r"},
                               {"workers", "x"},
                               {"cancel", "a", "b"}}) {
        EXPECT_THAT(refusal_of(words), HasSubstr("usage: godwit " + words.front()));
    }
    EXPECT_THAT(parse({"set", "r", "priority=1", "max_workers=2"}).arguments,
                ElementsAre("r", "priority=1", "max_workers=2"));
}

TEST(CommandLine, OptionsOfAnotherCommandAreRefused) {
    EXPECT_THAT(refusal_of({"status", "--delete"}),
                HasSubstr("option '--delete' is not one of 'godwit status'"));
    EXPECT_THAT(refusal_of_sync({"--state", "FAILED"}), HasSubstr("not one of 'godwit sync'"));
    EXPECT_THAT(refusal_of({"cancel", "r", "--wait"}), HasSubstr("not one of 'godwit cancel'"));
    EXPECT_TRUE(parse({"retry", "r", "--wait"}).wait);
}

TEST(CommandLine, EveryFlagSetsItsOption) {
    EXPECT_EQ(option_of({"--delete"}), "delete='after'");
    EXPECT_EQ(option_of({"--max-delete", "100"}), "max_delete=100");
    EXPECT_EQ(option_of({"--max-delete", "10%"}), "max_delete='10%'");
    EXPECT_EQ(option_of({"--dry-run"}), "dry_run=true");
    EXPECT_EQ(option_of({"--checksum"}), "compare='checksum'");
    EXPECT_EQ(option_of({"--size-only"}), "compare='size'");
    EXPECT_EQ(option_of({"--update"}), "compare='newer'");
    EXPECT_EQ(option_of({"--ignore-existing"}), "compare='exists'");
    EXPECT_EQ(option_of({"--ignore-times"}), "compare='always'");
    EXPECT_EQ(option_of({"-H"}), "hardlinks=true");
    EXPECT_EQ(option_of({"--hard-links"}), "hardlinks=true");
    EXPECT_EQ(option_of({"-X"}), "xattrs=true");
    EXPECT_EQ(option_of({"--xattrs"}), "xattrs=true");
    EXPECT_EQ(option_of({"-A"}), "acls=true");
    EXPECT_EQ(option_of({"--acls"}), "acls=true");
    EXPECT_EQ(option_of({"--atimes"}), "atime=true");
    EXPECT_EQ(option_of({"--no-sparse"}), "sparse=false");
    EXPECT_EQ(option_of({"--copy-links"}), "symlinks='follow'");
    EXPECT_EQ(option_of({"--specials"}), "special='copy'");
    EXPECT_EQ(option_of({"--copy-root"}), "copy_root=true");
    EXPECT_EQ(option_of({"--replace-type"}), "replace_type=true");
    EXPECT_EQ(option_of({"--inplace"}), "inplace=true");
    EXPECT_EQ(option_of({"--verify", "readback"}), "verify='readback'");
    EXPECT_EQ(option_of({"--durability", "file"}), "durability='file'");
    EXPECT_EQ(option_of({"--min-size", "1"}), "min_size_bytes=1");
    EXPECT_EQ(option_of({"--max-size", "1"}), "max_size_bytes=1");
    EXPECT_EQ(option_of({"--bwlimit", "800"}), "bandwidth_limit_mbps=800");
    EXPECT_EQ(option_of({"--max-workers", "3"}), "max_workers=3");
    EXPECT_EQ(option_of({"--priority", "-5"}), "priority=-5");
    EXPECT_EQ(option_of({"--max-failures", "9"}), "max_failures=9");
    EXPECT_EQ(option_of({"--max-attempts", "2"}), "max_attempts=2");
    EXPECT_EQ(option_of({"--option", "mount_wait_seconds=60"}), "mount_wait_seconds=60");
    EXPECT_EQ(option_of({"--option", "dry_run"}), "dry_run=true");
}

// What a flag asks for is what the master's parser takes for a value that differs from the default.
TEST(CommandLine, EveryFlagOfARequestIsOneThatAMasterKnows) {
    for (const Flag& flag : flags()) {
        if (!is_for(flag, "sync")) continue;
        CommandLine line;
        std::string value = flag.value_name == "N|N%" ? "7%" : "7";
        if (flag.name == "--durability") value = "file";
        if (flag.name == "--verify") value = "none";
        if (flag.name == "--option") value = "xattrs=true";
        ASSERT_TRUE(flag.set(line, value)) << flag.name;
        for (const auto& [name, set] : line.options) {
            const bool text = std::holds_alternative<std::string>(set);
            const std::string json = text ? "\"" + std::get<std::string>(set) + "\""
                                          : (std::holds_alternative<bool>(set)
                                                 ? (std::get<bool>(set) ? "true" : "false")
                                                 : std::to_string(std::get<std::int64_t>(set)));
            std::vector<model::FieldError> errors;
            const auto options = model::read_options(
                *model::parse_json("{\"" + name + "\":" + json + "}"), {}, errors);
            EXPECT_THAT(errors, IsEmpty()) << flag.name << ": " << name << "=" << json;
            EXPECT_NE(options, model::RequestOptions{}) << flag.name;
        }
    }
}

TEST(CommandLine, FilterRulesKeepTheirOrder) {
    EXPECT_THAT(
        sync({"--exclude", "*.tmp", "--include=*/", "--filter", "+ *.txt", "--exclude", "*"})
            .filters,
        ElementsAre("- *.tmp", "+ */", "+ *.txt", "- *"));
    EXPECT_THAT(refusal_of_sync({"--option", "filters=- x"}), HasSubstr("--filter"));
}

TEST(CommandLine, SizesHaveUnitsAsRsyncHasThem) {
    const auto size = [](const std::string& text) { return option_of({"--max-size", text}); };
    EXPECT_EQ(size("500"), "max_size_bytes=500");
    EXPECT_EQ(size("500B"), "max_size_bytes=500");
    EXPECT_EQ(size("1K"), "max_size_bytes=1024");
    EXPECT_EQ(size("1k"), "max_size_bytes=1024");
    EXPECT_EQ(size("1KiB"), "max_size_bytes=1024");
    EXPECT_EQ(size("1KB"), "max_size_bytes=1000");
    EXPECT_EQ(size("3M"), "max_size_bytes=3145728");
    EXPECT_EQ(size("3MB"), "max_size_bytes=3000000");
    EXPECT_EQ(size("2G"), "max_size_bytes=2147483648");
    EXPECT_EQ(size("2T"), "max_size_bytes=2199023255552");
    EXPECT_EQ(size("1P"), "max_size_bytes=1125899906842624");
    for (const char* text :
         {"", "K", "-1", "1.5G", "1X", "1Kx", "1KiBx", "9223372036854775808", "9000000P", " 1"}) {
        EXPECT_THAT(refusal_of_sync({"--max-size", text}), HasSubstr("expected a size like"))
            << text;
    }
}

TEST(CommandLine, NumbersAreNumbers) {
    for (const char* flag : {"--bwlimit", "--max-workers", "--priority", "--max-failures",
                             "--max-attempts", "--timeout", "--chunk-size-mb"}) {
        for (const char* value : {"", "x", "1x", "1.5", "0x1"}) {
            EXPECT_THAT(refusal_of_sync({flag, value}), HasSubstr("expected a whole number"))
                << flag << " " << value;
        }
    }
}

TEST(CommandLine, OneOptionHasOneValue) {
    EXPECT_THAT(refusal_of_sync({"--update", "--checksum"}),
                HasSubstr("option '--checksum': 'compare' has another value already"));
    EXPECT_THAT(refusal_of_sync({"--option", "sparse=true", "--no-sparse"}),
                HasSubstr("'sparse' has another value already"));
    EXPECT_EQ(option_of({"--delete", "--option", "delete=after", "--delete"}), "delete='after'");
    EXPECT_THAT(refusal_of_sync({"--option", "=x"}), HasSubstr("expected NAME=VALUE"));
}

TEST(CommandLine, ValuesAreNumbersTruthOrText) {
    EXPECT_EQ(value_of("true"), Value{true});
    EXPECT_EQ(value_of("false"), Value{false});
    EXPECT_EQ(value_of("12"), Value{std::int64_t{12}});
    EXPECT_EQ(value_of("-12"), Value{std::int64_t{-12}});
    for (const char* text : {"", "-", "1.5", "50%", "99999999999999999999", "True", "1 "}) {
        EXPECT_EQ(value_of(text), Value{std::string{text}}) << text;
    }
}

TEST(CommandLine, ADryRunIsWaitedFor) {
    EXPECT_TRUE(sync({"--dry-run"}).wait);
    EXPECT_TRUE(sync({"--dry-run"}).is_dry_run());
    EXPECT_TRUE(sync({"--option", "dry_run=true"}).wait);
    EXPECT_FALSE(sync({"--option", "dry_run=false"}).wait);
    EXPECT_FALSE(sync({}).wait);
}

TEST(CommandLine, From0NeedsAList) {
    EXPECT_THAT(refusal_of_sync({"--from0"}), HasSubstr("--files-from"));
    EXPECT_TRUE(sync({"--from0", "--files-from", "-"}).from0);
    EXPECT_EQ(sync({"--files-from=-"}).files_from, "-");
}

TEST(CommandLine, ATimeoutIsOneOfWaiting) {
    EXPECT_THAT(refusal_of_sync({"--timeout", "5"}), HasSubstr("--wait, which is missing"));
    EXPECT_EQ(sync({"--timeout", "5", "--wait"}).timeout_seconds, 5);
    EXPECT_EQ(sync({"--dry-run", "--timeout", "5"}).timeout_seconds, 5);
}

TEST(CommandLine, HelpNamesEveryCommandAndOption) {
    const std::string help = help_text();

    for (const Command& command : commands()) {
        EXPECT_THAT(help, HasSubstr("\n  " + std::string{command.name} + " "));
    }
    for (const Flag& flag : flags()) EXPECT_THAT(help, HasSubstr(std::string{flag.name}));
    EXPECT_TRUE(parse({"--help"}).help);
    EXPECT_TRUE(parse({"-h", "sync"}).help);
}

TEST(CommandLine, HelpFitsOnAScreenOf100Columns) {
    std::size_t start = 0;
    const std::string help = help_text();
    for (std::size_t end = help.find('\n'); end != std::string::npos;
         end = help.find('\n', start)) {
        EXPECT_LE(end - start, 101u) << help.substr(start, end - start);
        start = end + 1;
    }
}

}  // namespace
}  // namespace godwit::cli
