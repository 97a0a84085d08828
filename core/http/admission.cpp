#include <algorithm>

#include "base/ids.h"
#include "http/exchange.h"
#include "http/problem.h"
#include "http/target.h"
#include "http/text.h"

namespace godwit::http {
namespace {

constexpr std::size_t kTraceIdBytesMax = 64;

bool is_trace_id(std::string_view id) noexcept {
    return !id.empty() && id.size() <= kTraceIdBytesMax &&
           std::all_of(id.begin(), id.end(), [](char c) { return is_unreserved(c) && c != '~'; });
}

// Unique, not secret: one random word for the process, and a count.
std::string make_trace_id() {
    static const std::string process = base::random_hex(6);
    static std::atomic<std::uint64_t> count{0};
    return process + '-' + std::to_string(++count);
}

std::optional<Response> check_role(const Route& route, const AccessList& access,
                                   const Request& request) {
    switch (access.check(route.role, request.header("Authorization"))) {
    case AccessList::Verdict::Allowed: return {};
    case AccessList::Verdict::Unauthenticated: {
        Response response = problem(401, "unauthenticated",
                                    "this needs a token: send 'Authorization: Bearer <token>'");
        response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"godwit\"");
        return response;
    }
    case AccessList::Verdict::Forbidden: break;
    }
    return problem(403, "forbidden", "the token's role does not allow this");
}

std::optional<Response> check_length(const Route& route, const Exchange& exchange,
                                     bool lacks_length) {
    if (lacks_length && !route.body_optional) {
        return problem(411, "length_required",
                       "this takes a body: send it with its Content-Length (0 if it is empty)");
    }
    if (exchange.body_bytes > route.body_bytes_max) {
        return problem(413, "body_too_large",
                       "the body has " + std::to_string(exchange.body_bytes) + " bytes, at most " +
                           std::to_string(route.body_bytes_max) + " are taken here");
    }
    return {};
}

}  // namespace

std::optional<Response> admit(Head head, const Router& router, const AccessList& access,
                              Exchange& exchange) {
    const bool lacks_length = head.lacks_length();
    exchange.head_only = head.method == "HEAD";
    exchange.http_1_0 = head.http_1_0;
    exchange.keep_alive = head.keep_alive;
    exchange.body_bytes = head.body_bytes;
    exchange.expects_continue = head.expects_continue;

    Request& request = exchange.request;
    request.method = std::move(head.method);
    request.headers = std::move(head.headers);
    const auto wished = request.header("X-Request-ID");
    request.trace_id = wished && is_trace_id(*wished) ? std::string{*wished} : make_trace_id();

    const std::string_view target = head.target;
    const std::size_t question = std::min(target.find('?'), target.size());
    const std::string_view path = target.substr(0, question);
    request.path = percent_decode(path).value_or(std::string{path});
    auto match = router.match(request.method, path);
    if (match.miss) return std::move(match.miss);
    exchange.route = match.route;
    request.parameters = std::move(match.parameters);

    if (auto refusal = check_role(*match.route, access, request)) return refusal;
    auto query = parse_query(target.substr(std::min(question + 1, target.size())));
    if (!query) {
        return problem(400, "bad_request",
                       "the query has more than " + std::to_string(kQueryPairsMax) +
                           " values, or a % without two hex digits behind it");
    }
    request.query = std::move(*query);
    return check_length(*match.route, exchange, lacks_length);
}

}  // namespace godwit::http
