#include <algorithm>

#include "base/bytes.h"
#include "base/file_code.h"
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

model::Shown show(const ApiContext& context, const sdk::Request& request,
                  const model::SyncRequest* document) {
    const auto pace = document == nullptr ? context.pace.pace_of(request)
                                          : context.pace.pace_of(request, document->options);
    return {&request, document, pace};
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
        return progress_response(context, reply->request);
    }
    context.work_came();
    return status_response(202, "queued", parsed.document->id);
}

Reply progress(const ApiContext& context, const Request& request) {
    const sdk::RequestId& id = request.parameter("request_id");
    const auto found = context.store.get(id);
    if (!found) return request_problem(id, found.error());
    return progress_response(context, *found);
}

// What a store refuses of a page is its cursor: all else has been checked.
Response page_problem(const sdk::RequestId& id, const Error& error) {
    if (error.code != Code::InvalidArgument) return request_problem(id, error);
    return invalid_query("cursor", "it is none of this list's: take one that a page of it named");
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
    std::vector<std::shared_ptr<const model::SyncRequest>> documents;
    std::vector<model::Shown> shown;
    for (const sdk::Request& request : requests) {
        documents.push_back(context.cluster.documents().of(request));
        shown.push_back(show(context, request, documents.back().get()));
    }
    return http::json_response(200, model::print_progress_list(shown));
}

Reply list(const ApiContext& context, const Request& request) {
    Response problem;
    const auto filter = filter_of(request, problem);
    if (!filter) return problem;
    const auto limit = query_number(request, "limit", kListLimit, 1, kListLimit, problem);
    if (!limit) return problem;
    const auto cursor = request.query_value("cursor").value_or("");
    const auto page = context.store.list(*filter, cursor, *limit);
    if (!page) return page_problem("", page.error());
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

bool wants_lines(const Request& request) {
    const auto accept = request.header("Accept");
    return accept && accept->find("application/x-ndjson") != std::string_view::npos;
}

// `?code=`: errors of this code only. Nothing is asked for when it is empty.
std::optional<std::string> code_of(const Request& request, Response& problem) {
    const auto wanted = request.query_value("code");
    if (!wanted) return "";
    for (int i = 0; i <= static_cast<int>(base::FileCode::Internal); ++i) {
        if (*wanted == base::to_string(static_cast<base::FileCode>(i))) return std::string{*wanted};
    }
    problem = invalid_query("code", "unknown code '" + base::printable(*wanted, 64) + "'");
    return std::nullopt;
}

// The next errors of this code from the cursor on: at least one, unless there are no more.
Result<sdk::ErrorPage> error_page(const ApiContext& context, const sdk::RequestId& id,
                                  std::string cursor, std::uint64_t limit,
                                  const std::string& code = {}) {
    for (;;) {
        auto page = context.store.errors(id, cursor, limit);
        if (!page || code.empty()) return page;
        std::erase_if(page->errors,
                      [&](const sdk::FileError& error) { return error.code != code; });
        if (!page->errors.empty() || page->next.empty()) return page;
        cursor = std::move(page->next);
    }
}

// All of them, a line each; there are at most sdk::kErrorsMax.
Reply error_lines(const ApiContext& context, const sdk::RequestId& id, const std::string& code) {
    Response response;
    response.content_type = "application/x-ndjson";
    std::string cursor;
    do {
        const auto page = error_page(context, id, cursor, kErrorLimit, code);
        if (!page) return request_problem(id, page.error());
        for (const sdk::FileError& error : page->errors) {
            response.body += model::print_file_error(error) + "\n";
        }
        cursor = page->next;
    } while (!cursor.empty());
    return response;
}

std::string cursor_of(const Request& request) {
    return std::string{request.query_value("cursor").value_or("")};
}

Reply errors(const ApiContext& context, const Request& request) {
    const sdk::RequestId& id = request.parameter("request_id");
    Response problem;
    const auto code = code_of(request, problem);
    if (!code) return problem;
    if (wants_lines(request)) return error_lines(context, id, *code);
    const auto limit = query_number(request, "limit", kErrorLimit, 1, kErrorLimit, problem);
    if (!limit) return problem;
    const auto page = error_page(context, id, cursor_of(request), *limit, *code);
    if (!page) return page_problem(id, page.error());
    return http::json_response(200, model::print_error_page(*page));
}

// What is being copied.
Result<std::vector<sdk::Lease>> leases_of(const ApiContext& context, const sdk::RequestId& id) {
    const auto found = context.store.get(id);
    if (!found) return found.error();
    std::vector<sdk::Lease> all;
    for (const auto& [holder, count] : found->holders) {
        const auto leases = context.store.leases(id, holder);
        if (!leases) return leases.error();
        all.insert(all.end(), leases->begin(), leases->end());
    }
    return all;
}

// All of them, as error_lines().
Reply file_lines(const ApiContext& context, const sdk::RequestId& id) {
    auto in_flight = leases_of(context, id);
    if (!in_flight) return request_problem(id, in_flight.error());
    Response response;
    response.content_type = "application/x-ndjson";
    std::string cursor;
    do {
        const auto page = error_page(context, id, cursor, kErrorLimit);
        if (!page) return request_problem(id, page.error());
        response.body += model::print_file_lines(*in_flight, *page);
        in_flight->clear();
        cursor = page->next;
    } while (!cursor.empty());
    return response;
}

// The master keeps no list of files: it knows what is being copied, and what failed.
Reply files(const ApiContext& context, const Request& request) {
    const sdk::RequestId& id = request.parameter("request_id");
    if (wants_lines(request)) return file_lines(context, id);
    Response problem;
    const auto limit = query_number(request, "limit", kErrorLimit, 1, kErrorLimit, problem);
    if (!limit) return problem;
    const std::string cursor = cursor_of(request);
    Result<std::vector<sdk::Lease>> in_flight = std::vector<sdk::Lease>{};
    if (cursor.empty()) in_flight = leases_of(context, id);
    if (!in_flight) return request_problem(id, in_flight.error());
    const auto page = error_page(context, id, cursor, *limit);
    if (!page) return page_problem(id, page.error());
    return http::json_response(200, model::print_file_page(*in_flight, *page));
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
    const base::Deadline now = base::SteadyClock::now();
    for (const sdk::Worker& worker : *known) {
        if (const auto sentence = context.cluster.quarantine().of(worker.id, now)) {
            const auto left = std::chrono::ceil<base::Millis>(sentence->until - now);
            lists.quarantined[worker.id] = {base::wall_now() + left, sentence->times,
                                            sentence->reason};
        }
    }
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

Response status_response(int status, std::string_view word, const sdk::RequestId& id) {
    model::Writer json;
    json.object([&] {
        json.member("status", word);
        json.member("request_id", id);
    });
    return http::json_response(status, std::move(json).text());
}

Response progress_response(const ApiContext& context, const sdk::Request& request) {
    const auto document = context.cluster.documents().of(request);
    const model::Shown shown = show(context, request, document.get());
    return http::json_response(200, model::print_progress(request, shown.pace, shown.document));
}

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
    add("GET", "/sync/{request_id}", Role::Viewer, progress);
    add("GET", "/sync/{request_id}/errors", Role::Viewer, errors);
    add("GET", "/sync/{request_id}/files", Role::Viewer, files);
    add("GET", "/workers", Role::Viewer, workers);
    add("GET", "/workers/{worker_id}/requests", Role::Viewer, worker_requests);
}

}  // namespace godwit::master
