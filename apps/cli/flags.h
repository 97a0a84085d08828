// The commands and options of the command line: tables, from which it is parsed and the help is
// printed. Immutable; thread-safe.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command_line.h"

namespace godwit::cli {

struct Command {
    std::string_view name;
    std::string_view arguments;  // As the help has them: "SRC DST".
    std::size_t arguments_min;
    std::size_t arguments_max;
    std::string_view help;
};
std::span<const Command> commands();

struct Flag {
    std::string_view section;     // Its heading in the help.
    std::string_view commands;    // That take it, with spaces between; empty: all.
    std::string_view name;        // "--hard-links"
    std::string_view alias;       // "-H", or empty.
    std::string_view value_name;  // "N"; empty: it takes no value.
    std::string_view help;
    // InvalidArgument: what is wrong with the value.
    std::function<Status(CommandLine&, const std::string& value)> set;
};
// In the order of the help.
std::span<const Flag> flags();
// By name or alias; null when there is none.
const Flag* find_flag(std::string_view name);
std::vector<std::string_view> flag_names();
bool is_for(const Flag& flag, std::string_view command) noexcept;

}  // namespace godwit::cli
