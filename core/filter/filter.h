// Which entries of a tree take part: include and exclude rules in rsync's language.
//
// A rule is "+ PATTERN" or "- PATTERN", or in words "include PATTERN", "exclude PATTERN"; one space
// ends the sign, all behind it is the pattern, spaces included. The first rule whose pattern
// matches decides; an entry that none matches takes part. Patterns mean what rsync(1) says under
// "PATTERN MATCHING RULES", byte for byte (never as UTF-8):
//   /x      anchored at the root of the transfer     x/      directories only
//   *       any bytes but slashes                    **      any bytes
//   ?       any byte but a slash                     [a-z]   one of a class; [!a-z] [^a-z]
//   [[:alpha:]]
//   \*      the byte itself, in a pattern that has one of * ? [ (elsewhere \ is a plain byte)
//   x/y     with a slash or "**": against the whole path's tail; without: the last component
//   x/***   the directory and all that is in it
//
// Not taken from rsync's filter language: merge files (".", ":", merge, dir-merge), modifiers
// behind the sign ("-! x", "-s x", "-,x"), the underscore in the place of the space, clearing the
// list
// ("!"), and rules for one side (hide, show, protect, risk: H S P R). A class without an end or of
// an unknown name, a backslash before nothing and the pattern "/" match nothing in rsync; here they
// are mistakes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "filter/pattern.h"

namespace godwit::filter {

// Immutable, thread-safe. The cost of a question is linear in the path's length, whatever the rules
// say, and these bound it.
class Filter {
public:
    static constexpr std::size_t kRulesMax = 4'096;
    static constexpr std::size_t kRuleBytesMax = 256 << 10;  // All rules together.

    // Excludes nothing.
    Filter() = default;
    // InvalidArgument names the rule by its index, from 0, and what is wrong with it.
    static Result<Filter> parse(std::span<const std::string> rules);

    bool is_empty() const noexcept { return rules_.empty(); }

    // Whether the rules exclude this very entry. `path` is relative to the root of the transfer,
    // "a/b/c"; the root itself, "", never is. What lies beneath an excluded directory takes no part
    // whatever its own rules say: who walks must not descend, or ask the other question.
    bool excludes(std::string_view path, bool is_directory) const noexcept;
    // Whether the entry or a directory above it is excluded: for an entry that is named, not come
    // to by a walk.
    bool excludes_within(std::string_view path, bool is_directory) const noexcept;

private:
    struct Rule {
        Pattern pattern;
        bool is_include = false;
    };
    static Result<Rule> parse_rule(std::string_view text);

    std::vector<Rule> rules_;
};

}  // namespace godwit::filter
