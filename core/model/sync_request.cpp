#include "model/sync_request.h"

#include "base/bytes.h"
#include "base/ids.h"
#include "base/path.h"
#include "model/writer.h"

namespace godwit::model {
namespace {

using Poco::Dynamic::Var;

// `name`_b64, whose bytes decide, or else `name` as text; normalised. Empty after a problem.
std::string read_path(ObjectReader& read, const std::string& name, bool& slash) {
    constexpr std::size_t kPathBytesMax = 64 << 10;
    const std::optional<std::string> bytes = read.bytes(name + "_b64", kPathBytesMax);
    const bool absent = !bytes && !read.has(name);
    const std::string text = bytes ? read.text(name, "") : read.text(name);
    if (absent) return {};

    const std::string& raw = bytes ? *bytes : text;
    const auto normalised = base::normalise_path(raw);
    if (!normalised) {
        read.problem(name, normalised.error().message);
        return {};
    }
    slash = raw.ends_with('/');
    return *normalised;
}

SyncRequest read_request(const Var& value, Location location, std::vector<FieldError>& errors) {
    SyncRequest request;
    ObjectReader read{value, std::move(location), errors};
    const bool has_id = read.has("request_id");
    request.id = read.text("request_id");
    if (has_id && !base::is_valid_id(request.id)) {
        read.problem("request_id",
                     "expected 1 to 128 characters out of A-Z a-z 0-9 . _ : -, got '" +
                         base::printable(request.id, 160) + "'");
    }
    bool source_slash = false;
    request.source_path = read_path(read, "source_path", source_slash);
    request.destination_path = read_path(read, "destination_path", request.destination_slash);
    if (!request.source_path.empty() && !request.destination_path.empty() &&
        base::paths_overlap(request.source_path, request.destination_path)) {
        read.problem("destination_path", "overlap: '" + base::printable(request.destination_path) +
                                             "' and the source '" +
                                             base::printable(request.source_path) +
                                             "' lie one in the other");
    }
    request.chunk_size_mb = static_cast<std::uint32_t>(
        read.integer("chunk_size_mb", 64, kChunkSizeMbMin, kChunkSizeMbMax));
    read.child("options", [&](const Var& options, Location at) {
        request.options = read_options(options, std::move(at), errors);
    });
    read.refuse_unknown();
    return request;
}

}  // namespace

Parsed<SyncRequest> parse_sync_request(std::string_view body) {
    return parse_document<SyncRequest>(body, read_request);
}

std::string canonical(const SyncRequest& request) {
    Writer json;
    json.object([&] {
        json.member("request_id", request.id);
        json.path("source_path", request.source_path);
        const bool slash = request.destination_slash && request.destination_path != "/";
        json.path("destination_path", request.destination_path + (slash ? "/" : ""));
        json.member("chunk_size_mb", request.chunk_size_mb);
        json.member("options", [&] { write_options(json, request.options); });
    });
    return std::move(json).text();
}

}  // namespace godwit::model
