// The documents that the command line sends: bodies of POST /sync and PATCH /sync/{id}.
#pragma once

#include <istream>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/command_line.h"

namespace godwit::cli {

// Names out of a list, without empty ones. `end` is '\n' (then a '\r' before it is not part of a
// name) or '\0'. InvalidArgument: a NUL in a line. Nothing else is special: a '#' begins a name.
Result<std::vector<std::string>> read_names(std::istream& input, char end);

// What --files-from names. InvalidArgument: it cannot be read.
Result<std::vector<std::string>> read_files_from(const std::string& file, bool from0);

// `files`: nothing where all of the source is meant. InvalidArgument: it would be larger than a
// master takes.
Result<std::string> sync_body(const CommandLine& line, const std::string& id,
                              const std::optional<std::vector<std::string>>& files);

// Of "NAME=VALUE" each. InvalidArgument: one is not.
Result<std::string> patch_body(std::span<const std::string> settings);

}  // namespace godwit::cli
