#include "http/problem.h"

#include <Poco/JSON/PrintHandler.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "base/bytes.h"
#include "http/text.h"

namespace godwit::http {
namespace {

constexpr const char* kRetryAfterSeconds = "1";

struct Mapping {
    int status;
    std::string_view code;
};

constexpr Mapping mapping_of(Code code) noexcept {
    switch (code) {
    case Code::InvalidArgument: return {400, "invalid_argument"};
    case Code::NotFound: return {404, "not_found"};
    case Code::Conflict: return {409, "conflict"};
    case Code::Unsupported: return {422, "unsupported"};
    case Code::Unavailable:
    case Code::UnknownOutcome:
    case Code::Again:
    case Code::Cancelled:
    case Code::TimedOut:
    case Code::PeerLost:
    case Code::NoMemory: return {503, "unavailable"};
    case Code::Ok:
    case Code::BadKey:
    case Code::Internal: return {500, "internal"};
    }
    std::abort();  // An Error was corrupted: stop rather than answer nonsense.
}

// "lease_lost" is "Lease lost".
std::string title_of(std::string_view code) {
    std::string title{code};
    std::replace(title.begin(), title.end(), '_', ' ');
    if (!title.empty() && title[0] >= 'a' && title[0] <= 'z') title[0] -= 'a' - 'A';
    return title;
}

bool is_index(const std::string& word) noexcept {
    constexpr std::size_t kDigitsMax = 9;
    return !word.empty() && word.size() <= kDigitsMax &&
           std::all_of(word.begin(), word.end(), is_digit);
}

void print_location(Poco::JSON::PrintHandler& out, const std::vector<std::string>& location) {
    out.key("loc");
    out.startArray();
    for (const std::string& word : location) {
        if (is_index(word)) {
            out.value(std::stoi(word));
        } else {
            out.value(base::to_utf8_lossy(word));
        }
    }
    out.endArray();
}

void print_errors(Poco::JSON::PrintHandler& out, const std::vector<model::FieldError>& errors) {
    out.key("errors");
    out.startArray();
    for (const model::FieldError& error : errors) {
        out.startObject();
        print_location(out, error.location);
        out.key("msg");
        out.value(base::to_utf8_lossy(error.message));
        out.key("type");
        out.value(error.type);
        out.endObject();
    }
    out.endArray();
}

}  // namespace

Response problem(int status, std::string_view code, std::string_view detail,
                 const std::vector<model::FieldError>& errors) {
    std::ostringstream text;
    Poco::JSON::PrintHandler out{text};
    out.startObject();
    out.key("type");
    out.value("urn:godwit:problem:" + std::string{code});
    out.key("title");
    out.value(title_of(code));
    out.key("status");
    out.value(status);
    out.key("detail");
    out.value(base::to_utf8_lossy(detail));
    out.key("code");
    out.value(std::string{code});
    if (!errors.empty()) print_errors(out, errors);
    out.endObject();

    Response response;
    response.status = status;
    response.content_type = "application/problem+json";
    response.body = std::move(text).str();
    if (status == 503) response.headers.emplace_back("Retry-After", kRetryAfterSeconds);
    return response;
}

Response problem(const Error& error) {
    const Mapping mapping = mapping_of(error.code);
    return problem(mapping.status, mapping.code, error.message);
}

}  // namespace godwit::http
