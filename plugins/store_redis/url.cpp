#include "url.h"

#include <charconv>
#include <optional>

namespace godwit::store_redis {
namespace {

using sdk::Code;
using sdk::Error;

constexpr int kDatabaseMax = 1'000'000;

Error bad(const std::string& why) {
    return Error{Code::InvalidArgument, why};
}

std::optional<int> parse_number(std::string_view text, int lowest, int highest) {
    int number = 0;
    const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
    if (number < lowest || number > highest) return std::nullopt;
    return number;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Nothing when a '%' is not followed by two hex digits.
std::optional<std::string> percent_decode(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        if (i + 2 >= text.size()) return std::nullopt;
        const int high = hex_digit(text[i + 1]);
        const int low = hex_digit(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        decoded += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return decoded;
}

// Takes "user:password@" off the front of `rest`.
sdk::Status take_credentials(std::string_view& rest, Target& target) {
    const std::size_t at = rest.substr(0, rest.find('/')).rfind('@');
    if (at == std::string_view::npos) return {};
    const std::string_view credentials = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    const std::size_t colon = credentials.find(':');
    const auto user = percent_decode(credentials.substr(0, colon));
    const auto password = colon == std::string_view::npos
                              ? std::string{}
                              : percent_decode(credentials.substr(colon + 1));
    if (!user || !password) return bad("user or password: '%' must be followed by two hex digits");
    if (!user->empty() && password->empty()) {
        return bad(
            "a user needs a password: write user:password@, or :password@ for the default "
            "user");
    }
    target.user = *user;
    target.password = *password;
    return {};
}

sdk::Status take_database(std::string_view text, Target& target) {
    const auto db = parse_number(text, 0, kDatabaseMax);
    if (!db) return bad("the database must be a number");
    target.db = *db;
    return {};
}

sdk::Status parse_host(std::string_view text, Target& target) {
    std::string_view port;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos) return bad("'[' without ']' around an IPv6 address");
        target.host = text.substr(1, end - 1);
        port = text.substr(end + 1);
        if (!port.empty() && port.front() != ':') return bad("expected ':port' after ']'");
    } else {
        const std::size_t colon = text.find(':');
        target.host = text.substr(0, colon);
        if (colon != std::string_view::npos) port = text.substr(colon);
    }
    if (target.host.empty()) return bad("the host is missing");
    if (port.empty()) return {};
    const auto number = parse_number(port.substr(1), 1, 65'535);
    if (!number) return bad("the port must be a number in 1..65535");
    target.port = *number;
    return {};
}

sdk::Result<Target> parse_network(std::string_view rest) {
    Target target;
    if (auto status = take_credentials(rest, target); !status) return std::move(status).error();
    if (rest.find('?') != std::string_view::npos) {
        return bad("no '?' is known here: the database goes into the path, as in redis://host/2");
    }
    const std::size_t slash = rest.find('/');
    if (auto status = parse_host(rest.substr(0, slash), target); !status) {
        return std::move(status).error();
    }
    if (slash != std::string_view::npos && slash + 1 < rest.size()) {
        if (auto status = take_database(rest.substr(slash + 1), target); !status) {
            return std::move(status).error();
        }
    }
    return target;
}

sdk::Result<Target> parse_socket(std::string_view rest) {
    Target target;
    if (auto status = take_credentials(rest, target); !status) return std::move(status).error();
    const std::size_t query = rest.find('?');
    const auto path = percent_decode(rest.substr(0, query));
    if (!path || !path->starts_with('/')) {
        return bad("the path of a socket must be absolute, as in unix:///run/redis/redis.sock");
    }
    target.path = *path;
    if (query == std::string_view::npos) return target;
    const std::string_view option = rest.substr(query + 1);
    if (!option.starts_with("db=")) return bad("only ?db= may follow the path of a socket");
    if (auto status = take_database(option.substr(3), target); !status) {
        return std::move(status).error();
    }
    return target;
}

}  // namespace

std::string Target::shown() const {
    std::string text = host.empty() ? "unix://" : "redis://";
    if (!password.empty()) text += user + ":***@";
    if (host.empty()) return text + path + "?db=" + std::to_string(db);
    const bool bracketed = host.find(':') != std::string::npos;
    text += bracketed ? "[" + host + "]" : host;
    return text + ":" + std::to_string(port) + "/" + std::to_string(db);
}

sdk::Result<Target> parse_url(std::string_view url) {
    constexpr std::string_view separator = "://";
    const std::size_t end = url.find(separator);
    const std::string_view scheme = url.substr(0, end == std::string_view::npos ? 0 : end);
    const std::string_view rest = scheme.empty() ? "" : url.substr(end + separator.size());
    if (scheme == "redis") return parse_network(rest);
    if (scheme == "redis+unix" || scheme == "unix") return parse_socket(rest);
    if (scheme == "rediss") {
        return bad(
            "rediss:// is not supported, as hiredis 0.14 has no TLS: run stunnel beside the "
            "master and give its address, or use a socket with unix://");
    }
    return bad("expected redis://[user:password@]host[:port][/db] or unix:///path[?db=n]");
}

}  // namespace godwit::store_redis
