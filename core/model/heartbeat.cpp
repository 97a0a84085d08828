#include <algorithm>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/path.h"
#include "model/assignment.h"
#include "model/writer.h"

namespace godwit::model {
namespace {

using Poco::Dynamic::Var;

constexpr std::size_t kStoragePathsMax = 256;
constexpr std::size_t kEndpointsMax = 64;
constexpr std::size_t kTransportsMax = 16;
constexpr std::size_t kLeasesMax = 1024;
constexpr std::size_t kRequestsMax = 4096;
constexpr std::int64_t kHeartbeatMsMax = 86'400'000;

RequestRef read_request_ref(const Var& value, Location location, std::vector<FieldError>& errors) {
    ObjectReader read{value, std::move(location), errors};
    RequestRef ref;
    ref.id = read.text("request_id");
    ref.generation = read.hex("generation");
    return ref;
}

void write_request_refs(Writer& json, std::string_view name, std::span<const RequestRef> refs) {
    json.list(name, [&] {
        for (const RequestRef& ref : refs) {
            json.object([&] {
                json.member("request_id", ref.id);
                json.member("generation", base::to_hex(ref.generation));
            });
        }
    });
}

SendLimit read_limit(const Var& value, const Location& location, std::vector<FieldError>& errors) {
    ObjectReader read{value, location, errors};
    SendLimit limit;
    limit.request = read_request_ref(value, location, errors);
    limit.bytes_per_second =
        static_cast<std::uint64_t>(read.integer("bytes_per_second", 0, 0, INT64_MAX));
    return limit;
}

void write_limits(Writer& json, std::span<const SendLimit> limits) {
    json.list("limits", [&] {
        for (const SendLimit& limit : limits) {
            json.object([&] {
                json.member("request_id", limit.request.id);
                json.member("generation", base::to_hex(limit.request.generation));
                json.member("bytes_per_second", or_null(limit.bytes_per_second));
            });
        }
    });
}

void write_texts(Writer& json, std::string_view name, std::span<const std::string> texts) {
    json.list(name, [&] {
        for (const std::string& text : texts) json.value(text);
    });
}

Heartbeat read_heartbeat(const Var& value, Location location, std::vector<FieldError>& errors) {
    ObjectReader read{value, std::move(location), errors};
    Heartbeat heartbeat;
    sdk::Worker& worker = heartbeat.worker;
    const bool has_id = read.has("worker_id");
    worker.id = read.text("worker_id");
    if (has_id && !base::is_valid_id(worker.id)) {
        read.problem("worker_id", "expected 1 to 128 characters out of A-Z a-z 0-9 . _ : -");
    }
    worker.status = kWorkerStatuses[read.one_of("status", kWorkerStatuses)];
    worker.storage_paths = read.texts("storage_paths", true, kStoragePathsMax);
    for (std::string& path : worker.storage_paths) {
        auto normalised = base::normalise_path(path);
        if (normalised) {
            path = std::move(*normalised);
        } else {
            read.problem("storage_paths", normalised.error().message);
        }
    }
    read.items("data_plane_endpoints", kEndpointsMax, [&](const Var& item, Location at) {
        ObjectReader endpoint{item, std::move(at), errors};
        worker.endpoints.push_back({endpoint.text("iface", ""), endpoint.text("address")});
    });
    worker.peer_address = read.text("control_plane_address", "");
    worker.incarnation = read.text("incarnation", "");
    worker.transports = read.texts("transports", false, kTransportsMax);
    worker.slots = static_cast<std::uint32_t>(read.integer("slots", 1, 1, 1024));
    heartbeat.leases = read.texts("leases", false, kLeasesMax);
    heartbeat.leases_complete = read.boolean("leases_complete", false);
    read.items("requests", kRequestsMax, [&](const Var& item, Location at) {
        heartbeat.requests.push_back(read_request_ref(item, std::move(at), errors));
    });
    return heartbeat;
}

HeartbeatAnswer read_answer(const Var& value, Location location, std::vector<FieldError>& errors) {
    ObjectReader read{value, std::move(location), errors};
    HeartbeatAnswer answer;
    answer.lost = read.texts("lost", false, kLeasesMax);
    answer.paused = read.texts("paused", false, kLeasesMax);
    read.items("ended", kRequestsMax, [&](const Var& item, Location at) {
        answer.ended.push_back(read_request_ref(item, std::move(at), errors));
    });
    read.items("limits", kLeasesMax, [&](const Var& item, const Location& at) {
        answer.limits.push_back(read_limit(item, at, errors));
    });
    answer.next_heartbeat_ms =
        static_cast<std::uint32_t>(read.integer("next_heartbeat_ms", 0, 0, kHeartbeatMsMax));
    return answer;
}

}  // namespace

Parsed<Heartbeat> parse_heartbeat(std::string_view body) {
    return parse_document<Heartbeat>(body, read_heartbeat);
}

std::string print_heartbeat(const Heartbeat& heartbeat) {
    const sdk::Worker& worker = heartbeat.worker;
    Writer json;
    json.object([&] {
        json.member("worker_id", worker.id);
        json.member("status", worker.status);
        write_texts(json, "storage_paths", worker.storage_paths);
        json.list("data_plane_endpoints", [&] {
            for (const sdk::Endpoint& endpoint : worker.endpoints) {
                json.object([&] {
                    if (!endpoint.iface.empty()) json.member("iface", endpoint.iface);
                    json.member("address", endpoint.address);
                });
            }
        });
        json.member("control_plane_address", worker.peer_address);
        json.member("timestamp", base::wall_now());
        json.member("incarnation", worker.incarnation);
        write_texts(json, "transports", worker.transports);
        json.member("slots", worker.slots);
        write_texts(json, "leases", heartbeat.leases);
        if (heartbeat.leases_complete) json.member("leases_complete", true);
        write_request_refs(json, "requests", heartbeat.requests);
    });
    return std::move(json).text();
}

std::string print_heartbeat_answer(const HeartbeatAnswer& answer) {
    Writer json;
    json.object([&] {
        json.member("status", "ok");
        if (!answer.lost.empty()) write_texts(json, "lost", answer.lost);
        if (!answer.paused.empty()) write_texts(json, "paused", answer.paused);
        if (!answer.ended.empty()) write_request_refs(json, "ended", answer.ended);
        if (!answer.limits.empty()) write_limits(json, answer.limits);
        if (answer.next_heartbeat_ms != 0) {
            json.member("next_heartbeat_ms", answer.next_heartbeat_ms);
        }
    });
    return std::move(json).text();
}

Parsed<HeartbeatAnswer> parse_heartbeat_answer(std::string_view body) {
    return parse_document<HeartbeatAnswer>(body, read_answer);
}

}  // namespace godwit::model
