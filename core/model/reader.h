// Reads the members of a JSON object strictly: no coercion, every problem collected with its place.
//
//     ObjectReader read{document, {"body"}, errors};
//     request.chunk_size_mb = read.integer("chunk_size_mb", 64, 1, 1024);
//     read.refuse_unknown();
#pragma once

#include <Poco/Dynamic/Var.h>
#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/field_error.h"

namespace godwit::model {

using Location = std::vector<std::string>;

inline constexpr std::size_t kFieldErrorsMax = 100;  // What an answer lists at the most.

// A value as an error message quotes it: "'x'", "5", "an object".
std::string describe(const Poco::Dynamic::Var& value);
// Nothing for what is no whole number of 64 bits with a sign, and for a bool.
std::optional<std::int64_t> whole_number(const Poco::Dynamic::Var& value);

// Every getter: without `fallback` the member is required. On a problem the fallback (or an empty
// value) comes back, and reading goes on. `null` counts as absent. Thread-compatible.
class ObjectReader {
public:
    // `errors` must outlive the reader.
    ObjectReader(const Poco::Dynamic::Var& value, Location location,
                 std::vector<FieldError>& errors);

    std::string text(std::string_view key, std::optional<std::string_view> fallback = {});
    std::int64_t integer(std::string_view key, std::optional<std::int64_t> fallback,
                         std::int64_t lowest, std::int64_t highest);
    bool boolean(std::string_view key, std::optional<bool> fallback = {});
    // The index of the member's word in `words`; the first one when it is absent.
    std::size_t one_of(std::string_view key, std::span<const std::string_view> words);
    std::vector<std::string> texts(std::string_view key, bool required, std::size_t items_max);
    // Bytes that were sent as base64; nothing when absent.
    std::optional<std::string> bytes(std::string_view key, std::size_t bytes_max);
    // 64 bits as 1 to 16 hex digits: JSON numbers lose them in some clients.
    std::uint64_t hex(std::string_view key, std::optional<std::uint64_t> fallback = {});
    // Milliseconds since 1970; nothing when absent.
    std::optional<base::WallTime> time_ms(std::string_view key);

    // Calls `each` with every item of a list; the location names the item.
    void items(std::string_view key, std::size_t items_max,
               const std::function<void(const Poco::Dynamic::Var&, Location)>& each);
    // Calls `found` with a nested value when there is one.
    void child(std::string_view key,
               const std::function<void(const Poco::Dynamic::Var&, Location)>& found);

    bool has(std::string_view key) const;
    void problem(std::string_view key, std::string message, std::string type = "value_error");
    // Every member that nobody asked for is a problem, with the nearest known name.
    void refuse_unknown();

private:
    Poco::Dynamic::Var member(std::string_view key, bool required);
    Location locate(std::string_view key) const;

    Poco::JSON::Object::Ptr object_;  // Null when the value is no object.
    Location location_;
    std::vector<FieldError>& errors_;
    std::vector<std::string> known_;
};

}  // namespace godwit::model
