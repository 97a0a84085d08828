// Waiting for the end of a request, with its progress on the screen.
#pragma once

#include "cli/master_call.h"

namespace godwit::cli {

// Returns the exit code: how the request ended, or why it is waited for no longer.
int watch(const CommandLine& line, MasterCall& master, const std::string& id);

}  // namespace godwit::cli
