// The request gate: judges a head by its raw bytes, before any parser is asked what it makes of it.
//
// Two parties that read one stream of bytes differently are how requests get smuggled. So what
// leaves room for two readings is refused here, and the connection closed behind it: the bytes that
// follow cannot be trusted to begin a request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "http/message.h"

namespace godwit::http {

inline constexpr std::size_t kMethodBytesMax = 16;
inline constexpr std::size_t kTargetBytesMax = 8 << 10;
inline constexpr std::size_t kHeadBytesMax = 32 << 10;
// Not beyond Poco's own limits, which are compiled in.
inline constexpr std::size_t kHeadersMax = 100;
inline constexpr std::size_t kHeaderNameBytesMax = 128;
inline constexpr std::size_t kHeaderValueBytesMax = 8 << 10;

// Why there is no request in these bytes.
struct Refusal {
    int status;
    std::string_view code;
    std::string detail;  // Quotes no value of a header.
};

// Finds the end of a head in bytes that come in pieces, and refuses at once what no head can hold:
// control characters, a CR or LF alone, and more bytes than allowed. Thread-compatible.
class HeadScan {
public:
    // `bytes`: all of this request so far, the same as the last time and perhaps more. How long the
    // head is, with its blank line; nothing when it has not ended yet.
    std::variant<std::monostate, std::size_t, Refusal> scan(std::string_view bytes);
    void restart() noexcept { *this = {}; }

private:
    std::optional<Refusal> check_length(std::size_t bytes) const;

    std::size_t scanned_ = 0;
    std::size_t line_start_ = 0;
    std::size_t lines_ = 0;
};

// A head of which there is one reading.
struct Head {
    std::string method;
    std::string target;  // Begins with a slash.
    bool http_1_0 = false;
    Headers headers;  // In order, values trimmed.
    std::uint64_t body_bytes = 0;
    bool has_length = false;
    bool keep_alive = true;
    bool expects_continue = false;

    bool lacks_length() const noexcept {
        return !has_length && (method == "POST" || method == "PUT" || method == "PATCH");
    }
};

// `head`: what HeadScan found, with its blank line.
std::variant<Head, Refusal> judge(std::string_view head);

// Header lines, each with its CRLF. Shared with the client, to which masters may lie as well.
std::variant<Headers, Refusal> parse_headers(std::string_view lines);

}  // namespace godwit::http
