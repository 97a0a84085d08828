#include "model/json.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Array.h>
#include <Poco/JSON/Handler.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <exception>
#include <istream>
#include <optional>
#include <streambuf>
#include <vector>

#include "base/bytes.h"

namespace godwit::model {
namespace {

using Poco::Dynamic::Var;
using Poco::JSON::Array;
using Poco::JSON::Object;

constexpr const char* kNulInText = "a NUL (\\u0000) in text";

constexpr bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

constexpr bool is_part_of_number(char c) noexcept {
    return ('0' <= c && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

// Reads from memory, and knows how far Poco has read: its errors do not say where they are.
class CountingBuffer final : public std::streambuf {
public:
    explicit CountingBuffer(std::string_view text) {
        char* begin = const_cast<char*>(text.data());  // Only read from.
        setg(begin, begin, begin + text.size());
    }

    std::size_t consumed() const noexcept { return static_cast<std::size_t>(gptr() - eback()); }
    std::string_view read_so_far() const noexcept { return {eback(), consumed()}; }
    bool ran_out() const noexcept { return ran_out_; }

private:
    int_type underflow() override {
        ran_out_ = true;
        return traits_type::eof();
    }

    bool ran_out_ = false;
};

// Thrown through Poco's parser, which tidies up behind std::exception only.
struct Refusal : std::exception {
    Refusal(std::size_t offset, std::string message)
        : offset{offset}, message{std::move(message)} {}
    const char* what() const noexcept override { return message.c_str(); }

    std::size_t offset;
    std::string message;
};

// Builds the document, and refuses what Poco's own ParseHandler lets through.
class StrictBuilder final : public Poco::JSON::Handler {
public:
    explicit StrictBuilder(const CountingBuffer& input) : input_{input} {}

    void reset() override {}
    void startObject() override { open(new Object, {}); }
    void startArray() override { open({}, new Array); }
    void endObject() override { stack_.pop_back(); }
    void endArray() override { stack_.pop_back(); }

    void key(const std::string& name) override {
        if (stack_.back().object->has(name)) {
            throw Refusal{start_of_text(),
                          "the member '" + base::printable(name, 64) + "' stands twice"};
        }
        stack_.back().key = name;
    }

    void null() override { put({}); }
    void value(bool truth) override { put(truth); }
    void value(const std::string& text) override { put(text); }
    void value(int) override { put_number(); }
    void value(unsigned) override { put_number(); }
    void value(Poco::Int64) override { put_number(); }
    void value(Poco::UInt64) override { put_number(); }
    void value(double number) override {
        if (!std::isfinite(number)) throw number_refusal();
        put(number);
    }
    Var asVar() const override { return root_; }

    bool is_whole() const noexcept { return stack_.empty() && !root_.isEmpty(); }

    // The number that Poco has just read, as it was written.
    std::string_view number_token() const noexcept {
        const std::string_view read = input_.read_so_far();
        std::size_t start = read.size();
        while (start > 0 && is_part_of_number(read[start - 1])) --start;
        return read.substr(start);
    }
    Refusal number_refusal() const {
        const std::string_view token = number_token();
        return {input_.consumed() - token.size(),
                "the number " + base::printable(token, 64) + " does not fit into 64 bits"};
    }

private:
    struct Level {  // One of the two is set.
        Object::Ptr object;
        Array::Ptr array;
        std::string key;
    };

    // Where the string begins that Poco has just read. Quotes inside of it have a backslash.
    std::size_t start_of_text() const noexcept {
        const std::string_view read = input_.read_so_far();
        std::size_t quote = read.size() - 1;
        for (;;) {
            quote = read.rfind('"', quote - 1);
            std::size_t backslashes = 0;
            while (backslashes < quote && read[quote - 1 - backslashes] == '\\') ++backslashes;
            if (backslashes % 2 == 0) return quote;
        }
    }

    void open(Object::Ptr object, Array::Ptr array) {
        const std::size_t here = input_.consumed() - 1;
        if (stack_.size() == kJsonDepthMax) {
            throw Refusal{here, "nested deeper than " + std::to_string(kJsonDepthMax) + " levels"};
        }
        if (++containers_ > kJsonContainersMax) {
            throw Refusal{here, "more than " + std::to_string(kJsonContainersMax) +
                                    " objects and lists in one document"};
        }
        Var container;
        if (object) {
            container = object;
        } else {
            container = array;
        }
        if (stack_.empty()) {
            root_ = container;
        } else {
            put(container);
        }
        stack_.push_back({std::move(object), std::move(array), {}});
    }

    void put(const Var& value) {
        if (stack_.empty()) {
            throw Refusal{first_word(), "expected an object or a list"};
        }
        if (++values_ > kJsonValuesMax) {
            throw Refusal{input_.consumed() - 1, "more than " + std::to_string(kJsonValuesMax) +
                                                     " values in one document"};
        }
        Level& level = stack_.back();
        if (level.object) {
            level.object->set(level.key, value);
        } else {
            level.array->add(value);
        }
    }

    // Poco clamps some whole numbers and wraps others: what was written decides.
    void put_number() {
        const std::string_view token = number_token();
        const char* const end = token.data() + token.size();
        const auto fits = [&](auto& number) {
            const auto [stop, error] = std::from_chars(token.data(), end, number);
            return error == std::errc{} && stop == end;
        };
        if (Poco::Int64 number = 0; fits(number)) return put(number);
        if (Poco::UInt64 number = 0; fits(number)) return put(number);
        throw number_refusal();
    }

    std::size_t first_word() const noexcept {
        const std::string_view read = input_.read_so_far();
        return static_cast<std::size_t>(std::find_if_not(read.begin(), read.end(), is_blank) -
                                        read.begin());
    }

    const CountingBuffer& input_;
    std::vector<Level> stack_;
    Var root_;
    std::size_t containers_ = 0;
    std::size_t values_ = 0;
};

// What is to be known about the text before Poco sees it.
struct Scan {
    std::vector<std::size_t> trailing_commas;  // Behind the last member of an object.
    std::optional<std::size_t> nul;            // The first \u0000 inside a string.
};

Scan scan(std::string_view text) {
    constexpr std::size_t kNone = std::string_view::npos;
    Scan found;
    char before = '\0';  // The last byte outside of strings that was not blank.
    std::size_t comma = kNone;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (is_blank(c)) continue;
        if (c == '}' && comma != kNone) found.trailing_commas.push_back(comma);
        comma = kNone;
        if (c == '"') {
            for (++i; i < text.size() && text[i] != '"'; ++i) {
                if (text[i] != '\\') continue;
                if (!found.nul && text.substr(i, 6) == "\\u0000") found.nul = i;
                ++i;
            }
        } else if (c == ',' && before != ',' && before != '{' && before != '[' && before != ':' &&
                   before != '\0') {
            comma = i;
        }
        before = c;
    }
    return found;
}

// Poco quotes the byte at which it stumbled, whatever that is.
std::string readable(const std::string& message) {
    std::string text;
    for (const char c : message) {
        if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F) {
            text += "\\x" + base::to_hex(std::string_view{&c, 1});
        } else {
            text += c;
        }
    }
    return text;
}

Error error_at(std::string_view text, std::size_t offset, const std::string& message) {
    const std::string_view before = text.substr(0, offset);
    const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    const auto starts_character = [](char c) { return (c & 0xC0) != 0x80; };
    const auto lines = std::count(before.begin(), before.end(), '\n');
    const auto columns = std::count_if(before.begin() + static_cast<std::ptrdiff_t>(line_start),
                                       before.end(), starts_character);
    return Error{Code::InvalidArgument, "line " + std::to_string(lines + 1) + ", column " +
                                            std::to_string(columns + 1) + ": " + message};
}

Result<Var> parse(std::string_view text, std::optional<std::size_t> nul) {
    const auto refuse = [&](std::size_t offset, const std::string& message) -> Error {
        if (nul && *nul < offset) return error_at(text, *nul, kNulInText);
        return error_at(text, offset, message);
    };
    CountingBuffer buffer{text};
    const Poco::SharedPtr<StrictBuilder> builder{new StrictBuilder{buffer}};
    try {
        std::istream input{&buffer};
        Poco::JSON::Parser parser{builder};
        parser.setDepth(kJsonDepthMax + 1);  // The builder has counted before, and says where.
        parser.parse(input);
    } catch (const Refusal& refusal) {
        return refuse(refusal.offset, refusal.message);
    } catch (const Poco::JSON::JSONException& failure) {
        if (buffer.ran_out()) return refuse(text.size(), "the text ends too early");
        // Poco has peeked at what follows a whole document, and swallowed what is wrong inside.
        if (builder->is_whole()) return refuse(buffer.consumed(), "text behind the document");
        return refuse(buffer.consumed() - 1, readable(failure.message()));
    } catch (const Poco::SyntaxException&) {
        const Refusal refusal = builder->number_refusal();
        return refuse(refusal.offset, refusal.message);
    } catch (const Poco::Exception& failure) {
        return refuse(buffer.consumed(), readable(failure.displayText()));
    }
    if (nul) return error_at(text, *nul, kNulInText);
    return builder->asVar();
}

}  // namespace

Result<Var> parse_json(std::string_view text) {
    const Scan found = scan(text);
    if (found.trailing_commas.empty()) return parse(text, found.nul);
    // Blanks in their place keep every offset as the client counts it.
    std::string blanked{text};
    for (const std::size_t comma : found.trailing_commas) blanked[comma] = ' ';
    return parse(blanked, found.nul);
}

}  // namespace godwit::model
