#include "model/options.h"

#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/time.h"
#include "filter/pattern.h"
#include "model/writer.h"

namespace godwit::model {
namespace {

using Poco::Dynamic::Var;

constexpr std::int64_t kCountMax = std::numeric_limits<std::int64_t>::max();

// In the order of the enumerations; the first word is the default.
constexpr std::array<std::string_view, 6> kCompare{"size_mtime", "size",  "checksum",
                                                   "exists",     "newer", "always"};
constexpr std::array<std::string_view, 2> kDelete{"none", "after"};
constexpr std::array<std::string_view, 3> kDurability{"none", "file", "file_and_directory"};
constexpr std::array<std::string_view, 2> kSpecial{"skip", "copy"};
constexpr std::array<std::string_view, 3> kSymlinks{"preserve", "follow", "skip"};
constexpr std::array<std::string_view, 3> kVerify{"transfer", "readback", "none"};

template <class Enumeration, std::size_t N>
std::string_view word(const std::array<std::string_view, N>& words, Enumeration value) {
    return words[static_cast<std::size_t>(value)];
}

template <class Enumeration, std::size_t N>
void read_word(ObjectReader& read, std::string_view key,
               const std::array<std::string_view, N>& words, Enumeration& value) {
    value = static_cast<Enumeration>(read.one_of(key, words));
}

template <class Number>
void read_number(ObjectReader& read, std::string_view key, std::int64_t lowest,
                 std::int64_t highest, Number& value) {
    value =
        static_cast<Number>(read.integer(key, static_cast<std::int64_t>(value), lowest, highest));
}

void read_truth(ObjectReader& read, std::string_view key, bool& value) {
    value = read.boolean(key, value);
}

// ------------------------------------------------------------------------------------ which files

// What is wrong with a rule; nothing when it will do.
std::optional<std::string> problem_of_rule(std::string_view rule) {
    if (!rule.starts_with("+ ") && !rule.starts_with("- ")) {
        return "a rule begins with '+ ' or '- '";
    }
    if (rule.size() == 2) return "a rule needs a pattern behind its sign";
    if (rule.size() > kFilterBytesMax) return "a rule may have up to 4096 bytes";
    if (rule.find('\0') != std::string_view::npos) return "no name has a NUL byte";
    const auto pattern = filter::Pattern::parse(rule.substr(2));
    if (!pattern) return pattern.error().message;
    return {};
}

// "- *.o", or {"rule_b64": …} where the pattern is not UTF-8.
void read_rule(const Var& item, const Location& at, std::vector<FieldError>& errors,
               std::vector<std::string>& rules) {
    const std::size_t errors_before = errors.size();
    std::string rule;
    if (!item.isEmpty() && item.type() == typeid(std::string)) {
        rule = item.extract<std::string>();
    } else if (!item.isEmpty() && item.type() == typeid(Poco::JSON::Object::Ptr)) {
        ObjectReader read{item, at, errors};
        if (!read.has("rule_b64")) read.problem("rule_b64", "field required", "missing");
        rule = read.bytes("rule_b64", 2 * kFilterBytesMax).value_or("");
        read.refuse_unknown();
    } else {
        errors.push_back({at, "expected text, got " + describe(item), "type_error"});
    }
    if (errors.size() != errors_before) return;
    if (const auto problem = problem_of_rule(rule)) {
        errors.push_back(
            {at, *problem + ", got '" + base::printable(rule, 64) + "'", "value_error"});
        return;
    }
    rules.push_back(std::move(rule));
}

void read_filters(ObjectReader& read, std::vector<FieldError>& errors, RequestOptions& options) {
    read.items("filters", kFiltersMax, [&](const Var& item, const Location& at) {
        if (errors.size() < kFieldErrorsMax) read_rule(item, at, errors, options.filters);
    });
    std::size_t bytes = 0;
    for (const std::string& rule : options.filters) bytes += rule.size();
    if (bytes > kFiltersBytesMax) {
        read.problem("filters", "have " + std::to_string(bytes) + " bytes together, at most " +
                                    std::to_string(kFiltersBytesMax) + " are taken");
    }
}

void read_size(ObjectReader& read, std::string_view key, std::optional<std::uint64_t>& size) {
    const auto bytes = static_cast<std::uint64_t>(read.integer(key, 0, 0, kCountMax));
    if (read.has(key)) size = bytes;
}

// Within what 64 bits of nanoseconds hold, as the times of files are: the years 1678 to 2261.
std::optional<std::int64_t> time_in(const Var& value) {
    constexpr std::int64_t kMillisMax = std::numeric_limits<std::int64_t>::max() / 1'000'000;
    if (value.type() != typeid(std::string)) return {};
    const auto time = base::from_rfc3339(value.extract<std::string>());
    if (!time) return {};
    const std::int64_t millis = time->time_since_epoch().count();
    if (millis > kMillisMax || millis < -kMillisMax) return {};
    return millis;
}

void read_time(ObjectReader& read, std::string_view key, std::optional<std::int64_t>& millis) {
    read.child(key, [&](const Var& value, const Location&) {
        millis = time_in(value);
        if (!millis) {
            read.problem(key,
                         "expected a time like '2026-11-24T09:30:00Z' (RFC 3339), from 1678 to "
                         "2261, got " +
                             describe(value));
        }
    });
}

void read_which_files(ObjectReader& read, std::vector<FieldError>& errors,
                      RequestOptions& options) {
    read_filters(read, errors, options);
    const std::size_t errors_before = errors.size();
    read_size(read, "min_size_bytes", options.min_size_bytes);
    read_size(read, "max_size_bytes", options.max_size_bytes);
    if (errors.size() == errors_before && options.max_size_bytes &&
        options.min_size_bytes > options.max_size_bytes) {
        read.problem("max_size_bytes", "no file is both at least " +
                                           std::to_string(*options.min_size_bytes) +
                                           " bytes (min_size_bytes) and at most " +
                                           std::to_string(*options.max_size_bytes));
    }
    read_time(read, "modified_after", options.modified_after_ms);
    read_time(read, "modified_before", options.modified_before_ms);
    if (options.modified_before_ms && options.modified_after_ms > options.modified_before_ms) {
        read.problem("modified_before", "no time is both after modified_after and before this");
    }
    read_word(read, "symlinks", kSymlinks, options.symlinks);
    read_word(read, "special", kSpecial, options.special);
    read_truth(read, "copy_root", options.copy_root);
    read_truth(read, "dry_run", options.dry_run);
}

// ---------------------------------------------------------------------------------- what gives way

// 1000, or "50%".
std::optional<DeleteLimit> delete_limit_of(const Var& value) {
    if (const auto count = whole_number(value); count && *count >= 0) {
        return DeleteLimit{static_cast<std::uint64_t>(*count), false};
    }
    if (value.type() != typeid(std::string)) return {};
    const std::string& text = value.extract<std::string>();
    if (!text.ends_with('%')) return {};
    const char* const end = text.data() + text.size() - 1;
    std::uint64_t percent = 0;
    const auto [stop, error] = std::from_chars(text.data(), end, percent);
    if (error != std::errc{} || stop != end || percent > 100) return {};
    return DeleteLimit{percent, true};
}

void read_delete_limit(ObjectReader& read, DeleteLimit& limit) {
    read.child("max_delete", [&](const Var& value, const Location&) {
        if (const auto read_limit = delete_limit_of(value)) {
            limit = *read_limit;
        } else {
            read.problem("max_delete",
                         "expected a whole number of entries, or a share of them from '0%' to "
                         "'100%', got " +
                             describe(value));
        }
    });
}

void write_delete_limit(Writer& json, const DeleteLimit& limit) {
    if (limit.is_percent) {
        json.member("max_delete", std::to_string(limit.value) + "%");
    } else {
        json.member("max_delete", limit.value);
    }
}

void write_filters(Writer& json, const std::vector<std::string>& rules) {
    json.list("filters", [&] {
        for (const std::string& rule : rules) {
            if (base::is_utf8(rule)) {
                json.value(rule);
            } else {
                json.object([&] { json.member("rule_b64", base::to_base64(rule)); });
            }
        }
    });
}

std::optional<base::WallTime> time_of(const std::optional<std::int64_t>& millis) {
    if (!millis) return {};
    return base::WallTime{base::Millis{*millis}};
}

}  // namespace

RequestOptions read_options(const Var& value, Location location, std::vector<FieldError>& errors) {
    RequestOptions options;
    ObjectReader read{value, std::move(location), errors};
    read_which_files(read, errors, options);
    read_word(read, "compare", kCompare, options.compare);
    read_word(read, "delete", kDelete, options.delete_surplus);
    read_delete_limit(read, options.max_delete);
    read_truth(read, "replace_type", options.replace_type);
    read_truth(read, "hardlinks", options.hardlinks);
    read_truth(read, "xattrs", options.xattrs);
    read_truth(read, "acls", options.acls);
    read_truth(read, "atime", options.atime);
    read_truth(read, "sparse", options.sparse);
    read_truth(read, "inplace", options.inplace);
    read_word(read, "durability", kDurability, options.durability);
    read_word(read, "verify", kVerify, options.verify);
    read_number(read, "priority", -kPriorityMax, kPriorityMax, options.priority);
    read_number(read, "max_workers", 0, kMaxWorkersMax, options.max_workers);
    read_number(read, "bandwidth_limit_mbps", 0, kBandwidthLimitMbpsMax,
                options.bandwidth_limit_mbps);
    read_number(read, "max_attempts", 0, kMaxAttemptsMax, options.max_attempts);
    read_number(read, "max_failures", 0, kCountMax, options.max_failures);
    read_number(read, "mount_wait_seconds", 0, kMountWaitSecondsMax, options.mount_wait_seconds);
    read.refuse_unknown();
    return options;
}

void write_options(Writer& json, const RequestOptions& options) {
    write_filters(json, options.filters);
    json.member("min_size_bytes", options.min_size_bytes);
    json.member("max_size_bytes", options.max_size_bytes);
    json.member("modified_after", time_of(options.modified_after_ms));
    json.member("modified_before", time_of(options.modified_before_ms));
    json.member("symlinks", word(kSymlinks, options.symlinks));
    json.member("special", word(kSpecial, options.special));
    json.member("copy_root", options.copy_root);
    json.member("dry_run", options.dry_run);
    json.member("compare", word(kCompare, options.compare));
    json.member("delete", word(kDelete, options.delete_surplus));
    write_delete_limit(json, options.max_delete);
    json.member("replace_type", options.replace_type);
    json.member("hardlinks", options.hardlinks);
    json.member("xattrs", options.xattrs);
    json.member("acls", options.acls);
    json.member("atime", options.atime);
    json.member("sparse", options.sparse);
    json.member("inplace", options.inplace);
    json.member("durability", word(kDurability, options.durability));
    json.member("verify", word(kVerify, options.verify));
    json.member("priority", options.priority);
    json.member("max_workers", options.max_workers);
    json.member("bandwidth_limit_mbps", options.bandwidth_limit_mbps);
    json.member("max_attempts", options.max_attempts);
    json.member("max_failures", options.max_failures);
    json.member("mount_wait_seconds", options.mount_wait_seconds);
}

}  // namespace godwit::model
