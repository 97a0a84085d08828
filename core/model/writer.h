// Writes JSON into a string: a thin coat over Poco's streaming printer.
//
//     Writer json;
//     json.object([&] {
//         json.member("request_id", id);
//         json.member("files", [&] { … });   // a nested object
//     });
//     return std::move(json).text();
#pragma once

#include <Poco/JSON/PrintHandler.h>

#include <concepts>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"

namespace godwit::model {

// What is empty, or 0, is null to whoever reads it.
template <class T>
std::optional<T> or_null(const T& value) {
    if (value == T{}) return {};
    return value;
}

// Thread-compatible.
class Writer {
public:
    Writer() { out_ << std::boolalpha; }  // The printer leaves it to the stream.

    void object(std::invocable auto&& members) {
        printer_.startObject();
        members();
        printer_.endObject();
    }
    void array(std::invocable auto&& items) {
        printer_.startArray();
        items();
        printer_.endArray();
    }

    // JSON carries text only: bytes that are not UTF-8 are shown with replacement characters.
    void value(std::string_view text) {
        printer_.value(base::is_utf8(text) ? std::string{text} : base::to_utf8_lossy(text));
    }
    void value(const std::string& text) { value(std::string_view{text}); }
    void value(const char* text) { value(std::string_view{text}); }
    void value(bool truth) { printer_.value(truth); }
    void value(double number) { printer_.value(number); }
    void value(std::signed_integral auto number) {
        printer_.value(static_cast<Poco::Int64>(number));
    }
    void value(std::unsigned_integral auto number) {
        printer_.value(static_cast<Poco::UInt64>(number));
    }
    void value(base::WallTime time) { value(base::to_rfc3339(time)); }
    template <class T>
    void value(const std::optional<T>& maybe) {
        if (maybe) {
            value(*maybe);
        } else {
            printer_.null();
        }
    }

    void key(std::string_view name) { printer_.key(std::string{name}); }
    template <class T>
    void member(std::string_view name, const T& content) {
        key(name);
        if constexpr (std::invocable<const T&>) {
            object(content);
        } else {
            value(content);
        }
    }
    void list(std::string_view name, std::invocable auto&& items) {
        key(name);
        array(items);
    }
    // A path: `name`, and beside it `name_b64` when it is not UTF-8.
    void path(std::string_view name, std::string_view bytes) {
        member(name, bytes);
        if (!base::is_utf8(bytes)) member(std::string{name} + "_b64", base::to_base64(bytes));
    }

    std::string text() && { return std::move(out_).str(); }

private:
    std::ostringstream out_;
    Poco::JSON::PrintHandler printer_{out_};
};

}  // namespace godwit::model
