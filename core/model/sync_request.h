// SyncRequest: what an operator asks for with POST /sync.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "godwit/sdk/types.h"
#include "model/parsed.h"

namespace godwit::model {

class Writer;

enum class Durability : std::uint8_t { None, File, FileAndDirectory };
enum class Verify : std::uint8_t { Transfer, None };
enum class Symlinks : std::uint8_t { Preserve, Skip };

// `options`: shared/semantics.md says what each means. Defaults are the safe ones.
struct RequestOptions {
    Durability durability = Durability::None;
    Verify verify = Verify::Transfer;
    Symlinks symlinks = Symlinks::Preserve;
    std::int32_t priority = 0;             // Higher goes first.
    std::uint64_t max_failures = 0;        // Files that may fail before the request stops; 0: any.
    std::uint32_t mount_wait_seconds = 0;  // 0: the master's setting.

    bool operator==(const RequestOptions&) const = default;
};

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

// The members of `options`, inside an object that the caller opened, and back.
void write_options(Writer& json, const RequestOptions& options);
RequestOptions read_options(const Poco::Dynamic::Var& value, Location location,
                            std::vector<FieldError>& errors);

}  // namespace godwit::model
