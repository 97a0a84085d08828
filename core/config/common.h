// Settings that master and agent share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace godwit::config {

// `{plugin: NAME, options: {…}}`; `fallback` is the name when the key is absent.
PluginChoice read_plugin(sdk::Reader& read, std::string_view key, std::string_view fallback);
PluginChoice read_plugin_value(const sdk::Value& value, const std::string& path,
                               sdk::Reader& problems);
std::vector<std::string> read_plugin_path(sdk::Reader& read);
base::LogSettings read_log(sdk::Reader& read);
// `key: TEXT`, or `key_file: PATH` whose first line it is.
base::Secret read_secret(sdk::Reader& read, std::string_view key);
base::Millis read_seconds(sdk::Reader& read, std::string_view key, base::Millis fallback,
                          std::int64_t lowest, std::int64_t highest);

// Values for print(): a map is built in code and emitted as YAML.
sdk::Value text_value(std::string_view text);
sdk::Value number_value(std::int64_t number);
sdk::Value texts_value(const std::vector<std::string>& texts);
sdk::Value plugin_value(const PluginChoice& choice);
sdk::Value log_value(const base::LogSettings& log);

}  // namespace godwit::config
