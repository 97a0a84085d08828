// Whether our rules mean what rsync's mean: both choose from the same tree by the same rules.
#include <gmock/gmock.h>

#include <filesystem>
#include <random>
#include <set>
#include <sstream>

#include "base/bytes.h"
#include "filter/filter.h"
#include "support/process.h"
#include "support/tree.h"

namespace godwit::filter {
namespace {

namespace fs = std::filesystem;
using test_support::run;
using test_support::write_text;

constexpr int kListsPerSeed = 12;

// Short, alike, and with every byte that means something in a pattern.
const std::vector<std::string> kNames = {
    "a",    "b",    "ab", "aab", "abc", "a.o",  "foo", "bar", "foo.o", "[x]", "a*b",
    "a\\b", "a\\*", "]",  "-",   "a-b", "a b",  " a",  "Z9",  "7",     "_",   "\xC3\xA9",
    ".h",   "x?y",  "**", "a!b", "^",   "\xE9", "aXb", "~",   "a:b",   ":",   "\\"};

class Choice {
public:
    explicit Choice(std::uint64_t seed) : random_{seed} {}

    std::size_t below(std::size_t bound) { return random_() % bound; }
    bool one_in(std::size_t bound) { return below(bound) == 0; }
    template <class T>
    const T& of(const std::vector<T>& values) {
        return values[below(values.size())];
    }

private:
    std::mt19937_64 random_;
};

// --------------------------------------------------------------------------------------- patterns

std::string random_class(Choice& choice) {
    static const std::vector<std::string> kMembers = {
        "a",         "b",   "x",   "*",         "?",         "\\]",       "\\\\",
        "a-c",       "A-Z", "0-9", "[:alpha:]", "[:digit:]", "[:upper:]", "[:punct:]",
        "[:space:]", "!",   "^",   "[",         "_",         ".",         "\\a-\\c",
        "[:",        "/",   "-",   ":",         "**",        "z-a"};
    static const std::vector<std::string> kBeginnings = {"[", "[", "[!", "[^", "[]", "[!]", "[-"};
    std::string text = choice.of(kBeginnings);
    for (std::size_t i = 0; i <= choice.below(3); ++i) text += choice.of(kMembers);
    return text + "]";
}

std::string random_component(Choice& choice) {
    static const std::vector<std::string> kPieces = {
        "*",   "*", "**", "***", "?", "a", "b",   "o",   ".",    "foo",      "\\*",
        "\\a", "-", " ",  "\\",  "x", "]", "\\[", "\\?", "\\\\", "\xC3\xA9", "!"};
    if (choice.one_in(3)) return choice.of(kNames);
    std::string text;
    for (std::size_t i = 0; i <= choice.below(4); ++i) {
        text += choice.one_in(5) ? random_class(choice) : choice.of(kPieces);
    }
    return text;
}

std::string random_pattern(Choice& choice) {
    std::string text = choice.one_in(3) ? "/" : "";
    const std::size_t components = choice.one_in(2) ? 1 : 1 + choice.below(3);
    for (std::size_t i = 0; i < components; ++i) {
        if (i > 0) text += "/";
        text += random_component(choice);
    }
    if (choice.one_in(6)) text += "/***";
    if (choice.one_in(6)) text += "/**";
    if (choice.one_in(5)) text += "/";
    return text;
}

// Only rules that we take: a mistake of ours is a pattern that matches nothing in rsync.
std::vector<std::string> random_rules(Choice& choice) {
    std::vector<std::string> rules;
    const std::size_t count = 1 + choice.below(4);
    while (rules.size() < count) {
        std::string rule = (choice.one_in(3) ? "+ " : "- ") + random_pattern(choice);
        const std::vector<std::string> alone{rule};
        if (Filter::parse(alone)) rules.push_back(std::move(rule));
    }
    return rules;
}

// ------------------------------------------------------------------------------------------ trees

void fill(const std::string& path, int levels, Choice& choice) {
    for (int i = 0; i < 9; ++i) {
        const std::string entry = path + "/" + choice.of(kNames);
        if (fs::exists(fs::symlink_status(entry))) continue;
        if (levels > 0 && choice.one_in(2)) {
            fs::create_directory(entry);
            fill(entry, levels - 1, choice);
        } else if (choice.one_in(8)) {
            fs::create_symlink("nowhere", entry);
        } else {
            write_text(entry, "");
        }
    }
}

// What takes part by our rules, pruned as a walk prunes; directories end with a slash.
void choose(const std::string& root, const std::string& below, const Filter& filter,
            std::set<std::string>& chosen) {
    for (const auto& entry : fs::directory_iterator{root + "/" + below}) {
        const std::string path = below + entry.path().filename().string();
        const bool is_directory = entry.symlink_status().type() == fs::file_type::directory;
        const bool excluded = filter.excludes(path, is_directory);
        if (!excluded) chosen.insert(is_directory ? path + "/" : path);
        if (!excluded && is_directory) choose(root, path + "/", filter, chosen);
    }
}

std::set<std::string> chosen_by_rsync(const std::string& source, const std::string& destination,
                                      const std::vector<std::string>& rules) {
    std::vector<std::string> command = {"/usr/bin/rsync", "-n", "-a", "-8", "--out-format=%n"};
    for (const std::string& rule : rules) command.push_back("--filter=" + rule);
    command.push_back(source + "/");
    command.push_back(destination + "/");
    const auto ran = run(command, {"LC_ALL=C"});
    EXPECT_EQ(ran.exit_code, 0) << ran.output;
    std::set<std::string> chosen;
    std::istringstream lines{ran.output};
    for (std::string line; std::getline(lines, line);) {
        if (line != "./") chosen.insert(line);
    }
    return chosen;
}

std::string text_of(const std::vector<std::string>& rules) {
    std::string text = "rules:\n";
    for (const std::string& rule : rules) text += "  " + base::to_utf8_lossy(rule) + "\n";
    return text;
}

class FilterAndRsync : public testing::TestWithParam<std::uint64_t> {};

TEST_P(FilterAndRsync, ChooseTheSameEntries) {
    if (!fs::exists("/usr/bin/rsync")) GTEST_SKIP() << "rsync is not installed";
    Choice choice{GetParam()};
    const test_support::TemporaryFolder folder;
    const std::string source = folder.path("source");
    const std::string destination = folder.path("destination");
    fs::create_directory(source);
    fs::create_directory(destination);
    fill(source, 3, choice);
    std::size_t lists_that_exclude_some = 0;

    for (int list = 0; list < kListsPerSeed && !HasFailure(); ++list) {
        const std::vector<std::string> rules = random_rules(choice);
        const auto filter = Filter::parse(rules);
        ASSERT_TRUE(filter) << filter.error().message;
        std::set<std::string> ours;
        choose(source, "", *filter, ours);
        std::set<std::string> all;
        choose(source, "", Filter{}, all);
        if (!ours.empty() && ours != all) ++lists_that_exclude_some;

        EXPECT_EQ(ours, chosen_by_rsync(source, destination, rules)) << text_of(rules);
    }

    EXPECT_GE(lists_that_exclude_some, std::size_t{kListsPerSeed / 8}) << "too easy";
}

INSTANTIATE_TEST_SUITE_P(Seeds, FilterAndRsync, testing::Range<std::uint64_t>(1, 25));

}  // namespace
}  // namespace godwit::filter
