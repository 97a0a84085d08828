#include <algorithm>

#include "base/bytes.h"
#include "http/problem.h"
#include "master/api.h"
#include "model/assignment.h"

namespace godwit::master {
namespace {

using http::Reply;
using http::Request;
using http::Response;
using http::Role;

constexpr std::uint64_t kAssignmentsMax = 64;
constexpr std::uint64_t kWaitMax = 30'000;  // Longer polls are cut by proxies on the way.

Reply heartbeat(const ApiContext& context, const Request& request) {
    const auto parsed = model::parse_heartbeat(request.body);
    if (!parsed.ok()) return invalid(parsed.errors);
    const auto answer = context.results.take(*parsed.document);
    if (!answer) return http::problem(answer.error());
    context.work_came();
    return http::json_response(200, model::print_heartbeat_answer(*answer));
}

// Waits for work as long as the client is willing to: parked, not on a thread.
Reply assign(const ApiContext& context, const Request& request, bool last, AskForm form) {
    Response problem;
    const auto units = query_number(request, "max", 1, 0, kAssignmentsMax, problem);
    if (!units) return problem;
    const auto wait = query_number(request, "wait_ms", 0, 0, kWaitMax, problem);
    if (!wait) return problem;
    const auto assignments = context.scheduler.assign(request.parameter("worker_id"),
                                                      form == AskForm::Single ? 1 : *units, form);
    if (!assignments) return http::problem(assignments.error());
    if (assignments->empty() && *wait > 0 && !last) {
        return http::Park{request.received_at + base::Millis{static_cast<std::int64_t>(*wait)}};
    }
    if (form == AskForm::Batch) {
        return http::json_response(200, model::print_assignments(*assignments));
    }
    return http::json_response(
        200, assignments->empty() ? "null" : model::print_assignment(assignments->front()));
}

Reply result(const ApiContext& context, const Request& request) {
    auto parsed = model::parse_result(request.body);
    if (!parsed.ok()) return invalid(parsed.errors);
    const bool named = parsed.document->assignment.has_value();
    std::vector<model::AssignmentResult> results;
    results.push_back(std::move(*parsed.document));
    const auto outcomes = context.results.take(std::move(results));
    if (!outcomes) return http::problem(outcomes.error());
    context.work_came();
    const std::string& outcome = outcomes->front().outcome;
    if (outcome == "ambiguous") {
        return http::problem(409, "ambiguous",
                             "this worker holds several assignments of the request: say which by "
                             "assignment_id");
    }
    if (named && (outcome == "lease_lost" || outcome == "not_found")) {
        return http::problem(409, "lease_lost",
                             "the lease of this assignment is held no more: its result is refused, "
                             "nothing was changed");
    }
    // The guide's client may report what it does not hold (twice, say): nothing happens.
    return http::json_response(200, outcome == "not_held"
                                        ? R"({"status":"ack","outcome":"not_held"})"
                                        : R"({"status":"ack"})");
}

Reply results(const ApiContext& context, const Request& request) {
    auto parsed = model::parse_results(request.body);
    if (!parsed.ok()) return invalid(parsed.errors);
    const auto outcomes = context.results.take(std::move(*parsed.document));
    if (!outcomes) return http::problem(outcomes.error());
    context.work_came();
    return http::json_response(200, model::print_outcomes(*outcomes));
}

}  // namespace

void add_worker_routes(http::Router& router, const ApiContext& context) {
    const auto add = [&](std::string pattern, bool body_optional, std::size_t body_bytes_max,
                         std::function<Reply(const Request&, bool)> handler) {
        router.add({.method = "POST",
                    .pattern = std::move(pattern),
                    .role = Role::Worker,
                    .body_bytes_max = body_bytes_max,
                    .handler = std::move(handler),
                    .body_optional = body_optional});
    };
    add("/workers/heartbeat", false, http::kBodyBytesMax,
        [&context](const Request& request, bool) { return heartbeat(context, request); });
    add("/workers/{worker_id}/assignment", true, http::kBodyBytesMax,
        [&context](const Request& request, bool last) {
            return assign(context, request, last, AskForm::Single);
        });
    add("/workers/{worker_id}/assignments", true, http::kBodyBytesMax,
        [&context](const Request& request, bool last) {
            return assign(context, request, last, AskForm::Batch);
        });
    add("/workers/result", false, http::kListBodyBytesMax,
        [&context](const Request& request, bool) { return result(context, request); });
    add("/workers/results", false, http::kListBodyBytesMax,
        [&context](const Request& request, bool) { return results(context, request); });
}

}  // namespace godwit::master
