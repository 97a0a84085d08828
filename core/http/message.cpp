#include "http/message.h"

#include <cstdio>
#include <cstdlib>

#include "http/text.h"

namespace godwit::http {
std::optional<std::string_view> header_in(const Headers& headers, std::string_view name) noexcept {
    for (const auto& [key, value] : headers) {
        if (equals_ignoring_case(key, name)) return value;
    }
    return std::nullopt;
}

std::optional<std::string_view> Request::header(std::string_view name) const noexcept {
    return header_in(headers, name);
}

std::optional<std::string_view> Request::query_value(std::string_view name) const noexcept {
    for (const auto& [key, value] : query) {
        if (key == name) return value;
    }
    return std::nullopt;
}

const std::string& Request::parameter(std::string_view name) const noexcept {
    for (const auto& [key, value] : parameters) {
        if (key == name) return value;
    }
    std::fprintf(stderr, "http: the route of '%s' has no placeholder {%.*s}\n", path.c_str(),
                 static_cast<int>(name.size()), name.data());
    std::abort();
}

Response json_response(int status, std::string body) {
    Response response;
    response.status = status;
    response.body = std::move(body);
    return response;
}

}  // namespace godwit::http
