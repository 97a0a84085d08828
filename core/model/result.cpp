#include <limits>

#include "base/bytes.h"
#include "model/assignment.h"
#include "model/counters.h"
#include "model/unit_json.h"
#include "model/writer.h"

namespace godwit::model {
namespace {

using Poco::Dynamic::Var;

constexpr std::size_t kErrorsPerResultMax = 65'536;
constexpr std::size_t kPathBytesMax = 64 << 10;

void write_error(Writer& json, const sdk::FileError& error) {
    json.object([&] {
        json.path("path", error.path);
        json.member("code", error.code);
        json.member("errno", error.error_number);
        json.member("retryable", error.retryable);
        json.member("offset", error.offset);
        if (error.first_at != sdk::WallTime{}) {
            json.member("first_at_ms", error.first_at.time_since_epoch().count());
        }
        json.member("message", error.message);
    });
}

// Who it was, and when it was last, is the receiver's to say.
sdk::FileError read_error(const Var& value, Location location, std::vector<FieldError>& errors) {
    ObjectReader read{value, std::move(location), errors};
    sdk::FileError error;
    error.path = read.text("path", "");
    if (auto bytes = read.bytes("path_b64", kPathBytesMax)) error.path = std::move(*bytes);
    error.code = read.text("code", "internal");
    error.error_number = static_cast<std::int32_t>(read.integer("errno", 0, INT32_MIN, INT32_MAX));
    error.retryable = read.boolean("retryable", false);
    error.offset = static_cast<std::uint64_t>(
        read.integer("offset", 0, 0, std::numeric_limits<std::int64_t>::max()));
    error.first_at = read.time_ms("first_at_ms").value_or(sdk::WallTime{});
    error.message = read.text("message", "");
    return error;
}

void write_result(Writer& json, const AssignmentResult& result) {
    json.object([&] {
        json.member("request_id", result.request);
        json.member("success", result.success);
        json.member("message", result.message);
        if (result.assignment) json.member("assignment_id", to_string(*result.assignment));
        json.member("attempt", result.attempt);
        if (!result.success) {
            json.member("released", result.released);
            json.member("fatal", result.fatal);
            json.member("pause", result.pause);
            json.member("retryable", result.retryable);
            json.key("error");
            write_error(json, result.error);
            if (result.rest) json.member("rest", [&] { write_unit(json, *result.rest); });
        }
        write_counters(json, result.effects.counters, false);
        if (!result.effects.resolution.empty()) {
            json.member("resolution", result.effects.resolution);
        }
        json.list("errors", [&] {
            for (const sdk::FileError& error : result.effects.errors) write_error(json, error);
        });
        json.list("groups", [&] {
            for (const sdk::Group& group : result.effects.groups) {
                json.object([&] {
                    json.member("group", base::to_hex(group.id));
                    json.member("parts", group.parts);
                    json.member("then", [&] { write_unit(json, group.then); });
                });
            }
        });
        json.list("units", [&] {
            for (const sdk::Unit& unit : result.effects.units) {
                json.object([&] { write_unit(json, unit); });
            }
        });
    });
}

sdk::Effects read_effects(ObjectReader& read, std::vector<FieldError>& errors) {
    sdk::Effects effects;
    effects.counters = read_counters(read, errors);
    effects.resolution = read.text("resolution", "");
    read.items("errors", kErrorsPerResultMax, [&](const Var& item, Location at) {
        effects.errors.push_back(read_error(item, std::move(at), errors));
    });
    read.items("groups", kUnitsPerResultMax, [&](const Var& item, Location at) {
        ObjectReader nested{item, std::move(at), errors};
        sdk::Group group;
        group.id = nested.hex("group");
        group.parts = static_cast<std::uint32_t>(nested.integer("parts", {}, 1, UINT32_MAX));
        nested.child("then", [&](const Var& then, Location then_at) {
            ObjectReader unit{then, std::move(then_at), errors};
            group.then = read_unit(unit);
        });
        effects.groups.push_back(std::move(group));
    });
    read.items("units", kUnitsPerResultMax, [&](const Var& item, Location at) {
        ObjectReader nested{item, std::move(at), errors};
        effects.units.push_back(read_unit(nested));
    });
    return effects;
}

// `worker` is the batch's, which every result in it shares.
AssignmentResult read_result(const Var& value, Location location, std::vector<FieldError>& errors,
                             const std::optional<sdk::WorkerId>& worker) {
    ObjectReader read{value, std::move(location), errors};
    AssignmentResult result;
    result.request = read.text("request_id");
    result.worker = worker ? *worker : read.text("worker_id");
    result.success = read.boolean("success");
    result.message = read.text("message", "");
    if (read.has("assignment_id")) {
        result.assignment = parse_assignment_id(read.text("assignment_id"));
        if (!result.assignment || result.assignment->request != result.request) {
            read.problem("assignment_id", "not an assignment id of this request");
        }
    }
    result.attempt = static_cast<std::uint32_t>(read.integer("attempt", 1, 1, UINT32_MAX));
    result.released = read.boolean("released", false);
    result.fatal = read.boolean("fatal", false);
    result.pause = read.boolean("pause", false);
    result.retryable = read.boolean("retryable", true);
    result.effects = read_effects(read, errors);
    read.child("rest", [&](const Var& rest, Location at) {
        ObjectReader unit{rest, std::move(at), errors};
        result.rest = read_unit(unit);
    });
    read.child("error", [&](const Var& error, Location at) {
        result.error = read_error(error, std::move(at), errors);
    });
    return result;
}

}  // namespace

Parsed<AssignmentResult> parse_result(std::string_view body) {
    return parse_document<AssignmentResult>(
        body, [](const Var& value, Location location, std::vector<FieldError>& errors) {
            return read_result(value, std::move(location), errors, {});
        });
}

Parsed<std::vector<AssignmentResult>> parse_results(std::string_view body) {
    return parse_document<std::vector<AssignmentResult>>(
        body, [](const Var& value, Location location, std::vector<FieldError>& errors) {
            ObjectReader read{value, std::move(location), errors};
            std::vector<AssignmentResult> results;
            const sdk::WorkerId worker = read.text("worker_id");
            read.items("results", kResultsMax, [&](const Var& item, Location at) {
                results.push_back(read_result(item, std::move(at), errors, worker));
            });
            return results;
        });
}

std::string print_results(std::span<const AssignmentResult> results) {
    Writer json;
    json.object([&] {
        json.member("worker_id", results.empty() ? std::string{} : results.front().worker);
        json.list("results", [&] {
            for (const AssignmentResult& result : results) write_result(json, result);
        });
    });
    return std::move(json).text();
}

std::string print_outcomes(std::span<const ResultOutcome> outcomes) {
    Writer json;
    json.array([&] {
        for (const ResultOutcome& outcome : outcomes) {
            json.object([&] {
                json.member("assignment_id", outcome.assignment_id);
                json.member("outcome", outcome.outcome);
            });
        }
    });
    return std::move(json).text();
}

Parsed<std::vector<ResultOutcome>> parse_outcomes(std::string_view body) {
    return parse_document<std::vector<ResultOutcome>>(
        body, [](const Var& value, Location location, std::vector<FieldError>& errors) {
            std::vector<ResultOutcome> outcomes;
            if (value.type() != typeid(Poco::JSON::Array::Ptr)) {
                errors.push_back({location, "expected a list of outcomes", "type_error"});
                return outcomes;
            }
            for (const Var& item : *value.extract<Poco::JSON::Array::Ptr>()) {
                ObjectReader read{item, location, errors};
                outcomes.push_back({read.text("assignment_id", ""), read.text("outcome")});
            }
            return outcomes;
        });
}

}  // namespace godwit::model
