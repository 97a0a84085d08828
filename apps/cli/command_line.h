// What the command line says.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace godwit::cli {

// The value of a request's option, as JSON will have it.
using Value = std::variant<bool, std::int64_t, std::string>;

// "true" and "false" are truth values, whole numbers are numbers, all else is text. Pure.
Value value_of(std::string_view text);

struct CommandLine {
    std::string command;                 // "sync", "status", …; empty with `help` or `version`.
    std::vector<std::string> arguments;  // Behind the command.
    std::string master_url;
    base::Secret token;
    bool json = false;
    bool help = false;
    bool version = false;
    // sync, retry
    bool wait = false;
    std::optional<int> timeout_seconds;
    // sync
    std::string request_id;
    std::optional<int> chunk_size_mb;
    std::map<std::string, Value> options;  // Of the request, by the names of its JSON.
    std::vector<std::string> filters;      // "+ PATTERN" or "- PATTERN", in the order given.
    std::string files_from;                // A file, "-" for standard input; empty: no list.
    bool from0 = false;
    // plugins
    std::vector<std::string> plugin_path;
    // status
    std::string state;

    bool is_dry_run() const;
};

// Behind the program's name. InvalidArgument: what is wrong with it, in one line.
Result<CommandLine> parse_command_line(const std::vector<std::string>& words);

// "NAME=VALUE", where VALUE may be missing: true. InvalidArgument: no name, or `line` has another
// value for it already.
Status set_option(CommandLine& line, std::string_view name_and_value);

std::string help_text();

}  // namespace godwit::cli
