// What every StateStore refuses, in the same words: arguments that no caller may pass.
//
// Pure. Each returns InvalidArgument with the reason, or Ok. A store calls them before it changes
// anything, so that what it keeps can always be read back.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "godwit/sdk/result.h"
#include "godwit/sdk/state_store.h"
#include "godwit/sdk/types.h"

namespace godwit::sdk {

inline constexpr std::size_t kIdBytesMax = 128;
// Leases and backoffs beyond it are mistakes of a unit of time.
inline constexpr Millis kDurationMax = std::chrono::hours{24 * 30};

inline Error refuse(std::string message) {
    return {Code::InvalidArgument, std::move(message), 0};
}

// Request and worker ids: [A-Za-z0-9._:-]{1,128}. A refused id is not repeated in the message: it
// may hold anything.
inline Status check_id(std::string_view what, std::string_view id) {
    constexpr auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == ':' || c == '-';
    };
    bool valid = !id.empty() && id.size() <= kIdBytesMax;
    for (const char c : id) valid = valid && allowed(c);
    if (valid) return {};
    return refuse("check " + std::string{what} +
                  " id: expected 1 to 128 characters of A-Z a-z 0-9 . _ : -");
}

inline Status check_batch(std::size_t items, std::size_t batch_max) {
    if (items <= batch_max) return {};
    return refuse("check batch: " + std::to_string(items) + " items: at most " +
                  std::to_string(batch_max) + " are taken at once");
}

inline Status check_duration(std::string_view what, Millis value, Millis lowest) {
    if (lowest <= value && value <= kDurationMax) return {};
    return refuse("check " + std::string{what} + ": " + std::to_string(value.count()) +
                  " ms: expected " + std::to_string(lowest.count()) + ".." +
                  std::to_string(kDurationMax.count()) + " ms");
}

inline Status check(const Unit& unit) {
    constexpr std::uint64_t number_max = std::numeric_limits<std::int64_t>::max();
    if (static_cast<std::size_t>(unit.kind) >= kUnitKinds)
        return refuse("check unit: no such kind");
    if (unit.payload.size() > kPayloadBytesMax) {
        return refuse("check unit: payload of " + std::to_string(unit.payload.size()) +
                      " bytes: at most " + std::to_string(kPayloadBytesMax) + " are kept");
    }
    if (unit.bytes > number_max || unit.files > number_max || unit.offset > number_max) {
        return refuse("check unit: bytes, files and offset must be below 2^63");
    }
    return {};
}

inline Status check(std::span<const Unit> units) {
    for (const Unit& unit : units) {
        if (auto status = check(unit); !status) return status;
    }
    return {};
}

inline Status check(const Effects& effects) {
    for (const Group& group : effects.groups) {
        if (group.id == 0) return refuse("check group: the id 0 means none");
        if (group.parts == 0) return refuse("check group: it must have a part");
        if (auto status = check(group.then); !status) return status;
    }
    return check(effects.units);
}

inline Status check(const NewRequest& request) {
    if (auto status = check_id("request", request.id); !status) return status;
    if (request.attachment.size() > kAttachmentBytesMax) {
        return refuse("check request: attachment of " + std::to_string(request.attachment.size()) +
                      " bytes: at most " + std::to_string(kAttachmentBytesMax) + " are kept");
    }
    return check(request.units);
}

inline Status check(const Transition& change) {
    if (static_cast<std::size_t>(change.to) >= kRequestStates) {
        return refuse("check transition: no such state");
    }
    return check(change.units);
}

inline Status check(const ClaimSpec& spec) {
    if (auto status = check_id("worker", spec.worker); !status) return status;
    return check_duration("lease", spec.lease, Millis{1});
}

inline Status check(std::span<const Completion> items) {
    for (const Completion& item : items) {
        if (auto status = check(item.effects); !status) return status;
    }
    return {};
}

inline Status check(std::span<const Failure> items) {
    for (const Failure& item : items) {
        if (auto status = check_id("worker", item.worker); !status) return status;
        if (auto status = check_duration("backoff", item.backoff, Millis{0}); !status)
            return status;
        if (auto status = check(item.effects); !status) return status;
        if (!item.rest) continue;
        if (auto status = check(*item.rest); !status) return status;
    }
    return {};
}

}  // namespace godwit::sdk
