// SyncRequest: what an operator asks for with POST /sync.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "godwit/sdk/types.h"
#include "model/options.h"
#include "model/parsed.h"

namespace godwit::model {

struct SyncRequest {
    sdk::RequestId id;
    std::string source_path;       // Normalised.
    std::string destination_path;  // Normalised; see destination_slash.
    // The destination was written with a '/' at its end: a file source goes into it.
    bool destination_slash = false;
    std::uint32_t chunk_size_mb = 64;
    RequestOptions options;

    std::uint64_t chunk_bytes() const noexcept { return std::uint64_t{chunk_size_mb} << 20; }
    bool operator==(const SyncRequest&) const = default;
};

inline constexpr std::uint32_t kChunkSizeMbMin = 1;
inline constexpr std::uint32_t kChunkSizeMbMax = 1024;

Parsed<SyncRequest> parse_sync_request(std::string_view body);

// The whole request with all defaults written out, members in a fixed order: equal requests have
// equal texts. It is what the store keeps; parse_sync_request() reads it back.
std::string canonical(const SyncRequest& request);

}  // namespace godwit::model
