#include "config/common.h"

#include <array>
#include <fstream>

namespace godwit::config {

using sdk::Reader;
using sdk::Value;

PluginChoice read_plugin_value(const Value& value, const std::string& path, Reader& problems) {
    PluginChoice choice;
    choice.at = value.at;
    Reader read{value, path};
    choice.plugin = read.text("plugin");
    choice.options.path = read.path_of("options");
    choice.options.values.at = value.at;
    if (const Value* options = read.child("options")) {
        if (options->kind == Value::Kind::Map) {
            choice.options.values = *options;
        } else if (options->kind != Value::Kind::Null) {
            read.problem(options->at, choice.options.path, "expected a map of options");
        }
    }
    problems.absorb(read.finish());
    return choice;
}

PluginChoice read_plugin(Reader& read, std::string_view key, std::string_view fallback) {
    if (const Value* value = read.child(key)) {
        return read_plugin_value(*value, read.path_of(key), read);
    }
    PluginChoice choice;
    choice.plugin = fallback;
    choice.options.path = read.path_of(key) + ".options";
    return choice;
}

std::vector<std::string> read_plugin_path(Reader& read) {
    std::vector<std::string> folders = read.texts("plugin_path");
    for (const std::string& folder : folders) {
        if (!folder.starts_with('/')) {
            read.problem({}, "plugin_path", "'" + folder + "' must be an absolute directory");
        }
    }
    return folders;
}

base::LogSettings read_log(Reader& read) {
    base::LogSettings log;
    const Value* value = read.child("log");
    if (value == nullptr) return log;
    constexpr std::array<std::string_view, 5> kLevels{"info", "debug", "warning", "warn", "error"};
    constexpr std::array<std::string_view, 2> kFormats{"text", "json"};
    Reader nested{*value, read.path_of("log")};
    log.level = *base::parse_log_level(nested.one_of("level", kLevels));
    log.json = nested.one_of("format", kFormats) == "json";
    log.file = nested.text("file", "");
    if (!log.file.empty() && !log.file.starts_with('/')) {
        nested.problem(value->at, nested.path_of("file"), "must be an absolute path");
    }
    read.absorb(nested.finish());
    return log;
}

base::Secret read_secret(Reader& read, std::string_view key) {
    const std::string file_key = std::string{key} + "_file";
    std::string text = read.text(key, "");
    const std::string path = read.text(file_key, "");
    if (path.empty()) return base::Secret{std::move(text)};
    const Value* value = read.child(file_key);
    if (!text.empty()) {
        read.problem(value->at, read.path_of(file_key),
                     "give either " + std::string{key} + " or " + file_key);
    }
    std::ifstream in{path};
    std::string line;
    if (!std::getline(in, line) || line.empty()) {
        read.problem(value->at, read.path_of(file_key),
                     "cannot read a secret from the first line of '" + path + "'");
    }
    return base::Secret{std::move(line)};
}

base::Millis read_seconds(Reader& read, std::string_view key, base::Millis fallback,
                          std::int64_t lowest, std::int64_t highest) {
    return base::Millis{1000 * read.integer(key, fallback.count() / 1000, lowest, highest)};
}

Value text_value(std::string_view text) {
    return Value::scalar(std::string{text});
}

Value number_value(std::int64_t number) {
    return Value::scalar(std::to_string(number));
}

Value texts_value(const std::vector<std::string>& texts) {
    Value list;
    list.kind = Value::Kind::List;
    for (const std::string& text : texts) list.items.push_back(text_value(text));
    return list;
}

Value plugin_value(const PluginChoice& choice) {
    return Value::map({{"plugin", text_value(choice.plugin)}, {"options", choice.options.values}});
}

Value log_value(const base::LogSettings& log) {
    return Value::map({{"level", text_value(base::to_string(log.level))},
                       {"format", text_value(log.json ? "json" : "text")},
                       {"file", text_value(log.file)}});
}

}  // namespace godwit::config
