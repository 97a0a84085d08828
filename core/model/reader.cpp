#include "model/reader.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/bytes.h"
#include "godwit/sdk/nearest.h"

namespace godwit::model {

using Poco::Dynamic::Var;

namespace {

constexpr std::int64_t kTimeMsMax = 253'402'300'799'999;  // The end of the year 9999.

}  // namespace

std::string describe(const Var& value) {
    if (value.isEmpty()) return "nothing";
    if (value.type() == typeid(std::string)) {
        return "'" + base::printable(value.extract<std::string>(), 64) + "'";
    }
    if (value.type() == typeid(bool)) return value.extract<bool>() ? "true" : "false";
    if (value.type() == typeid(Poco::JSON::Object::Ptr)) return "an object";
    if (value.type() == typeid(Poco::JSON::Array::Ptr)) return "a list";
    return value.toString();
}

// Whole numbers only: Var::isInteger() also says yes to a bool.
std::optional<std::int64_t> whole_number(const Var& value) {
    if (value.type() == typeid(Poco::Int64)) return value.extract<Poco::Int64>();
    if (value.type() == typeid(int)) return value.extract<int>();
    if (value.type() == typeid(Poco::UInt64)) {
        const Poco::UInt64 number = value.extract<Poco::UInt64>();
        if (number <= std::numeric_limits<std::int64_t>::max()) {
            return static_cast<std::int64_t>(number);
        }
    }
    return std::nullopt;
}

ObjectReader::ObjectReader(const Var& value, Location location, std::vector<FieldError>& errors)
    : location_{std::move(location)}, errors_{errors} {
    if (!value.isEmpty() && value.type() == typeid(Poco::JSON::Object::Ptr)) {
        object_ = value.extract<Poco::JSON::Object::Ptr>();
    } else {
        errors_.push_back({location_, "expected an object, got " + describe(value), "type_error"});
    }
}

Location ObjectReader::locate(std::string_view key) const {
    Location location = location_;
    location.emplace_back(key);
    return location;
}

bool ObjectReader::has(std::string_view key) const {
    return object_ && !object_->get(std::string{key}).isEmpty();
}

Var ObjectReader::member(std::string_view key, bool required) {
    known_.emplace_back(key);
    if (!object_) return {};
    Var value = object_->get(std::string{key});
    if (value.isEmpty() && required) problem(key, "field required", "missing");
    return value;
}

void ObjectReader::problem(std::string_view key, std::string message, std::string type) {
    if (errors_.size() >= kFieldErrorsMax) return;
    errors_.push_back({locate(key), std::move(message), std::move(type)});
}

std::string ObjectReader::text(std::string_view key, std::optional<std::string_view> fallback) {
    const Var value = member(key, !fallback);
    if (!value.isEmpty()) {
        if (value.type() == typeid(std::string)) return value.extract<std::string>();
        problem(key, "expected text, got " + describe(value), "type_error");
    }
    return std::string{fallback.value_or("")};
}

std::int64_t ObjectReader::integer(std::string_view key, std::optional<std::int64_t> fallback,
                                   std::int64_t lowest, std::int64_t highest) {
    const Var value = member(key, !fallback);
    if (value.isEmpty()) return fallback.value_or(0);
    const std::optional<std::int64_t> number = whole_number(value);
    if (number && lowest <= *number && *number <= highest) return *number;
    problem(key,
            "expected an integer in " + std::to_string(lowest) + ".." + std::to_string(highest) +
                ", got " + describe(value),
            number ? "value_error" : "type_error");
    return fallback.value_or(0);
}

bool ObjectReader::boolean(std::string_view key, std::optional<bool> fallback) {
    const Var value = member(key, !fallback);
    if (!value.isEmpty()) {
        if (value.type() == typeid(bool)) return value.extract<bool>();
        problem(key, "expected true or false, got " + describe(value), "type_error");
    }
    return fallback.value_or(false);
}

std::size_t ObjectReader::one_of(std::string_view key, std::span<const std::string_view> words) {
    const Var value = member(key, false);
    if (value.isEmpty()) return 0;
    if (value.type() == typeid(std::string)) {
        const auto found = std::find(words.begin(), words.end(), value.extract<std::string>());
        if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
    }
    std::string message = "expected one of";
    for (const std::string_view word : words) message += " '" + std::string{word} + "'";
    problem(key, message + ", got " + describe(value));
    return 0;
}

std::vector<std::string> ObjectReader::texts(std::string_view key, bool required,
                                             std::size_t items_max) {
    std::vector<std::string> list;
    if (required && !has(key)) member(key, true);
    items(key, items_max, [&](const Var& item, Location location) {
        if (!item.isEmpty() && item.type() == typeid(std::string)) {
            list.push_back(item.extract<std::string>());
        } else if (errors_.size() < kFieldErrorsMax) {
            errors_.push_back(
                {std::move(location), "expected text, got " + describe(item), "type_error"});
        }
    });
    return list;
}

std::optional<std::string> ObjectReader::bytes(std::string_view key, std::size_t bytes_max) {
    const Var value = member(key, false);
    if (value.isEmpty()) return {};
    if (value.type() == typeid(std::string)) {
        auto decoded = base::from_base64(value.extract<std::string>());
        if (decoded && decoded->size() <= bytes_max) return decoded;
        if (decoded) {
            problem(key, "longer than " + std::to_string(bytes_max) + " bytes");
            return {};
        }
    }
    problem(key, "expected base64, got " + describe(value));
    return {};
}

std::uint64_t ObjectReader::hex(std::string_view key, std::optional<std::uint64_t> fallback) {
    const Var value = member(key, !fallback);
    if (value.isEmpty()) return fallback.value_or(0);
    if (value.type() == typeid(std::string)) {
        const std::string& digits = value.extract<std::string>();
        std::uint64_t number = 0;
        const char* end = digits.data() + digits.size();
        const auto [stop, error] = std::from_chars(digits.data(), end, number, 16);
        if (error == std::errc{} && stop == end && !digits.empty()) return number;
    }
    problem(key, "expected up to 16 hex digits, got " + describe(value));
    return fallback.value_or(0);
}

std::optional<base::WallTime> ObjectReader::time_ms(std::string_view key) {
    if (!has(key)) return {};
    return base::WallTime{base::Millis{integer(key, {}, 0, kTimeMsMax)}};
}

void ObjectReader::items(std::string_view key, std::size_t items_max,
                         const std::function<void(const Var&, Location)>& each) {
    const Var value = member(key, false);
    if (value.isEmpty()) return;
    if (value.type() != typeid(Poco::JSON::Array::Ptr)) {
        problem(key, "expected a list, got " + describe(value), "type_error");
        return;
    }
    const auto array = value.extract<Poco::JSON::Array::Ptr>();
    if (array->size() > items_max) {
        problem(key, "has " + std::to_string(array->size()) + " items, at most " +
                         std::to_string(items_max) + " are taken");
        return;
    }
    for (std::size_t i = 0; i < array->size(); ++i) {
        Location location = locate(key);
        location.push_back(std::to_string(i));
        each(array->get(static_cast<unsigned>(i)), std::move(location));
    }
}

void ObjectReader::child(std::string_view key,
                         const std::function<void(const Var&, Location)>& found) {
    const Var value = member(key, false);
    if (!value.isEmpty()) found(value, locate(key));
}

void ObjectReader::refuse_unknown() {
    if (!object_) return;
    const std::vector<std::string_view> known{known_.begin(), known_.end()};
    for (const auto& [name, value] : *object_) {
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        problem(name, sdk::unknown_name("field", base::printable(name, 64), known),
                "unknown_field");
    }
}

}  // namespace godwit::model
