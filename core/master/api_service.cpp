#include <charconv>

#include "base/bytes.h"
#include "http/problem.h"
#include "master/api.h"
#include "model/openapi.h"

namespace godwit::master {
namespace {

using http::Reply;
using http::Request;
using http::Response;
using http::Role;

Reply ready(const ApiContext& context) {
    if (auto status = context.store.ping(); !status) {
        return http::problem(Error{Code::Unavailable, "state store: " + status.error().message});
    }
    return http::json_response(200, R"({"status":"ready"})");
}

// Gauges are read when they are asked for.
Reply metrics(const ApiContext& context) {
    if (const auto snapshot = context.cluster.look()) {
        double active = 0;
        for (const sdk::Worker& worker : (*snapshot)->workers) {
            if (context.cluster.is_live(worker)) ++active;
        }
        const auto known = static_cast<double>((*snapshot)->workers.size());
        context.metrics.set("godwit_workers", "Workers that the master knows",
                            {{"status", "active"}}, active);
        context.metrics.set("godwit_workers", "Workers that the master knows",
                            {{"status", "inactive"}}, known - active);
        double pending = 0;
        double leased = 0;
        for (const sdk::Request& request : (*snapshot)->active) {
            for (std::size_t i = 0; i < sdk::kUnitKinds; ++i) {
                pending += static_cast<double>(request.backlog.pending[i]);
                leased += static_cast<double>(request.backlog.leased[i]);
            }
        }
        context.metrics.set("godwit_requests_active", "Requests that have not ended", {},
                            static_cast<double>((*snapshot)->active.size()));
        context.metrics.set("godwit_units", "Units of active requests", {{"state", "pending"}},
                            pending);
        context.metrics.set("godwit_units", "Units of active requests", {{"state", "leased"}},
                            leased);
    }
    Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = context.metrics.text();
    return response;
}

}  // namespace

Response invalid(const std::vector<model::FieldError>& errors) {
    std::string detail = "the request is not valid: ";
    const model::FieldError& first = errors.front();
    for (const std::string& part : first.location) {
        if (&part != &first.location.front()) detail += '.';
        detail += base::printable(part, 64);
    }
    detail += ": " + first.message;
    if (errors.size() > 1) detail += " (and " + std::to_string(errors.size() - 1) + " more)";
    return http::problem(422, "invalid_request", detail, errors);
}

Response invalid_query(std::string_view name, std::string message) {
    model::FieldError error;
    error.location.emplace_back("query");
    error.location.emplace_back(name);
    error.message = std::move(message);
    error.type = "value_error";
    return invalid({error});
}

Response request_problem(const sdk::RequestId& id, const Error& error) {
    if (error.code == Code::NotFound) {
        return http::problem(404, "not_found",
                             "request '" + base::printable(id, 128) + "' does not exist");
    }
    if (error.code == Code::Conflict) return http::problem(409, "wrong_state", error.message);
    return http::problem(error);
}

std::optional<std::uint64_t> query_number(const Request& request, std::string_view name,
                                          std::uint64_t fallback, std::uint64_t lowest,
                                          std::uint64_t highest, Response& problem) {
    const auto text = request.query_value(name);
    if (!text) return fallback;
    std::uint64_t number = 0;
    const auto [stop, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    const bool whole = error == std::errc{} && stop == text->data() + text->size();
    if (whole && lowest <= number && number <= highest) return number;
    problem = invalid_query(name, "expected a number in " + std::to_string(lowest) + ".." +
                                      std::to_string(highest) + ", got '" +
                                      base::printable(*text, 64) + "'");
    return std::nullopt;
}

void add_service_routes(http::Router& router, const ApiContext& context) {
    const auto add = [&](std::string pattern, Role role, std::function<Reply()> handler) {
        router.add({.method = "GET",
                    .pattern = std::move(pattern),
                    .role = role,
                    .handler = [handler = std::move(handler)](const Request&, bool) {
                        return handler();
                    }});
    };
    add("/healthz", Role::Open, [] { return http::json_response(200, R"({"status":"alive"})"); });
    add("/readyz", Role::Open, [&context] { return ready(context); });
    add("/metrics", Role::Viewer, [&context] { return metrics(context); });
    add("/version", Role::Open,
        [&context] { return http::json_response(200, context.version_document); });
    add("/openapi.json", Role::Open,
        [] { return http::json_response(200, std::string{model::openapi_document()}); });
}

}  // namespace godwit::master
