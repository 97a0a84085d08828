// SyncProgress: what the master knows of a request, for operators.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "godwit/sdk/state_store.h"
#include "godwit/sdk/types.h"
#include "model/sync_request.h"

namespace godwit::model {

// Stages of a request's units (sdk::Unit::stage): planning and copying share the first.
inline constexpr std::uint32_t kCopyStage = 0;
// Hard links, to what was copied.
inline constexpr std::uint32_t kLinkStage = 1;
// Whether anything may be deleted, when every copy has ended. Planning adds one Listing of this
// stage, once; no worker gets it: the master ends it with its verdict.
inline constexpr std::uint32_t kDeleteStage = 100'000;
inline constexpr std::uint32_t kDepthMax = 400'000;
// The deletes, the deepest directories first: kRemovalStage - depth.
inline constexpr std::uint32_t kRemovalStage = 550'000;
// Directory attributes come last, again from the deepest on: kDirectoryStage - depth.
inline constexpr std::uint32_t kDirectoryStage = 1'000'000;
static_assert(kDeleteStage < kRemovalStage - kDepthMax);
static_assert(kRemovalStage < kDirectoryStage - kDepthMax);

// "planning", "copying", "deleting", "finalizing"; empty unless the request is in PROGRESS or was
// paused in it.
std::string_view phase_of(const sdk::Request& request, const RequestOptions& options = {}) noexcept;

// Whether all that is to be copied is known for sure. Never so of a request that failed or was
// cancelled: what it had left to do is gone; nor of one that gave a step up, which may have been a
// listing.
bool listing_complete(const sdk::Request& request, const RequestOptions& options = {}) noexcept;

// Of the bytes that are planned, how many are at the destination and acknowledged; rounded down.
// Nothing until the listing is complete.
std::optional<std::int64_t> percent_of(const sdk::Request& request,
                                       const RequestOptions& options = {}) noexcept;

// What is measured by watching, not kept in the store.
struct Pace {
    double bytes_per_second = 0;
    std::optional<std::int64_t> eta_seconds;
    std::string limited_by;  // "destination_write (71 %)"; empty: nothing was waited for.
};

// `document`: what was asked for; null when it cannot be read: then what was made of it is shown.
std::string print_progress(const sdk::Request& request, const Pace& pace,
                           const SyncRequest* document = nullptr);

// A request as lists show it.
struct Shown {
    const sdk::Request* request = nullptr;
    const SyncRequest* document = nullptr;  // As above.
    Pace pace;
};
// An array of them, as GET /sync answers.
std::string print_progress_list(std::span<const Shown> requests);

std::string print_file_error(const sdk::FileError& error);
// {"errors":[…],"next":cursor or null}
std::string print_error_page(const sdk::ErrorPage& page);
// {"files":[{path,state,…}],"next":…}: what is being copied, and what failed.
std::string print_file_page(std::span<const sdk::Lease> in_flight, const sdk::ErrorPage& failed);
// The same, an object a line.
std::string print_file_lines(std::span<const sdk::Lease> in_flight, const sdk::ErrorPage& failed);

// A worker that gets no work as a source for a while, because nothing succeeded on it.
struct Quarantined {
    sdk::WallTime until{};
    std::uint32_t times = 0;  // In a row.
    std::string reason;       // The code of its last failure.
};

// {"active":[…],"inactive":[…]}; a list that is not asked for is left out.
struct WorkerLists {
    std::optional<std::span<const sdk::Worker>> active;
    std::optional<std::span<const sdk::Worker>> inactive;
    std::map<sdk::WorkerId, Quarantined> quarantined;
};
std::string print_workers(const WorkerLists& lists);

}  // namespace godwit::model
