#include "model/sync_patch.h"

#include <algorithm>
#include <limits>
#include <span>

namespace godwit::model {
namespace {

using Poco::Dynamic::Var;

constexpr const char* kUnchangeable =
    "cannot be changed while the request lives (these options can: priority, max_workers, "
    "bandwidth_limit_mbps, max_failures)";

template <class Number>
void read_number(ObjectReader& read, std::string_view key, std::int64_t lowest,
                 std::int64_t highest, std::optional<Number>& value) {
    const std::int64_t number = read.integer(key, lowest, lowest, highest);
    if (read.has(key)) value = static_cast<Number>(number);
}

// What `whole`, a request with all of its members, has besides those in `changeable`.
void refuse_others(ObjectReader& read, const Poco::JSON::Object& whole,
                   std::span<const std::string_view> changeable) {
    for (const auto& [name, value] : whole) {
        if (std::find(changeable.begin(), changeable.end(), name) != changeable.end()) continue;
        read.child(name, [&](const Var&, const Location&) {
            read.problem(name, kUnchangeable, "unchangeable");
        });
    }
    read.refuse_unknown();
}

SyncPatch read_patch(const Var& value, Location location, std::vector<FieldError>& errors) {
    static constexpr std::string_view kMembers[] = {"options"};
    static constexpr std::string_view kOptions[] = {"priority", "max_workers",
                                                    "bandwidth_limit_mbps", "max_failures"};
    const auto whole = parse_json(canonical({}))->extract<Poco::JSON::Object::Ptr>();
    SyncPatch patch;
    ObjectReader read{value, std::move(location), errors};
    read.child("options", [&](const Var& options, Location at) {
        ObjectReader nested{options, std::move(at), errors};
        read_number(nested, "priority", -kPriorityMax, kPriorityMax, patch.priority);
        read_number(nested, "max_workers", 0, kMaxWorkersMax, patch.max_workers);
        read_number(nested, "bandwidth_limit_mbps", 0, kBandwidthLimitMbpsMax,
                    patch.bandwidth_limit_mbps);
        read_number(nested, "max_failures", 0, std::numeric_limits<std::int64_t>::max(),
                    patch.max_failures);
        refuse_others(nested, *whole->getObject("options"), kOptions);
    });
    refuse_others(read, *whole, kMembers);
    return patch;
}

}  // namespace

Parsed<SyncPatch> parse_sync_patch(std::string_view body) {
    return parse_document<SyncPatch>(body, read_patch);
}

SyncRequest apply(const SyncPatch& patch, SyncRequest request) {
    RequestOptions& options = request.options;
    options.priority = patch.priority.value_or(options.priority);
    options.max_workers = patch.max_workers.value_or(options.max_workers);
    options.bandwidth_limit_mbps =
        patch.bandwidth_limit_mbps.value_or(options.bandwidth_limit_mbps);
    options.max_failures = patch.max_failures.value_or(options.max_failures);
    return request;
}

}  // namespace godwit::model
