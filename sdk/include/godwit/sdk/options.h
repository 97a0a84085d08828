// Options: what a site wrote in YAML under `options:`, as a plain value that remembers where each
// word stood, and a reader that gets typed settings out of it with errors a person can act on.
//
//     constexpr OptionSpec kOptions[] = {
//         {"url", OptionType::Text, "redis://localhost:6379/0", "where the Redis server listens"},
//         {"connections", OptionType::Integer, "8", "size of the connection pool"},
//     };
//     OptionReader read{options, kOptions};
//     settings.url = read.text("url");
//     settings.connections = read.integer("connections", 1, 256);
//     if (auto status = read.finish(); !status) return std::move(status).error();
//
// Errors look like: master.yml:7:20: store.options.connections: expected an integer in 1..256, got
// 'many'
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "godwit/sdk/nearest.h"
#include "godwit/sdk/result.h"

namespace godwit::sdk {

struct Position {
    std::shared_ptr<const std::string> file;  // Null when the value was made in code.
    int line = 0;                             // From 1.
    int column = 0;                           // From 1.
};

inline std::string to_string(const Position& at) {
    if (!at.file) return "(built in)";
    return *at.file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

// A tree of scalars, lists and maps. Scalars stay text, so that nothing guesses types before the
// reader that knows them: `yes`, `012` and `1e3` mean what the option's type says.
// A value type; thread-compatible.
struct Value {
    enum class Kind : std::uint8_t { Null, Scalar, List, Map };

    Kind kind = Kind::Null;
    std::string text;                                    // Scalar
    std::vector<Value> items;                            // List
    std::vector<std::pair<std::string, Value>> members;  // Map, in file order, keys unique
    Position at;

    static Value scalar(std::string text) {
        Value value;
        value.kind = Kind::Scalar;
        value.text = std::move(text);
        return value;
    }
    static Value map(std::vector<std::pair<std::string, Value>> members = {}) {
        Value value;
        value.kind = Kind::Map;
        value.members = std::move(members);
        return value;
    }

    const Value* find(std::string_view key) const noexcept {
        for (const auto& [name, member] : members) {
            if (name == key) return &member;
        }
        return nullptr;
    }
};

// The sub-tree a plugin gets. `path` is where it hangs in the file, e.g. "store.options".
struct Options {
    Value values = Value::map();
    std::string path = "options";
};

enum class OptionType : std::uint8_t { Text, Integer, Boolean, TextList };

constexpr std::string_view to_string(OptionType type) noexcept {
    switch (type) {
    case OptionType::Text: return "text";
    case OptionType::Integer: return "integer";
    case OptionType::Boolean: return "boolean";
    case OptionType::TextList: return "list of text";
    }
    return "corrupt";
}

// One row of a plugin's option table; `godwit plugins` prints it. Static storage throughout.
struct OptionSpec {
    const char* name;
    OptionType type;
    const char* fallback;  // The default, as it would be written in YAML.
    const char* help;
};

// Reads a map's typed members and remembers every problem; finish() tells them all, and names the
// keys that nobody asked for. Thread-compatible.
class Reader {
public:
    // `map` must outlive the reader. `path` names it in errors; the root has an empty one.
    Reader(const Value& map, std::string path) : map_{map}, path_{std::move(path)} {
        if (map.kind != Value::Kind::Map && map.kind != Value::Kind::Null) {
            problem(map.at, path_, "expected a map of settings");
        }
    }

    // Every getter: no `fallback` means that the key is required. On a problem the fallback (or
    // zero) comes back, so that reading goes on and finish() can tell everything at once.
    std::string text(std::string_view key, std::optional<std::string_view> fallback = {}) {
        const Value* value = member(key, fallback.has_value(), "text");
        if (value == nullptr) return std::string{fallback.value_or("")};
        if (value->kind == Value::Kind::Scalar) return value->text;
        expected("text", key, *value);
        return std::string{fallback.value_or("")};
    }

    std::int64_t integer(std::string_view key, std::optional<std::int64_t> fallback,
                         std::int64_t lowest, std::int64_t highest) {
        const std::string range = std::to_string(lowest) + ".." + std::to_string(highest);
        const Value* value = member(key, fallback.has_value(), "an integer in " + range);
        if (value == nullptr) return fallback.value_or(0);
        const std::optional<std::int64_t> number = parse_integer(*value);
        if (number && lowest <= *number && *number <= highest) return *number;
        expected("an integer in " + range, key, *value);
        return fallback.value_or(0);
    }

    bool boolean(std::string_view key, std::optional<bool> fallback = {}) {
        const Value* value = member(key, fallback.has_value(), "true or false");
        if (value == nullptr) return fallback.value_or(false);
        if (value->kind == Value::Kind::Scalar && value->text == "true") return true;
        if (value->kind == Value::Kind::Scalar && value->text == "false") return false;
        expected("true or false", key, *value);
        return fallback.value_or(false);
    }

    // A word out of a closed list. The first one is the default.
    std::string one_of(std::string_view key, std::span<const std::string_view> words) {
        const Value* value = member(key, true, "");
        if (value == nullptr) return std::string{words.front()};
        const bool known = value->kind == Value::Kind::Scalar &&
                           std::find(words.begin(), words.end(), value->text) != words.end();
        if (known) return value->text;
        std::string list = "one of";
        for (const std::string_view word : words) list += " '" + std::string{word} + "'";
        expected(list, key, *value);
        return std::string{words.front()};
    }

    std::vector<std::string> texts(std::string_view key, bool required = false) {
        std::vector<std::string> list;
        const Value* value = member(key, !required, "a list of text");
        if (value == nullptr || value->kind == Value::Kind::Null) return list;
        if (value->kind != Value::Kind::List) {
            expected("a list of text", key, *value);
            return list;
        }
        for (const Value& item : value->items) {
            if (item.kind == Value::Kind::Scalar) {
                list.push_back(item.text);
            } else {
                expected("text in every item", key, item);
            }
        }
        return list;
    }

    // A nested map, list or anything that the caller reads itself; null when it is not there.
    const Value* child(std::string_view key) { return member(key, true, ""); }

    std::string path_of(std::string_view key) const {
        return path_.empty() ? std::string{key} : path_ + "." + std::string{key};
    }

    // Notes a problem that the caller found, e.g. two settings that exclude each other.
    void problem(const Position& at, const std::string& path, const std::string& text) {
        problems_.push_back(to_string(at) + ": " + (path.empty() ? "" : path + ": ") + text);
    }

    // Takes over what a nested reader found.
    void absorb(Status nested) {
        if (!nested) problems_.push_back(std::move(nested).error().message);
    }

    // Ok, or InvalidArgument with every problem in the order in which it was met, "; " between.
    Status finish() {
        const std::vector<std::string_view> known{known_.begin(), known_.end()};
        for (const auto& [key, value] : map_.members) {
            if (std::find(known.begin(), known.end(), key) != known.end()) continue;
            problem(value.at, path_, unknown_name("key", key, known));
        }
        if (problems_.empty()) return {};
        std::string all = problems_.front();
        for (std::size_t i = 1; i < problems_.size(); ++i) all += "; " + problems_[i];
        return Error{Code::InvalidArgument, std::move(all)};
    }

private:
    const Value* member(std::string_view key, bool optional, const std::string& wanted) {
        known_.emplace_back(key);
        const Value* value = map_.find(key);
        if (value == nullptr && !optional) {
            problem(map_.at, path_of(key), "expected " + wanted + ", got nothing");
        }
        return value;
    }

    void expected(const std::string& wanted, std::string_view key, const Value& value) {
        problem(value.at, path_of(key), "expected " + wanted + ", got " + describe(value));
    }

    static std::string describe(const Value& value) {
        switch (value.kind) {
        case Value::Kind::Null: return "nothing";
        case Value::Kind::Scalar: return "'" + value.text + "'";
        case Value::Kind::List: return "a list";
        case Value::Kind::Map: return "a map";
        }
        return "nothing";
    }

    static std::optional<std::int64_t> parse_integer(const Value& value) {
        if (value.kind != Value::Kind::Scalar) return std::nullopt;
        std::int64_t number = 0;
        const char* end = value.text.data() + value.text.size();
        const auto [stop, error] = std::from_chars(value.text.data(), end, number);
        if (error != std::errc{} || stop != end) return std::nullopt;
        return number;
    }

    const Value& map_;
    std::string path_;
    std::vector<std::string> known_;
    std::vector<std::string> problems_;
};

// A Reader whose defaults come from the plugin's option table, so that each is said once.
class OptionReader {
public:
    OptionReader(const Options& options, std::span<const OptionSpec> table)
        : reader_{options.values, options.path}, table_{table} {}

    std::string text(std::string_view name) { return reader_.text(name, spec(name).fallback); }

    std::int64_t integer(std::string_view name, std::int64_t lowest, std::int64_t highest) {
        const std::string_view fallback = spec(name).fallback;
        std::int64_t number = 0;
        std::from_chars(fallback.data(), fallback.data() + fallback.size(), number);
        return reader_.integer(name, number, lowest, highest);
    }

    bool boolean(std::string_view name) {
        return reader_.boolean(name, std::string_view{spec(name).fallback} == "true");
    }

    std::vector<std::string> texts(std::string_view name) { return reader_.texts(name); }

    // Notes a problem with an option's value that its type does not show.
    void reject(std::string_view name, const std::string& why, const Options& options) {
        const Value* value = options.values.find(name);
        reader_.problem(value != nullptr ? value->at : options.values.at, reader_.path_of(name),
                        why);
    }

    Status finish() { return reader_.finish(); }

private:
    const OptionSpec& spec(std::string_view name) const {
        for (const OptionSpec& row : table_) {
            if (row.name == name) return row;
        }
        assert(!"an option that is read stands in the plugin's option table");
        return table_.front();
    }

    Reader reader_;
    std::span<const OptionSpec> table_;
};

}  // namespace godwit::sdk
