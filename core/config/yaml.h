// A YAML file (JSON is YAML, too) as a plain tree that remembers where each word stood.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "godwit/sdk/options.h"

namespace godwit::config {

inline constexpr std::size_t kFileBytesMax = 4 << 20;
inline constexpr int kDepthMax = 32;

// InvalidArgument with "file:line:column: reason" for what is no YAML, a key that stands twice, an
// alias, a second document, or a root that is no map. An empty file is an empty map.
Result<sdk::Value> load_yaml(const std::string& path);
Result<sdk::Value> parse_yaml(std::string_view text, const std::string& file);

// The tree as YAML text. Passwords inside of URLs are replaced by ***.
std::string print_yaml(const sdk::Value& value);

}  // namespace godwit::config
