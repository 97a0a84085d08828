// What the commands do. Each returns the exit code.
#pragma once

#include "cli/options.h"

namespace godwit::cli {

// rsync's where rsync has one.
inline constexpr int kDone = 0;
inline constexpr int kUsage = 1;
inline constexpr int kBadPath = 3;
inline constexpr int kRefused = 4;
inline constexpr int kUnreachable = 5;
inline constexpr int kFailed = 11;
inline constexpr int kCancelled = 20;
inline constexpr int kFilesFailed = 23;
inline constexpr int kFilesVanished = 24;
inline constexpr int kTimedOut = 30;

int run_command(const CommandLine& line);

}  // namespace godwit::cli
