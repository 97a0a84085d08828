// A request as handlers see it, after the gate, and the answer that they give.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.h"

namespace godwit::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

// Immutable once dispatched. Bodies are read whole and bounded before a handler runs.
struct Request {
    std::string method;                                      // Upper case.
    std::string path;                                        // Decoded, begins with '/', no query.
    std::vector<std::pair<std::string, std::string>> query;  // Decoded, in order.
    Headers headers;
    std::string body;
    std::string client;  // Address, for the log.
    base::Deadline received_at{};
    // Values of the route's {placeholders}, decoded, by name.
    std::vector<std::pair<std::string, std::string>> parameters;
    // What ties an answer to its log lines: the client's X-Request-ID, or one made for it.
    std::string trace_id;

    // Case-insensitive; nothing when absent.
    std::optional<std::string_view> header(std::string_view name) const noexcept;
    std::optional<std::string_view> query_value(std::string_view name) const noexcept;
    // The route has it, or this is a bug: aborts.
    const std::string& parameter(std::string_view name) const noexcept;
};

struct Response {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;
    Headers headers;  // Beyond Content-Type, Content-Length, Date and Connection.
};

// A long poll that has nothing to say yet: the server runs the handler again when it is woken, and
// for the last time at `until`, when it must answer.
struct Park {
    base::Deadline until;
};

using Reply = std::variant<Response, Park>;

// Case-insensitive; nothing when absent.
std::optional<std::string_view> header_in(const Headers& headers, std::string_view name) noexcept;

Response json_response(int status, std::string body);

}  // namespace godwit::http
