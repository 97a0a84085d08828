// One pattern of an include or exclude rule, as rsync(1) means it ("PATTERN MATCHING RULES").
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "filter/wildcards.h"

namespace godwit::filter {

// Immutable, thread-safe.
class Pattern {
public:
    // InvalidArgument, with what is wrong as the message.
    static Result<Pattern> parse(std::string_view text);

    // `path` is relative to the root of the transfer: "a/b/c", not empty.
    bool matches(std::string_view path, bool is_directory) const noexcept;

private:
    // Which part of a path the pattern is held against.
    enum class Against : std::uint8_t {
        WholePath,
        PathBelowAnySlash,  // From the root, or from behind any slash, to the end.
        LastComponents,     // As many as the pattern has.
    };

    Pattern() = default;
    void classify(bool anchored);
    bool matches_wildcards(std::string_view path, bool is_directory) const noexcept;

    std::string text_;  // Without a leading and a trailing slash.
    std::optional<Wildcards> wildcards_;
    Against against_ = Against::WholePath;
    std::size_t components_ = 1;
    bool directories_only_ = false;
    bool begins_wide_ = false;     // "**…": the path is read as if it began with a slash.
    bool ends_with_tree_ = false;  // "…***": a directory is read as if it ended with a slash.
};

}  // namespace godwit::filter
