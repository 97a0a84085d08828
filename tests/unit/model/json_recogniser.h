// A second opinion on what parse_json() must take: RFC 8259 by recursive descent, with the same
// restrictions and the same one leniency, and nothing in common with Poco.
#pragma once

#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "model/json.h"

namespace godwit::model {

class JsonRecogniser {
public:
    static bool accepts(std::string_view text) {
        JsonRecogniser reader{text};
        reader.blanks();
        const bool container = reader.next() == '{' || reader.next() == '[';
        return container && reader.value(1) && (reader.blanks(), reader.rest_.empty());
    }

private:
    explicit JsonRecogniser(std::string_view text) : rest_{text} {}

    int next() const { return rest_.empty() ? -1 : static_cast<unsigned char>(rest_.front()); }
    bool take(std::string_view word) {
        if (!rest_.starts_with(word)) return false;
        rest_.remove_prefix(word.size());
        return true;
    }
    void blanks() {
        while (take(" ") || take("\t") || take("\n") || take("\r")) {
        }
    }

    bool value(std::size_t depth) {
        if (depth > kJsonDepthMax && (next() == '{' || next() == '[')) return false;
        if (next() == '{') return object(depth);
        if (next() == '[') return array(depth);
        if (next() == '"') return text().has_value();
        return take("true") || take("false") || take("null") || number();
    }

    bool object(std::size_t depth) {
        std::set<std::string> names;
        take("{");
        blanks();
        if (take("}")) return true;
        for (;;) {
            const auto name = text();
            if (!name || !names.insert(*name).second) return false;
            blanks();
            if (!take(":")) return false;
            blanks();
            if (!value(depth + 1)) return false;
            blanks();
            if (take("}")) return true;
            if (!take(",")) return false;
            blanks();
            if (take("}")) return true;  // The leniency.
        }
    }

    bool array(std::size_t depth) {
        take("[");
        blanks();
        if (take("]")) return true;
        for (;;) {
            if (!value(depth + 1)) return false;
            blanks();
            if (take("]")) return true;
            if (!take(",")) return false;
            blanks();
        }
    }

    bool digits() {
        std::size_t count = 0;
        for (; next() >= '0' && next() <= '9'; ++count) rest_.remove_prefix(1);
        return count > 0;
    }

    bool number() {
        const std::string_view before = rest_;
        take("-");
        if (!take("0") && !digits()) return false;
        bool whole = true;
        if (take(".")) {
            whole = false;
            if (!digits()) return false;
        }
        if (take("e") || take("E")) {
            whole = false;
            if (!take("+")) take("-");
            if (!digits()) return false;
        }
        const std::string token{before.substr(0, before.size() - rest_.size())};
        if (!whole) return std::isfinite(std::strtod(token.c_str(), nullptr));
        std::int64_t small = 0;
        std::uint64_t large = 0;
        const char* end = token.data() + token.size();
        return std::from_chars(token.data(), end, small).ec == std::errc{} ||
               std::from_chars(token.data(), end, large).ec == std::errc{};
    }

    // The four digits behind \u.
    std::optional<unsigned> unit() {
        unsigned number = 0;
        if (rest_.size() < 4) return {};
        const auto [stop, error] = std::from_chars(rest_.data(), rest_.data() + 4, number, 16);
        if (error != std::errc{} || stop != rest_.data() + 4) return {};
        rest_.remove_prefix(4);
        return number;
    }

    static void append_utf8(std::string& out, unsigned point) {
        const auto tail = [&](int shift) {
            out += static_cast<char>(0x80 | ((point >> shift) & 0x3F));
        };
        if (point < 0x80) {
            out += static_cast<char>(point);
        } else if (point < 0x800) {
            out += static_cast<char>(0xC0 | (point >> 6));
            tail(0);
        } else if (point < 0x10000) {
            out += static_cast<char>(0xE0 | (point >> 12));
            tail(6);
            tail(0);
        } else {
            out += static_cast<char>(0xF0 | (point >> 18));
            tail(12);
            tail(6);
            tail(0);
        }
    }

    bool escape(std::string& out) {
        static constexpr std::string_view kLetters = "\"\\/bfnrt";
        static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
        if (const auto at = kLetters.find(static_cast<char>(next()));
            next() >= 0 && at != std::string_view::npos) {
            out += kMeanings[at];
            rest_.remove_prefix(1);
            return true;
        }
        if (!take("u")) return false;
        const auto first = unit();
        if (!first || *first == 0 || (*first >= 0xDC00 && *first < 0xE000)) return false;
        if (*first < 0xD800 || *first >= 0xE000) {
            append_utf8(out, *first);
            return true;
        }
        if (!take("\\u")) return false;
        const auto second = unit();
        if (!second || *second < 0xDC00 || *second >= 0xE000) return false;
        append_utf8(out, 0x10000 + ((*first - 0xD800) << 10) + (*second - 0xDC00));
        return true;
    }

    std::optional<std::string> text() {
        if (!take("\"")) return {};
        std::string out;
        while (!take("\"")) {
            if (next() < 0x20) return {};  // Also the end.
            if (take("\\")) {
                if (!escape(out)) return {};
            } else {
                out += rest_.front();
                rest_.remove_prefix(1);
            }
        }
        if (!base::is_utf8(out)) return {};
        return out;
    }

    std::string_view rest_;
};

}  // namespace godwit::model
