#include "model/sync_request.h"

#include "base/bytes.h"
#include "base/ids.h"
#include "base/path.h"
#include "base/sha256.h"
#include "model/file_list.h"
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

// "a/b", or {"path_b64": …} where the path is not UTF-8. Nothing after a problem.
std::optional<std::string> read_entry(const Var& item, const Location& at,
                                      const std::string& source_path,
                                      std::vector<FieldError>& errors) {
    std::string bytes;
    if (!item.isEmpty() && item.type() == typeid(std::string)) {
        bytes = item.extract<std::string>();
    } else if (!item.isEmpty() && item.type() == typeid(Poco::JSON::Object::Ptr)) {
        const std::size_t errors_before = errors.size();
        ObjectReader read{item, at, errors};
        if (!read.has("path_b64")) read.problem("path_b64", "field required", "missing");
        bytes = read.bytes("path_b64", kListedPathBytesMax).value_or("");
        read.refuse_unknown();
        if (errors.size() != errors_before) return {};
    } else {
        errors.push_back({at, "expected a path, got " + describe(item), "type_error"});
        return {};
    }
    auto path = listed_path(bytes, source_path);
    if (path) return std::move(*path);
    errors.push_back(
        {at, "'" + base::printable(bytes, 160) + "' " + path.error().message, "value_error"});
    return {};
}

static_assert(kListedPathsMax + 1'000 <= kJsonValuesMax, "a document has to hold the longest list");

void read_file_list(ObjectReader& read, std::vector<FieldError>& errors, SyncRequest& request) {
    const std::size_t errors_before = errors.size();
    read.items("file_list", kListedPathsMax, [&](const Var& item, const Location& at) {
        if (errors.size() >= kFieldErrorsMax) return;
        if (auto path = read_entry(item, at, request.source_path, errors)) {
            request.files.push_back(std::move(*path));
        }
    });
    if (!read.has("file_list") || errors.size() != errors_before) return;
    if (request.files.empty()) {
        read.problem("file_list", "is empty: leave it out to sync all of the source");
        return;
    }
    sort_file_list(request.files);
    request.file_list = {request.files.size(), base::sha256_hex(pack_file_list(request.files))};
}

void read_file_list_digest(ObjectReader& read, std::vector<FieldError>& errors,
                           SyncRequest& request) {
    read.child("file_list", [&](const Var& value, Location at) {
        ObjectReader digest{value, std::move(at), errors};
        FileListDigest& list = request.file_list.emplace();
        list.count = static_cast<std::uint64_t>(
            digest.integer("count", {}, 1, static_cast<std::int64_t>(kListedPathsMax)));
        list.sha256 = digest.text("sha256");
        digest.refuse_unknown();
    });
}

void read_paths(ObjectReader& read, SyncRequest& request) {
    bool source_slash = false;
    request.source_path = read_path(read, "source_path", source_slash);
    request.destination_path = read_path(read, "destination_path", request.destination_slash);
    if (!request.source_path.empty() && !request.destination_path.empty() &&
        base::paths_overlap(request.source_path, request.destination_path)) {
        read.problem("destination_path",
                     "'" + base::printable(request.destination_path) + "' and the source '" +
                         base::printable(request.source_path) + "' lie one in the other",
                     "overlap");
    }
}

// Of a file that was written where it stands: it has its size from the beginning, and a time of
// modification that is none of its source's.
bool takes_half_for_whole(Compare compare) {
    return compare == Compare::Size || compare == Compare::Newer || compare == Compare::Exists;
}

void read_request_options(ObjectReader& read, std::vector<FieldError>& errors,
                          SyncRequest& request) {
    read.child("options", [&](const Var& value, const Location& at) {
        request.options = read_options(value, at, errors);
        const auto refuse = [&](const char* option, const char* why) {
            Location place = at;
            place.emplace_back(option);
            errors.push_back({std::move(place), why, "value_error"});
        };
        if (request.options.inplace && request.options.hardlinks) {
            refuse("inplace",
                   "a request with hardlinks cannot write in place: what is written into may have "
                   "names that are to become other files");
        }
        if (request.options.inplace && takes_half_for_whole(request.options.compare)) {
            refuse("inplace",
                   "a request cannot write in place and compare by size, newer or exists: what was "
                   "half written when it was interrupted would count as the same");
        }
        if (request.options.delete_surplus != Delete::None && read.has("file_list")) {
            refuse("delete",
                   "a request with a file_list cannot delete: what the list does not name would "
                   "be surplus");
        }
    });
}

using ReadFileList = void (*)(ObjectReader&, std::vector<FieldError>&, SyncRequest&);

SyncRequest read_request(const Var& value, Location location, std::vector<FieldError>& errors,
                         ReadFileList read_list) {
    SyncRequest request;
    ObjectReader read{value, std::move(location), errors};
    const bool has_id = read.has("request_id");
    request.id = read.text("request_id");
    if (has_id && !base::is_valid_id(request.id)) {
        read.problem("request_id",
                     "expected 1 to 128 characters out of A-Z a-z 0-9 . _ : -, got '" +
                         base::printable(request.id, 160) + "'");
    }
    read_paths(read, request);
    request.chunk_size_mb = static_cast<std::uint32_t>(
        read.integer("chunk_size_mb", 64, kChunkSizeMbMin, kChunkSizeMbMax));
    read_request_options(read, errors, request);
    read_list(read, errors, request);
    read.refuse_unknown();
    return request;
}

Parsed<SyncRequest> parse_request(std::string_view text, ReadFileList read_list) {
    return parse_document<SyncRequest>(
        text, [&](const Var& value, Location location, std::vector<FieldError>& errors) {
            return read_request(value, std::move(location), errors, read_list);
        });
}

void write_file_list(Writer& json, const std::optional<FileListDigest>& list) {
    if (!list) return json.member("file_list", std::optional<bool>{});
    json.member("file_list", [&] {
        json.member("count", list->count);
        json.member("sha256", list->sha256);
    });
}

}  // namespace

Parsed<SyncRequest> parse_sync_request(std::string_view body) {
    return parse_request(body, read_file_list);
}

Parsed<SyncRequest> parse_stored_request(std::string_view document) {
    return parse_request(document, read_file_list_digest);
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
        write_file_list(json, request.file_list);
    });
    return std::move(json).text();
}

}  // namespace godwit::model
