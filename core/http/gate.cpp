#include "http/gate.h"

#include <charconv>
#include <vector>

#include "base/bytes.h"
#include "http/poco_head.h"
#include "http/text.h"

namespace godwit::http {
namespace {

Refusal bad_request(std::string detail) {
    return {400, "bad_request", std::move(detail)};
}

std::string shown_name(std::string_view name) {
    return "header '" + base::printable(name, 64) + "'";
}

// Everything that the headers say about framing, counted before it is believed.
struct Framing {
    std::vector<std::string_view> lengths;
    std::vector<std::string_view> encodings;
    std::vector<std::string_view> hosts;
    std::vector<std::string_view> expectations;
    std::size_t authorizations = 0;
    bool close = false;
    bool keep_alive = false;
};

void read_connection(std::string_view value, Framing& framing) {
    while (!value.empty()) {
        const std::size_t comma = value.find(',');
        const std::string_view option = trimmed(value.substr(0, comma));
        framing.close |= equals_ignoring_case(option, "close");
        framing.keep_alive |= equals_ignoring_case(option, "keep-alive");
        value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
    }
}

Framing framing_of(const Headers& headers) {
    Framing framing;
    for (const auto& [name, value] : headers) {
        if (equals_ignoring_case(name, "Content-Length")) {
            framing.lengths.push_back(value);
        } else if (equals_ignoring_case(name, "Transfer-Encoding")) {
            framing.encodings.push_back(value);
        } else if (equals_ignoring_case(name, "Host")) {
            framing.hosts.push_back(value);
        } else if (equals_ignoring_case(name, "Expect")) {
            framing.expectations.push_back(value);
        } else if (equals_ignoring_case(name, "Connection")) {
            read_connection(value, framing);
        } else if (equals_ignoring_case(name, "Authorization")) {
            ++framing.authorizations;
        }
    }
    return framing;
}

// "GET /x HTTP/1.1", with exactly two blanks in it.
std::optional<Refusal> read_request_line(std::string_view line, Head& head) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last || line.find(' ', first + 1) != last) {
        return bad_request("the request line is not 'METHOD /path HTTP/1.1'");
    }
    const std::string_view method = line.substr(0, first);
    std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);

    if (!is_token(method) || method.size() > kMethodBytesMax) {
        return bad_request("the method is not a word of at most " +
                           std::to_string(kMethodBytesMax) + " letters");
    }
    if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) ||
        version[6] != '.' || !is_digit(version[7])) {
        return bad_request("the request line does not end with 'HTTP/1.1'");
    }
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        return Refusal{505, "version_not_supported", "this server speaks HTTP/1.1 and HTTP/1.0"};
    }
    if (target.size() > kTargetBytesMax) {
        return Refusal{414, "uri_too_long",
                       "the path is longer than " + std::to_string(kTargetBytesMax) + " bytes"};
    }
    // A proxy's absolute form is to be taken (RFC 9112 §3.2.2); whom it names is no matter here.
    constexpr std::string_view kScheme = "http://";
    if (equals_ignoring_case(target.substr(0, kScheme.size()), kScheme)) {
        target.remove_prefix(std::min(target.find('/', kScheme.size()), target.size()));
    }
    if (!target.starts_with('/') || target.find('#') != std::string_view::npos ||
        !std::all_of(target.begin(), target.end(), is_visible_ascii)) {
        return bad_request(
            "the path does not begin with '/', or has bytes that must be written as %XX");
    }
    head.method = method;
    head.target = target;
    head.http_1_0 = version == "HTTP/1.0";
    return {};
}

// Host is checked so far that nothing else can be hidden in it.
bool is_host(std::string_view value) noexcept {
    const auto fits = [](char c) {
        return is_unreserved(c) ||
               std::string_view{"!$&'()*+,;=:[]%"}.find(c) != std::string_view::npos;
    };
    return std::all_of(value.begin(), value.end(), fits);
}

std::optional<Refusal> check_host(const Framing& framing, const Head& head) {
    if (framing.hosts.size() > 1) return bad_request("more than one Host header");
    if (framing.hosts.empty() && !head.http_1_0) return bad_request("the Host header is missing");
    if (!framing.hosts.empty() && !is_host(framing.hosts.front())) {
        return bad_request("the Host header is not a name and perhaps a port");
    }
    return {};
}

std::optional<Refusal> check_encoding(const Framing& framing, const Head& head) {
    if (framing.encodings.empty()) return {};
    if (!framing.lengths.empty()) {
        return bad_request("both Content-Length and Transfer-Encoding: one of them is a lie");
    }
    if (head.http_1_0) return bad_request("Transfer-Encoding does not exist in HTTP/1.0");
    if (framing.encodings.size() > 1 ||
        !equals_ignoring_case(framing.encodings.front(), "chunked")) {
        return Refusal{501, "not_implemented",
                       "no Transfer-Encoding is understood here: send the "
                       "body as it is, with its Content-Length"};
    }
    return Refusal{411, "length_required",
                   "chunked bodies are not taken: send the body with its Content-Length"};
}

