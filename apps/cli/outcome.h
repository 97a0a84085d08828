// How a request went: exit codes, and what a dry run found.
#pragma once

#include <string>

#include "cli/master_call.h"

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
inline constexpr int kMaxDelete = 25;
inline constexpr int kTimedOut = 30;

bool is_over(const std::string& state);

// Of the progress of a request that is over.
int exit_code_of(const Object& progress);

// "would copy 12 files (1.2 GiB), delete 3 entries; 4 files are the same; 1 cannot be copied"
std::string dry_run_summary(const Object& progress);

// A table of errors of single files, as GET /sync/{id}/errors has them; empty without any.
std::string error_table(const std::vector<Object>& errors);

}  // namespace godwit::cli
