// The part of a request line between method and version: path and query, percent-encoded. All pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace godwit::http {

inline constexpr std::size_t kQueryPairsMax = 64;

// Nothing for a % without two hex digits behind it, and for %00, which no path or value may have.
// With `plus_is_blank`, as in queries, + is a blank.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank = false);

// "/a/b%2Fc/" is {"a", "b/c"}: one slash at the end does not count, an encoded one separates
// nothing, and two in a row have an empty segment between them. Nothing as above, and for what does
// not begin with a slash.
std::optional<std::vector<std::string>> split_path(std::string_view path);

// "a=1&b" is {{"a", "1"}, {"b", ""}}. Nothing as above, and for more than kQueryPairsMax.
std::optional<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query);

}  // namespace godwit::http
