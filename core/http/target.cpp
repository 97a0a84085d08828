#include "http/target.h"

#include <charconv>

namespace godwit::http {

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && plus_is_blank) {
            decoded += ' ';
        } else if (text[i] != '%') {
            decoded += text[i];
        } else {
            const std::string_view digits = text.substr(i + 1, 2);
            unsigned char byte = 0;
            const char* const end = digits.data() + digits.size();
            const auto [stop, error] = std::from_chars(digits.data(), end, byte, 16);
            if (digits.size() != 2 || error != std::errc{} || stop != end || byte == 0) return {};
            decoded += static_cast<char>(byte);
            i += 2;
        }
    }
    return decoded;
}

std::optional<std::vector<std::string>> split_path(std::string_view path) {
    if (!path.starts_with('/')) return {};
    std::vector<std::string> segments;
    path.remove_prefix(1);
    if (path.ends_with('/')) path.remove_suffix(1);
    if (path.empty()) return segments;
    for (;;) {
        const std::size_t slash = path.find('/');
        auto segment = percent_decode(path.substr(0, slash));
        if (!segment) return {};
        segments.push_back(std::move(*segment));
        if (slash == std::string_view::npos) return segments;
        path.remove_prefix(slash + 1);
    }
}

std::optional<std::vector<std::pair<std::string, std::string>>> parse_query(
    std::string_view query) {
    std::vector<std::pair<std::string, std::string>> pairs;
    while (!query.empty()) {
        const std::size_t ampersand = query.find('&');
        const std::string_view pair = query.substr(0, ampersand);
        query.remove_prefix(ampersand == std::string_view::npos ? query.size() : ampersand + 1);
        if (pair.empty()) continue;
        const std::size_t equals = pair.find('=');
        auto name = percent_decode(pair.substr(0, equals), true);
        auto value = equals == std::string_view::npos
                         ? std::string{}
                         : percent_decode(pair.substr(equals + 1), true);
        if (!name || !value || pairs.size() == kQueryPairsMax) return {};
        pairs.emplace_back(std::move(*name), std::move(*value));
    }
    return pairs;
}

}  // namespace godwit::http
