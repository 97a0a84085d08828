#include "filter/filter.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace godwit::filter {
namespace {

using testing::HasSubstr;

Filter filter_of(const std::vector<std::string>& rules) {
    auto filter = Filter::parse(rules);
    EXPECT_TRUE(filter) << filter.error().message;
    return filter ? std::move(*filter) : Filter{};
}

// Whether this one pattern, alone, takes hold of the path; a path that ends with '/' is that of a
// directory.
bool matches(const std::string& pattern, std::string_view path) {
    const bool is_directory = path.ends_with('/');
    if (is_directory) path.remove_suffix(1);
    return filter_of({"- " + pattern}).excludes(path, is_directory);
}

std::string mistake_in(const std::vector<std::string>& rules) {
    const auto filter = Filter::parse(rules);
    if (filter) return "none";
    EXPECT_EQ(filter.error().code, Code::InvalidArgument);
    return filter.error().message;
}

// ------------------------------------------------------------------------------------------- rules

TEST(Filter, WithoutRulesExcludesNothing) {
    EXPECT_FALSE(Filter{}.excludes("a/b", false));
    EXPECT_FALSE(filter_of({}).excludes("a", true));
    EXPECT_TRUE(filter_of({}).is_empty());
    EXPECT_FALSE(filter_of({"- a"}).is_empty());
}

TEST(Filter, TakesTheFirstRuleThatMatches) {
    const Filter filter = filter_of({"+ keep.o", "- *.o", "+ *"});

    EXPECT_FALSE(filter.excludes("keep.o", false));
    EXPECT_TRUE(filter.excludes("drop.o", false));
    EXPECT_FALSE(filter.excludes("other", false));
}

TEST(Filter, IncludesWhatNoRuleMatches) {
    EXPECT_FALSE(filter_of({"- *.o", "- /tmp/"}).excludes("src/main.c", false));
}

TEST(Filter, NeverExcludesTheRoot) {
    EXPECT_FALSE(filter_of({"- *", "- **"}).excludes("", true));
}

TEST(Filter, TakesRulesInWordsToo) {
    const Filter filter = filter_of({"include a*", "exclude *"});

    EXPECT_FALSE(filter.excludes("ab", false));
    EXPECT_TRUE(filter.excludes("b", false));
}

TEST(Filter, TakesSpacesBehindTheFirstForPartOfThePattern) {
    EXPECT_TRUE(matches(" a b ", " a b "));
    EXPECT_FALSE(matches(" a", "a"));
}

TEST(Filter, NamesTheRuleThatIsWrongAndWhy) {
    EXPECT_THAT(mistake_in({"- a", "- "}), HasSubstr("rule 1 '- ': the pattern is empty"));
    EXPECT_THAT(mistake_in({""}), HasSubstr("rule 0 '': a rule begins with"));
    EXPECT_THAT(mistake_in({"- a", "+ b", "-a"}), HasSubstr("rule 2 '-a': a rule begins with"));
    for (const char* rule : {"!", ": .rsync-filter", "-! a", "-s a", "-,a", "P a", "-_a", "merge a",
                             "hide a", " - a", "+", "include", "a"}) {
        EXPECT_THAT(mistake_in({rule}), HasSubstr("a rule begins with")) << rule;
    }
    EXPECT_THAT(mistake_in({"- /"}), HasSubstr("is the root"));
    EXPECT_THAT(mistake_in({"- a\\*b\\"}), HasSubstr("escapes nothing"));
    EXPECT_THAT(mistake_in({std::string{"- a\0b", 5}}), HasSubstr("a NUL"));
    EXPECT_THAT(mistake_in({std::string{"- a\0*", 5}}), HasSubstr("a NUL"));
}

TEST(Filter, RefusesClassesThatHaveNoEndOrNoSuchName) {
    for (const char* pattern : {"a[", "[]", "[!]", "[^", "[a", "[a-", "[a\\", "[a\\]", "[[:alpha:]",
                                "[[:alpha", "[]a", "[a-\\]"}) {
        EXPECT_THAT(mistake_in({std::string{"- "} + pattern}), HasSubstr("has no end")) << pattern;
    }
    for (const char* pattern : {"[[:Alpha:]]", "[[::]]", "[[:word:]]"}) {
        EXPECT_THAT(mistake_in({std::string{"- "} + pattern}), HasSubstr("no class")) << pattern;
    }
}

TEST(Filter, RefusesMoreThanItHasRoomFor) {
    const std::vector<std::string> many(Filter::kRulesMax + 1, "- a");
    const std::string long_pattern(Wildcards::kPatternBytesMax + 1, '*');
    const std::vector<std::string> large(Filter::kRuleBytesMax / 4'000 + 1,
                                         "- " + std::string(3'998, 'a'));

    EXPECT_THAT(mistake_in(many), HasSubstr("more than 4096 rules"));
    EXPECT_THAT(mistake_in({"- " + long_pattern}), HasSubstr("longer than 4096"));
    EXPECT_THAT(mistake_in(large), HasSubstr("rule 65 "));
    EXPECT_THAT(mistake_in(large), HasSubstr("longer than 262144"));
}

TEST(Filter, ExcludesWithinWhatIsExcluded) {
    const Filter filter = filter_of({"- /a/b/", "+ c"});

    EXPECT_FALSE(filter.excludes("a/b/c", false));
    EXPECT_TRUE(filter.excludes_within("a/b/c", false));
    EXPECT_TRUE(filter.excludes_within("a/b", true));
    EXPECT_FALSE(filter.excludes_within("a/b", false));
    EXPECT_FALSE(filter.excludes_within("a/d/c", false));
    EXPECT_FALSE(filter.excludes_within("", true));
}

// ---------------------------------------------------------------------------------------- patterns

TEST(Pattern, WithoutASlashIsHeldAgainstTheLastComponent) {
    EXPECT_TRUE(matches("foo", "foo"));
    EXPECT_TRUE(matches("foo", "a/b/foo"));
    EXPECT_FALSE(matches("foo", "a/foo/b"));
    EXPECT_FALSE(matches("foo", "afoo"));
    EXPECT_FALSE(matches("foo", "foob"));
    EXPECT_TRUE(matches("*.o", "a/b.o"));
    EXPECT_FALSE(matches("*.o", "a.o/b"));
}

TEST(Pattern, WithASlashIsHeldAgainstAsManyComponentsOfTheEnd) {
    EXPECT_TRUE(matches("a/b", "a/b"));
    EXPECT_TRUE(matches("a/b", "x/y/a/b"));
    EXPECT_FALSE(matches("a/b", "xa/b"));
    EXPECT_FALSE(matches("a/b", "b"));
    EXPECT_TRUE(matches("foo/*/bar", "x/foo/y/bar"));
    EXPECT_FALSE(matches("foo/*/bar", "foo/bar"));
    EXPECT_FALSE(matches("foo/*/bar", "foo/x/y/bar"));
    EXPECT_FALSE(matches("*/*/*", "a/b"));
}

TEST(Pattern, WithALeadingSlashBeginsAtTheRoot) {
    EXPECT_TRUE(matches("/foo", "foo"));
    EXPECT_FALSE(matches("/foo", "a/foo"));
    EXPECT_TRUE(matches("/*.o", "a.o"));
    EXPECT_FALSE(matches("/*.o", "a/b.o"));
    EXPECT_TRUE(matches("/a/b", "a/b"));
    EXPECT_FALSE(matches("/a/b", "x/a/b"));
}

TEST(Pattern, WithATrailingSlashIsForDirectoriesOnly) {
    EXPECT_TRUE(matches("foo/", "foo/"));
    EXPECT_TRUE(matches("foo/", "a/foo/"));
    EXPECT_FALSE(matches("foo/", "foo"));
    EXPECT_TRUE(matches("/a/*/", "a/b/"));
    EXPECT_FALSE(matches("/a/*/", "a/b"));
    EXPECT_FALSE(matches("foo//", "foo/")) << "only one slash is no part of the pattern";
}

TEST(Pattern, StarsStopAtSlashesAndDoubleStarsDoNot) {
    EXPECT_TRUE(matches("/*", "a"));
    EXPECT_FALSE(matches("/*", "a/b"));
    EXPECT_TRUE(matches("/**", "a/b"));
    EXPECT_TRUE(matches("/foo/**/bar", "foo/x/bar"));
    EXPECT_TRUE(matches("/foo/**/bar", "foo/x/y/bar"));
    EXPECT_FALSE(matches("/foo/**/bar", "foo/bar"));
    EXPECT_TRUE(matches("a**b", "x/a/y/b"));
    EXPECT_FALSE(matches("a**b", "xa/b"));
    EXPECT_TRUE(matches("a*", "a"));
    EXPECT_TRUE(matches("**", "a/b/c"));
}

TEST(Pattern, WithLeadingDoubleStarsMatchesAtTheRootToo) {
    EXPECT_TRUE(matches("**/foo", "foo"));
    EXPECT_TRUE(matches("**/foo", "a/b/foo"));
    EXPECT_FALSE(matches("**/foo", "a/bfoo"));
    EXPECT_TRUE(matches("**foo", "a/bfoo"));
    EXPECT_FALSE(matches("**/foo/*", "foo"));
}

TEST(Pattern, WithThreeStarsAtItsEndMatchesTheDirectoryAndWhatIsInIt) {
    EXPECT_TRUE(matches("foo/***", "foo/"));
    EXPECT_TRUE(matches("foo/***", "a/foo/"));
    EXPECT_TRUE(matches("foo/***", "foo/x/y"));
    EXPECT_FALSE(matches("foo/***", "foo")) << "that is a file";
    EXPECT_FALSE(matches("foo/**", "foo/"));
    EXPECT_TRUE(matches("/foo/***", "foo/"));
    EXPECT_FALSE(matches("/foo/***", "a/foo/"));
}

TEST(Pattern, QuestionMarksTakeOneByteButNoSlash) {
    EXPECT_TRUE(matches("a?c", "abc"));
    EXPECT_FALSE(matches("a?c", "ac"));
    EXPECT_FALSE(matches("/a?c", "a/c"));
    EXPECT_TRUE(matches("?\xC3?", "a\xC3\xA9")) << "bytes, not characters";
    EXPECT_FALSE(matches("?", "\xC3\xA9"));
    EXPECT_TRUE(matches("?", "\xFF"));
}

TEST(Pattern, ClassesHaveRangesNegationsAndNames) {
    EXPECT_TRUE(matches("[a-c]x", "bx"));
    EXPECT_FALSE(matches("[a-c]x", "dx"));
    EXPECT_TRUE(matches("[!a-c]", "d"));
    EXPECT_TRUE(matches("[^a-c]", "d"));
    EXPECT_FALSE(matches("[!a-c]", "b"));
    EXPECT_TRUE(matches("[[:digit:][:upper:]_]", "_"));
    EXPECT_TRUE(matches("[[:digit:][:upper:]_]", "7"));
    EXPECT_FALSE(matches("[[:digit:][:upper:]_]", "a"));
    EXPECT_FALSE(matches("[[:alpha:]]", "\xE9")) << "no byte beyond ASCII is a letter";
    EXPECT_TRUE(matches("[\x80-\xFF]", "\xE9"));
    EXPECT_FALSE(matches("/a[!b]c", "a/c")) << "no class takes a slash";
    EXPECT_FALSE(matches("[/-]", "a/-")) << "two components are asked for, and none matches";
}

TEST(Pattern, ClassesTakeOddMembersAsRsyncDoes) {
    EXPECT_TRUE(matches("[]a]", "]"));
    EXPECT_TRUE(matches("[]-a]", "_")) << "a range that begins with the bracket";
    EXPECT_FALSE(matches("[!]a]", "]"));
    EXPECT_TRUE(matches("[a-]", "-"));
    EXPECT_TRUE(matches("[-a]", "-"));
    EXPECT_TRUE(matches("[a\\]b]", "]"));
    EXPECT_TRUE(matches("[\\a-\\c]", "b"));
    EXPECT_TRUE(matches("[a[:b]", ":")) << "not the beginning of a named class";
    EXPECT_FALSE(matches("[c-a]", "b")) << "an empty range";
    EXPECT_TRUE(matches("[a-c-e]", "-")) << "a range's end begins no other";
    EXPECT_FALSE(matches("[a-c-e]", "d"));
}

TEST(Pattern, BackslashesEscapeOnlyWhereThereIsAWildcard) {
    EXPECT_TRUE(matches("foo\\bar", "foo\\bar"));
    EXPECT_FALSE(matches("foo\\bar", "foobar"));
    EXPECT_TRUE(matches("foo\\bar*", "foobar1"));
    EXPECT_FALSE(matches("foo\\bar*", "foo\\bar1"));
    EXPECT_TRUE(matches("foo\\\\bar*", "foo\\bar1"));
    EXPECT_TRUE(matches("a\\*", "a*"));
    EXPECT_FALSE(matches("a\\*", "ab"));
    EXPECT_TRUE(matches("a\\", "a\\"));
}

TEST(Pattern, WithAnEscapedStarBeforeAnotherHasOneThatStopsAtSlashes) {
    EXPECT_TRUE(matches("a\\**", "x/a*b"));
    EXPECT_FALSE(matches("a\\**", "x/a*b/c"));
    EXPECT_FALSE(matches("a\\**", "x/ab"));
}

TEST(Pattern, LongerThanAMachineWordMatchesWhole) {
    for (const std::size_t length : {62U, 63U, 64U, 65U, 127U, 128U, 129U, 255U}) {
        const std::string name(length, 'x');
        const std::string longer = name + "x";

        EXPECT_TRUE(matches(std::string(length, '?'), name)) << length;
        EXPECT_FALSE(matches(std::string(length, '?'), longer)) << length;
        EXPECT_TRUE(matches(name + "*", longer)) << length;
        EXPECT_TRUE(matches("*" + name, longer)) << length;
        EXPECT_FALSE(matches(longer + "*", name)) << length;
    }
}

// A matcher that goes back would take longer than the universe has existed.
TEST(Pattern, ThatIsHostileCostsNoMoreThanAnother) {
    std::string stars;
    std::string wide;
    for (int i = 0; i < 500; ++i) {
        stars += "*a";
        wide += "**a*?";
    }
    const std::string path(4'000, 'a');

    EXPECT_FALSE(matches(stars + "*b", path));
    EXPECT_FALSE(matches(wide + "**b", path));
    EXPECT_TRUE(matches(stars + "*", path));
    EXPECT_TRUE(matches(wide + "**", path));
}

}  // namespace
}  // namespace godwit::filter
