// SyncProgress: what the master knows of a request, for operators.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "godwit/sdk/state_store.h"
#include "godwit/sdk/types.h"

namespace godwit::model {

// Stages of a request's units (sdk::Unit::stage): planning and copying share the first.
inline constexpr std::uint32_t kCopyStage = 0;
// Directory attributes come last, the deepest directories first: kDirectoryStage - depth.
inline constexpr std::uint32_t kDirectoryStage = 1'000'000;
inline constexpr std::uint32_t kDepthMax = 400'000;

// "planning", "copying", "finalizing"; empty unless the request is in PROGRESS or was paused in it.
std::string_view phase_of(const sdk::Request& request) noexcept;

bool listing_complete(const sdk::Request& request) noexcept;

// What is measured by watching, not kept in the store.
struct Pace {
    double bytes_per_second = 0;
    std::optional<std::int64_t> eta_seconds;
    std::string limited_by;  // Empty: unknown.
};

std::string print_progress(const sdk::Request& request, const Pace& pace);
// An array of them, as GET /sync answers.
std::string print_progress_list(std::span<const sdk::Request> requests,
                                std::span<const Pace> paces);

std::string print_file_error(const sdk::FileError& error);
// {"errors":[…],"next":cursor or null}
std::string print_error_page(const sdk::ErrorPage& page);
// {"files":[{path,state,…}],"next":…}: what is being copied, and what failed.
std::string print_file_page(std::span<const sdk::Lease> in_flight, const sdk::ErrorPage& failed);
// The same, an object a line.
std::string print_file_lines(std::span<const sdk::Lease> in_flight, const sdk::ErrorPage& failed);

// {"active":[…],"inactive":[…]}; a list that is not asked for is left out.
struct WorkerLists {
    std::optional<std::span<const sdk::Worker>> active;
    std::optional<std::span<const sdk::Worker>> inactive;
};
std::string print_workers(const WorkerLists& lists);

}  // namespace godwit::model
