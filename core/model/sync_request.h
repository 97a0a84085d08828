// SyncRequest: what an operator asks for with POST /sync.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/sdk/types.h"
#include "model/options.h"
#include "model/parsed.h"

namespace godwit::model {

// Which files a request names: enough to tell two lists apart.
struct FileListDigest {
    std::uint64_t count = 0;
    std::string sha256;  // Of the packed list, as hex.

    bool operator==(const FileListDigest&) const = default;
};

struct SyncRequest {
    sdk::RequestId id;
    std::string source_path;       // Normalised.
    std::string destination_path;  // Normalised; see destination_slash.
    // The destination was written with a '/' at its end: a file source goes into it.
    bool destination_slash = false;
    std::uint32_t chunk_size_mb = 64;
    RequestOptions options;
    // Set when it names its files: then these are synced, not the whole source.
    std::optional<FileListDigest> file_list;
    // The list, for pack_file_list(). Empty in what was read back: it may be long, and the store
    // keeps it beside the document.
    std::vector<std::string> files;

    std::uint64_t chunk_bytes() const noexcept { return std::uint64_t{chunk_size_mb} << 20; }
    bool operator==(const SyncRequest&) const = default;
};

inline constexpr std::uint32_t kChunkSizeMbMin = 1;
inline constexpr std::uint32_t kChunkSizeMbMax = 1024;

// What a client sent.
Parsed<SyncRequest> parse_sync_request(std::string_view body);

// The whole request with all defaults written out, members in a fixed order: equal requests have
// equal texts. It is what the store keeps. Of a list of files it has the digest only.
std::string canonical(const SyncRequest& request);
// Reads it back, but for `files`.
Parsed<SyncRequest> parse_stored_request(std::string_view document);

}  // namespace godwit::model
