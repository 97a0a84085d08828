#include "model/assignment.h"

#include <charconv>

#include "base/bytes.h"
#include "base/ids.h"
#include "model/unit_json.h"
#include "model/writer.h"

namespace godwit::model {
namespace {

using Poco::Dynamic::Var;

constexpr std::size_t kPoolMax = 65'536;
constexpr std::size_t kPathBytesMax = 64 << 10;

std::optional<std::int64_t> millis_of(const std::optional<sdk::WallTime>& time) {
    if (!time) return {};
    return time->time_since_epoch().count();
}

void write_assignment(Writer& json, const Assignment& assignment) {
    const auto ids = [&](std::string_view name, std::span<const sdk::WorkerId> pool) {
        json.list(name, [&] {
            for (const sdk::WorkerId& id : pool) json.value(id);
        });
    };
    json.object([&] {
        json.member("assignment_id", to_string(assignment.id));
        json.member("request_id", assignment.id.request);
        json.member("worker_id", assignment.worker);
        json.path("source_path", assignment.source_path);
        json.path("destination_path", assignment.destination_path);
        write_unit(json, assignment.unit);
        ids("source_worker_pool", assignment.source_pool);
        ids("destination_worker_pool", assignment.destination_pool);
        json.member("destination_worker_id", or_null(assignment.destination));
        json.member("lease_seconds", assignment.lease_seconds);
        json.member("attempt", assignment.attempt);
        json.member("attempts_max", assignment.attempts_max);
        json.member("losses", assignment.losses);
        json.member("failed_on", or_null(assignment.failed_on));
        json.member("first_failed_at_ms", millis_of(assignment.first_failed_at));
        json.member("bytes_per_second", or_null(assignment.bytes_per_second));
        json.member("generation", base::to_hex(assignment.generation));
        json.member("destination_slash", assignment.destination_slash);
        json.member("resolution", or_null(assignment.resolution));
        json.member("request_chunk_size", assignment.chunk_bytes);
        json.member("discard", assignment.discard);
        json.member("options", [&] { write_options(json, assignment.options); });
        json.member("peers", [&] {
            for (const auto& [worker, address] : assignment.peers) json.member(worker, address);
        });
        json.member("ticket", assignment.ticket);
    });
}

std::string read_bytes_path(ObjectReader& read, const std::string& name) {
    std::string text = read.text(name);
    if (auto bytes = read.bytes(name + "_b64", kPathBytesMax)) text = std::move(*bytes);
    return text;
}

Assignment read_assignment(const Var& value, Location location, std::vector<FieldError>& errors) {
    ObjectReader read{value, std::move(location), errors};
    Assignment assignment;
    const std::string id = read.text("assignment_id");
    if (const auto parsed = parse_assignment_id(id)) {
        assignment.id = *parsed;
    } else {
        read.problem("assignment_id", "not an assignment id");
    }
    assignment.worker = read.text("worker_id");
    assignment.source_path = read_bytes_path(read, "source_path");
    assignment.destination_path = read_bytes_path(read, "destination_path");
    assignment.unit = read_unit(read);
    assignment.source_pool = read.texts("source_worker_pool", false, kPoolMax);
    assignment.destination_pool = read.texts("destination_worker_pool", false, kPoolMax);
    assignment.destination = read.text("destination_worker_id", "");
    assignment.lease_seconds =
        static_cast<std::uint32_t>(read.integer("lease_seconds", 30, 1, 86'400));
    assignment.attempt = static_cast<std::uint32_t>(read.integer("attempt", 1, 1, UINT32_MAX));
    assignment.attempts_max =
        static_cast<std::uint32_t>(read.integer("attempts_max", 1, 1, UINT32_MAX));
    assignment.losses = static_cast<std::uint32_t>(read.integer("losses", 0, 0, UINT32_MAX));
    assignment.failed_on = read.text("failed_on", "");
    assignment.first_failed_at = read.time_ms("first_failed_at_ms");
    assignment.bytes_per_second =
        static_cast<std::uint64_t>(read.integer("bytes_per_second", 0, 0, INT64_MAX));
    assignment.generation = read.hex("generation", 0);
    assignment.destination_slash = read.boolean("destination_slash", false);
    assignment.resolution = read.text("resolution", "");
    assignment.chunk_bytes = static_cast<std::uint64_t>(
        read.integer("request_chunk_size", std::int64_t{64} << 20, 1, std::int64_t{1} << 40));
    assignment.discard = read.boolean("discard", false);
    read.child("options", [&](const Var& options, Location at) {
        assignment.options = read_options(options, std::move(at), errors);
    });
    read.child("peers", [&](const Var& peers, Location at) {
        ObjectReader nested{peers, std::move(at), errors};
        if (!assignment.destination.empty() && nested.has(assignment.destination)) {
            assignment.peers[assignment.destination] = nested.text(assignment.destination);
        }
    });
    assignment.ticket = read.text("ticket", "");
    return assignment;
}

bool take_number(std::string_view& text, std::uint64_t& number) {
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    return true;
}

bool take(std::string_view& text, char c) {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

std::string to_string(const AssignmentId& id) {
    return id.request + '/' + std::to_string(id.lease.unit) + '/' +
           std::to_string(id.lease.token.epoch) + '.' + std::to_string(id.lease.token.number);
}

std::optional<AssignmentId> parse_assignment_id(std::string_view text) {
    AssignmentId id;
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return {};
    id.request = text.substr(0, slash);
    text.remove_prefix(slash + 1);
    sdk::Token& token = id.lease.token;
    const bool whole = base::is_valid_id(id.request) && take_number(text, id.lease.unit) &&
                       take(text, '/') && take_number(text, token.epoch) && take(text, '.') &&
                       take_number(text, token.number) && text.empty();
    if (!whole) return {};
    return id;
}

std::string print_assignment(const Assignment& assignment) {
    Writer json;
    write_assignment(json, assignment);
    return std::move(json).text();
}

std::string print_assignments(std::span<const Assignment> assignments) {
    Writer json;
    json.array([&] {
        for (const Assignment& assignment : assignments) write_assignment(json, assignment);
    });
    return std::move(json).text();
}

Parsed<std::vector<Assignment>> parse_assignments(std::string_view body) {
    return parse_document<std::vector<Assignment>>(
        body, [](const Var& value, Location location, std::vector<FieldError>& errors) {
            std::vector<Assignment> assignments;
            if (value.type() != typeid(Poco::JSON::Array::Ptr)) {
                errors.push_back({location, "expected a list of assignments", "type_error"});
                return assignments;
            }
            for (const Var& item : *value.extract<Poco::JSON::Array::Ptr>()) {
                assignments.push_back(read_assignment(item, location, errors));
            }
            return assignments;
        });
}

}  // namespace godwit::model
