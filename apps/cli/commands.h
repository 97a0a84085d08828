// What the commands do. Each prints its answer and returns the exit code (cli/outcome.h).
#pragma once

#include "cli/command_line.h"

namespace godwit::cli {

int run_command(const CommandLine& line);

int plugins(const CommandLine& line);

}  // namespace godwit::cli
