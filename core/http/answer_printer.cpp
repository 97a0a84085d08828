#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeFormatter.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Timestamp.h>

#include <algorithm>

#include "http/exchange.h"
#include "http/text.h"

namespace godwit::http {
namespace {

// Formatted once a second and thread: at tens of thousands of answers a second it shows.
const std::string& date_now() {
    thread_local std::time_t formatted_at = 0;
    thread_local std::string text;
    const Poco::Timestamp now;
    if (now.epochTime() != formatted_at) {
        formatted_at = now.epochTime();
        text = Poco::DateTimeFormatter::format(now, Poco::DateTimeFormat::HTTP_FORMAT);
    }
    return text;
}

// Handlers may put into a header what a client has sent.
void append_header(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    std::transform(value.begin(), value.end(), std::back_inserter(out),
                   [](char c) { return is_control(c) ? '?' : c; });
    out += "\r\n";
}

bool is_ours(std::string_view name) noexcept {
    constexpr std::string_view kOurs[] = {"Content-Type", "Content-Length",    "Date",
                                          "Connection",   "Transfer-Encoding", "X-Request-ID"};
    return std::any_of(std::begin(kOurs), std::end(kOurs),
                       [&](std::string_view ours) { return equals_ignoring_case(ours, name); });
}

}  // namespace

PrintedAnswer print_answer(const Response& response, const Exchange& exchange, bool close) {
    constexpr std::size_t kHeadBytesExpected = 256;
    PrintedAnswer answer;
    answer.status = response.status;
    answer.close = close || !exchange.keep_alive;

    const bool has_body = response.status != 204 && response.status != 304;
    std::string& out = answer.bytes;
    out.reserve(kHeadBytesExpected + response.body.size());
    out += "HTTP/1.1 ";
    out += std::to_string(response.status);
    out += ' ';
    out += Poco::Net::HTTPResponse::getReasonForStatus(
        static_cast<Poco::Net::HTTPResponse::HTTPStatus>(response.status));
    out += "\r\n";
    append_header(out, "Date", date_now());
    if (has_body) {
        append_header(out, "Content-Type", response.content_type);
        append_header(out, "Content-Length", std::to_string(response.body.size()));
    }
    if (!exchange.request.trace_id.empty()) {
        append_header(out, "X-Request-ID", exchange.request.trace_id);
    }
    for (const auto& [name, value] : response.headers) {
        if (is_token(name) && !is_ours(name)) append_header(out, name, value);
    }
    if (answer.close) {
        append_header(out, "Connection", "close");
    } else if (exchange.http_1_0) {
        append_header(out, "Connection", "keep-alive");
    }
    out += "\r\n";
    if (has_body && !exchange.head_only) out += response.body;
    return answer;
}

}  // namespace godwit::http
