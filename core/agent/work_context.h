// What an executor has in hand for one assignment.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "files/long_directories.h"
#include "files/root.h"
#include "model/assignment.h"
#include "transfer/delivery.h"
#include "work.pb.h"

namespace godwit::agent {

// Lives on the executor's stack.
struct WorkContext {
    const model::Assignment& assignment;
    const work::Work& work;
    const std::vector<std::string>& storage_paths;  // That were mounted at the start.
    transfer::Delivery& delivery;
    transfer::Waits& waits;
    files::LongDirectories& long_directories;
    std::stop_token stop;
    // Which storage paths are mounted by now; empty: the same.
    std::function<std::vector<std::string>()> look_again{};
};

// The outcome of an assignment that failed as a whole.
model::AssignmentResult failed(const model::Assignment& assignment,
                               const transfer::Trouble& trouble);
// The same, with no hope for the request.
model::AssignmentResult hopeless(const model::Assignment& assignment,
                                 const transfer::Trouble& trouble);
model::AssignmentResult succeeded(const model::Assignment& assignment, sdk::Effects effects);

// Whether somebody worked on it before, and may have done some of it of which nobody heard.
bool was_begun(const WorkContext& context) noexcept;
// Neither a stop nor a full disk counts as an attempt.
bool is_no_attempt(const transfer::Trouble& trouble) noexcept;
// An error of the file itself, met by another worker before: it will not get better.
bool has_failed_elsewhere(const model::Assignment& assignment,
                          const transfer::Trouble& trouble) noexcept;
// Whether what met this trouble may get better, and has an attempt left.
bool is_worth_another_attempt(const model::Assignment& assignment,
                              const transfer::Trouble& trouble) noexcept;

// An error record of one file.
sdk::FileError file_error(const std::string& path, const transfer::Trouble& trouble);

// "a/b" and "c" are "a/b/c"; "" and "c" are "c".
std::string path_of(const std::string& directory, const std::string& name);

// The source's tree that the work's relative paths hang below. ENODEV in `native`: its storage path
// is not mounted; looked at when it is open, since an empty mount point opens like an empty source.
Result<files::Tree> open_source(const WorkContext& context, work::Roots roots);
// Whether a directory of the source, known to have been there, is there no more.
bool is_gone_from_source(const WorkContext& context, const std::string& directory);
// Tells the operator, once, what could not be kept of files that were copied all the same.
std::string warning_of(const peer::Losses& losses);
// What the destination needs to know to open its side.
peer::Open open_message(const model::Assignment& assignment, work::Roots roots);

}  // namespace godwit::agent
