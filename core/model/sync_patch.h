// PATCH /sync/{id}: what may be changed of a request that is under way.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/parsed.h"
#include "model/sync_request.h"

namespace godwit::model {

// {"options": {"priority": 5, …}}; what is not set, or null, stays as it is.
struct SyncPatch {
    std::optional<std::int32_t> priority;
    std::optional<std::uint32_t> max_workers;
    std::optional<std::uint32_t> bandwidth_limit_mbps;
    std::optional<std::uint64_t> max_failures;

    bool operator==(const SyncPatch&) const = default;
};

// All else that a request has is a problem of type "unchangeable".
Parsed<SyncPatch> parse_sync_patch(std::string_view body);

SyncRequest apply(const SyncPatch& patch, SyncRequest request);

}  // namespace godwit::model
