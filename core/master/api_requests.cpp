#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "http/client.h"
#include "http/problem.h"
#include "master/api.h"
#include "model/progress.h"
#include "model/sync_request.h"
#include "model/writer.h"

namespace godwit::master {
namespace {

using http::Reply;
using http::Request;
using http::Response;
using http::Role;

constexpr std::uint64_t kListLimit = 1000;
constexpr std::uint64_t kErrorLimit = 1000;

Response status_response(int status, std::string_view word, const sdk::RequestId& id) {
    model::Writer json;
    json.object([&] {
        json.member("status", word);
        json.member("request_id", id);
    });
    return http::json_response(status, std::move(json).text());
}

Reply submit(const ApiContext& context, const Request& request) {
    const auto parsed = model::parse_sync_request(request.body);
    if (!parsed.ok()) return invalid(parsed.errors);
    const auto reply = context.lifecycle.admit(*parsed.document);
    if (!reply && reply.error().code == Code::Conflict) {
        return http::problem(409, "request_exists",
                             "request '" + parsed.document->id +
                                 "' exists with another body: choose another request_id, or delete "
                                 "that one first");
    }
    if (!reply) return http::problem(reply.error());
    if (!reply->created) {
        return http::json_response(
            200, model::print_progress(reply->request, context.pace.pace_of(reply->request)));
    }
    context.work_came();
    return status_response(202, "queued", parsed.document->id);
}

Reply show(const ApiContext& context, const Request& request) {
    const sdk::RequestId& id = request.parameter("request_id");
    const auto found = context.store.get(id);
    if (!found) return request_problem(id, found.error());
    return http::json_response(200, model::print_progress(*found, context.pace.pace_of(*found)));
}

std::optional<sdk::RequestFilter> filter_of(const Request& request, Response& problem) {
    sdk::RequestFilter filter;
    const auto wanted = request.query_value("state");
    if (!wanted) return filter;
    for (std::size_t i = 0; i < sdk::kRequestStates; ++i) {
        const auto state = static_cast<sdk::RequestState>(i);
        if (*wanted == sdk::to_string(state)) filter.states.push_back(state);
    }
    if (!filter.states.empty()) return filter;
    problem = invalid_query("state", "unknown state '" + base::printable(*wanted, 64) + "'");
    return std::nullopt;
}

Response progress_list(const ApiContext& context, const std::vector<sdk::Request>& requests) {
    std::vector<model::Pace> paces;
    for (const sdk::Request& request : requests) paces.push_back(context.pace.pace_of(request));
    return http::json_response(200, model::print_progress_list(requests, paces));
}

Reply list(const ApiContext& context, const Request& request) {
    Response problem;
    const auto filter = filter_of(request, problem);
    if (!filter) return problem;
    const auto limit = query_number(request, "limit", kListLimit, kListLimit, problem);
    if (!limit) return problem;
    const auto cursor = request.query_value("cursor").value_or("");
    const auto page = context.store.list(*filter, cursor, *limit);
    if (!page) return http::problem(page.error());
    Response response = progress_list(context, page->requests);
    if (!page->next.empty()) {
        std::string next = "</sync?limit=" + std::to_string(*limit) +
                           "&cursor=" + http::percent_encode(page->next);
        if (const auto state = request.query_value("state")) {
            next += "&state=" + http::percent_encode(*state);
        }
        response.headers.emplace_back("Link", next + ">; rel=\"next\"");
    }
    return response;
}

Reply forget(const ApiContext& context, const Request& request) {
    const sdk::RequestId& id = request.parameter("request_id");
    if (auto status = context.lifecycle.forget(id); !status) {
        return request_problem(id, status.error());
    }
    return status_response(200, "deleted", id);
}

// POST /sync/{id}/<event>
http::Handler event_handler(const ApiContext& context, RequestEvent event, std::string_view word) {
    return [&context, event, word](const Request& request, bool) -> Reply {
        const sdk::RequestId& id = request.parameter("request_id");
        if (auto status = context.lifecycle.apply(id, event); !status) {
            return request_problem(id, status.error());
        }
        context.work_came();
        return status_response(200, word, id);
    };
}

Reply reassign(const ApiContext& context, const Request& request) {
    const sdk::RequestId& id = request.parameter("request_id");
    const auto parsed = model::parse_document<std::string>(
        request.body, [](const Poco::Dynamic::Var& value, model::Location location,
                         std::vector<model::FieldError>& errors) {
            model::ObjectReader read{value, std::move(location), errors};
            std::string worker = read.text("worker_id");
            read.refuse_unknown();
            return worker;
        });
    if (!parsed.ok()) return invalid(parsed.errors);
    auto status = context.lifecycle.reassign(id, *parsed.document);
    if (!status && status.error().code == Code::InvalidArgument) {
        return http::problem(400, "cannot_reassign", status.error().message);
    }
    if (!status) return request_problem(id, status.error());
    context.work_came();
    model::Writer json;
    json.object([&] {
        json.member("status", "requeued");
        json.member("request_id", id);
        json.member("worker_id", *parsed.document);
    });
    return http::json_response(200, std::move(json).text());
}

bool wants_lines(const Request& request) {
    const auto accept = request.header("Accept");
    return accept && accept->find("application/x-ndjson") != std::string_view::npos;
}

// All of them, a line each; there are at most sdk::kErrorsMax.
Reply error_lines(const ApiContext& context, const sdk::RequestId& id) {
    Response response;
    response.content_type = "application/x-ndjson";
    std::string cursor;
    do {
        const auto page = context.store.errors(id, cursor, kErrorLimit);
        if (!page) return request_problem(id, page.error());
        for (const sdk::FileError& error : page->errors) {
            response.body += model::print_file_error(error) + "\n";
        }
        cursor = page->next;
    } while (!cursor.empty());
    return response;
}

Result<sdk::ErrorPage> error_page(const ApiContext& context, const Request& request,
                                  std::uint64_t limit) {
    return context.store.errors(request.parameter("request_id"),
                                request.query_value("cursor").value_or(""), limit);
}

Reply errors(const ApiContext& context, const Request& request) {
    const sdk::RequestId& id = request.parameter("request_id");
    if (wants_lines(request)) return error_lines(context, id);
    Response problem;
    const auto limit = query_number(request, "limit", kErrorLimit, kErrorLimit, problem);
    if (!limit) return problem;
    const auto page = error_page(context, request, *limit);
    if (!page) return request_problem(id, page.error());
    return http::json_response(200, model::print_error_page(*page));
}

// The master keeps no list of files: it knows what is being copied, and what failed.
Reply files(const ApiContext& context, const Request& request) {
    const sdk::RequestId& id = request.parameter("request_id");
    Response problem;
    const auto limit = query_number(request, "limit", kErrorLimit, kErrorLimit, problem);
    if (!limit) return problem;
    const auto found = context.store.get(id);
    if (!found) return request_problem(id, found.error());
    std::vector<sdk::Lease> in_flight;
    if (!request.query_value("cursor")) {
        for (const auto& [holder, count] : found->holders) {
            const auto leases = context.store.leases(id, holder);
            if (!leases) return request_problem(id, leases.error());
            in_flight.insert(in_flight.end(), leases->begin(), leases->end());
        }
    }
    const auto page = error_page(context, request, *limit);
    if (!page) return request_problem(id, page.error());
    Response response = http::json_response(200, model::print_file_page(in_flight, *page));
    if (wants_lines(request)) {
        response.content_type = "application/x-ndjson";
        response.body = model::print_file_lines(in_flight, *page);
    }
    return response;
}

Reply workers(const ApiContext& context, const Request& request) {
    const auto wanted = request.query_value("status");
    if (wanted && *wanted != "active" && *wanted != "inactive") {
        return invalid_query("status", "expected 'active' or 'inactive', got '" +
                                           base::printable(*wanted, 64) + "'");
    }
    auto known = context.store.workers();
    if (!known) return http::problem(known.error());
    const auto split = std::stable_partition(
        known->begin(), known->end(),
        [&](const sdk::Worker& worker) { return context.cluster.is_live(worker); });
    model::WorkerLists lists;
    if (wanted != "inactive") lists.active = std::span{known->begin(), split};
    if (wanted != "active") lists.inactive = std::span{split, known->end()};
    return http::json_response(200, model::print_workers(lists));
}

Reply worker_requests(const ApiContext& context, const Request& request) {
    const sdk::WorkerId& worker = request.parameter("worker_id");
    const auto snapshot = context.cluster.look_closely();
    if (!snapshot) return http::problem(snapshot.error());
    if ((*snapshot)->worker(worker) == nullptr) {
        return http::problem(404, "not_found",
                             "worker '" + base::printable(worker, 128) + "' is not known");
    }
    std::vector<sdk::Request> held;
    for (const sdk::Request& active : (*snapshot)->active) {
        if (active.holders.contains(worker)) held.push_back(active);
    }
    return progress_list(context, held);
}

}  // namespace

void add_request_routes(http::Router& router, const ApiContext& context) {
    const auto add = [&](std::string method, std::string pattern, Role role,
                         Reply (*handle)(const ApiContext&, const Request&),
                         std::size_t body_bytes_max = http::kBodyBytesMax) {
        router.add({.method = std::move(method),
                    .pattern = std::move(pattern),
                    .role = role,
                    .body_bytes_max = body_bytes_max,
                    .handler = [&context, handle](const Request& request, bool) {
                        return handle(context, request);
                    }});
    };
    add("POST", "/sync", Role::Operator, submit, http::kListBodyBytesMax);
    add("GET", "/sync", Role::Viewer, list);
    add("GET", "/sync/{request_id}", Role::Viewer, show);
    add("DELETE", "/sync/{request_id}", Role::Operator, forget);
    add("GET", "/sync/{request_id}/errors", Role::Viewer, errors);
    add("GET", "/sync/{request_id}/files", Role::Viewer, files);
    add("POST", "/sync/{request_id}/reassign", Role::Operator, reassign);
    add("GET", "/workers", Role::Viewer, workers);
    add("GET", "/workers/{worker_id}/requests", Role::Viewer, worker_requests);

    const auto add_event = [&](std::string pattern, RequestEvent event, std::string_view word) {
        router.add({.method = "POST",
                    .pattern = std::move(pattern),
                    .role = Role::Operator,
                    .handler = event_handler(context, event, word),
                    .body_optional = true});
    };
    add_event("/sync/{request_id}/cancel", RequestEvent::Cancel, "cancelled");
    add_event("/sync/{request_id}/pause", RequestEvent::Pause, "paused");
    add_event("/sync/{request_id}/resume", RequestEvent::Resume, "resumed");
}

}  // namespace godwit::master
