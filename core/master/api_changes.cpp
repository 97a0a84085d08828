#include "base/bytes.h"
#include "http/problem.h"
#include "master/api.h"
#include "model/sync_patch.h"
#include "model/writer.h"

namespace godwit::master {
namespace {

using http::Reply;
using http::Request;
using http::Response;
using http::Role;

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

Reply retry(const ApiContext& context, const Request& request) {
    const sdk::RequestId& id = request.parameter("request_id");
    if (auto status = context.lifecycle.retry(id); !status) {
        return request_problem(id, status.error());
    }
    context.work_came();
    return status_response(200, "requeued", id);
}

Reply patch(const ApiContext& context, const Request& request) {
    const sdk::RequestId& id = request.parameter("request_id");
    const auto parsed = model::parse_sync_patch(request.body);
    if (!parsed.ok()) return invalid(parsed.errors);
    const auto patched = context.lifecycle.patch(id, *parsed.document);
    if (!patched) return request_problem(id, patched.error());
    context.work_came();
    return progress_response(context, *patched);
}

}  // namespace

void add_change_routes(http::Router& router, const ApiContext& context) {
    const auto add = [&](std::string method, std::string pattern, bool body_optional,
                         http::Handler handler) {
        router.add({.method = std::move(method),
                    .pattern = std::move(pattern),
                    .role = Role::Operator,
                    .handler = std::move(handler),
                    .body_optional = body_optional});
    };
    const auto call = [&](Reply (*handle)(const ApiContext&, const Request&)) -> http::Handler {
        return
            [&context, handle](const Request& request, bool) { return handle(context, request); };
    };
    const auto event = [&](RequestEvent on, std::string_view word) {
        return event_handler(context, on, word);
    };
    add("DELETE", "/sync/{request_id}", false, call(forget));
    add("PATCH", "/sync/{request_id}", false, call(patch));
    add("POST", "/sync/{request_id}/reassign", false, call(reassign));
    add("POST", "/sync/{request_id}/retry", true, call(retry));
    add("POST", "/sync/{request_id}/cancel", true, event(RequestEvent::Cancel, "cancelled"));
    add("POST", "/sync/{request_id}/pause", true, event(RequestEvent::Pause, "paused"));
    add("POST", "/sync/{request_id}/resume", true, event(RequestEvent::Resume, "resumed"));
}

}  // namespace godwit::master