std::optional<Refusal> read_length(const Framing& framing, Head& head) {
    if (framing.lengths.empty()) return {};
    if (framing.lengths.size() > 1) return bad_request("more than one Content-Length header");
    const std::string_view digits = framing.lengths.front();
    if (digits.empty() || !std::all_of(digits.begin(), digits.end(), is_digit)) {
        return bad_request("Content-Length is not a number");
    }
    std::int64_t length = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), length).ec != std::errc{}) {
        return Refusal{413, "body_too_large", "Content-Length does not fit into 63 bits"};
    }
    head.body_bytes = static_cast<std::uint64_t>(length);
    head.has_length = true;
    return {};
}

std::optional<Refusal> read_expectation(const Framing& framing, Head& head) {
    if (framing.expectations.empty()) return {};
    if (framing.expectations.size() > 1 ||
        !equals_ignoring_case(framing.expectations.front(), "100-continue")) {
        return Refusal{417, "expectation_failed", "Expect: only 100-continue can be met"};
    }
    head.expects_continue = !head.http_1_0 && head.body_bytes > 0;
    return {};
}

}  // namespace

std::variant<std::monostate, std::size_t, Refusal> HeadScan::scan(std::string_view bytes) {
    for (; scanned_ < bytes.size(); ++scanned_) {
        const char c = bytes[scanned_];
        if (c == '\n') {
            if (scanned_ == line_start_ || bytes[scanned_ - 1] != '\r') {
                return bad_request("a line ends with LF alone: CR and LF are needed");
            }
            const bool blank = scanned_ - line_start_ == 1;
            if (auto refusal = check_length(scanned_ + 1)) return std::move(*refusal);
            ++lines_;
            line_start_ = scanned_ + 1;
            if (blank) return ++scanned_;
        } else if (scanned_ > line_start_ && bytes[scanned_ - 1] == '\r') {
            return bad_request("a CR without its LF");
        } else if (is_control(c) && c != '\r' && c != '\t') {
            constexpr char kTlsHandshake = 0x16;
            return bad_request(scanned_ == 0 && c == kTlsHandshake
                                   ? "this port speaks plain HTTP, not TLS"
                                   : "a control character in the head");
        }
    }
    if (auto refusal = check_length(scanned_)) return std::move(*refusal);
    return std::monostate{};
}

std::optional<Refusal> HeadScan::check_length(std::size_t bytes) const {
    constexpr std::size_t kAroundTarget = kMethodBytesMax + 16;
    if (lines_ == 0 && bytes > kTargetBytesMax + kAroundTarget) {
        return Refusal{414, "uri_too_long",
                       "the path is longer than " + std::to_string(kTargetBytesMax) + " bytes"};
    }
    if (bytes > kHeadBytesMax) {
        return Refusal{431, "headers_too_large",
                       "the headers are longer than " + std::to_string(kHeadBytesMax) + " bytes"};
    }
    return {};
}

std::variant<Headers, Refusal> parse_headers(std::string_view lines) {
    Headers headers;
    while (!lines.empty()) {
        const std::size_t end = lines.find("\r\n");
        if (end == std::string_view::npos) return bad_request("a header line without CRLF");
        const std::string_view line = lines.substr(0, end);
        lines.remove_prefix(end + 2);

        const std::size_t colon = line.find(':');
        const std::string_view name = line.substr(0, colon);
        if (line.starts_with(' ') || line.starts_with('\t')) {
            return bad_request("a header line begins with a blank: folded lines are not taken");
        }
        if (colon == std::string_view::npos || !is_token(name)) {
            return bad_request(shown_name(name) + ": not a name with a colon right behind it");
        }
        const std::string_view value = trimmed(line.substr(colon + 1));
        if (std::any_of(value.begin(), value.end(),
                        [](char c) { return is_control(c) && c != '\t'; })) {
            return bad_request(shown_name(name) + ": a control character in its value");
        }
        if (name.size() > kHeaderNameBytesMax || value.size() > kHeaderValueBytesMax) {
            return Refusal{431, "headers_too_large",
                           shown_name(name) + ": longer than " +
                               std::to_string(kHeaderValueBytesMax) + " bytes"};
        }
        if (headers.size() == kHeadersMax) {
            return Refusal{431, "headers_too_large",
                           "more than " + std::to_string(kHeadersMax) + " headers"};
        }
        headers.emplace_back(name, value);
    }
    return headers;
}

std::variant<Head, Refusal> judge(std::string_view bytes) {
    Head head;
    const std::size_t line_end = bytes.find("\r\n");
    if (line_end == std::string_view::npos || !bytes.ends_with("\r\n\r\n")) {
        return bad_request("the head does not end with a blank line");
    }
    if (auto refusal = read_request_line(bytes.substr(0, line_end), head))
        return std::move(*refusal);

    std::string_view lines = bytes.substr(line_end + 2);
    lines.remove_suffix(2);
    auto headers = parse_headers(lines);
    if (auto* refusal = std::get_if<Refusal>(&headers)) return std::move(*refusal);
    head.headers = std::move(std::get<Headers>(headers));

    const Framing framing = framing_of(head.headers);
    for (auto&& refusal : {check_host(framing, head), check_encoding(framing, head),
                           read_length(framing, head), read_expectation(framing, head)}) {
        if (refusal) return *refusal;
    }
    if (framing.authorizations > 1) return bad_request("more than one Authorization header");
    head.keep_alive = !framing.close && (!head.http_1_0 || framing.keep_alive);
    if (!poco_reads_the_same(bytes, head)) {
        return bad_request("the head can be read in more than one way");
    }
    return head;
}

}  // namespace godwit::http
