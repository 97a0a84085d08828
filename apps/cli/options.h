// What the command line says.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace godwit::cli {

struct CommandLine {
    std::string command;                 // "sync", "status", …; empty with `help` or `version`.
    std::vector<std::string> arguments;  // Behind the command.
    std::string master_url;
    base::Secret token;
    bool json = false;
    bool help = false;
    bool version = false;
    // sync
    bool wait = false;
    std::string request_id;
    std::optional<int> chunk_size_mb;
    std::optional<int> timeout_seconds;
    std::vector<std::string> options;  // "name=value"
    // plugins
    std::vector<std::string> plugin_path;
    // workers, status
    std::string state;
};

// InvalidArgument: what is wrong with it, in one line.
Result<CommandLine> parse_command_line(const std::vector<std::string>& words);

std::string help_text();

}  // namespace godwit::cli
