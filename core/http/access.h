// Who may do what: roles by bearer token.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace godwit::http {

// Each may do what the ones before it may, except that a worker only reads and works, and an
// operator does not work: Open < Viewer < Worker | Operator.
enum class Role : std::uint8_t { Open, Viewer, Worker, Operator };

struct TokenGrant {
    Role role = Role::Viewer;
    base::Secret token;
};

// Immutable; thread-safe. Without any grant everything is allowed (the master refuses to listen
// beyond loopback then).
class AccessList {
public:
    AccessList() = default;
    explicit AccessList(std::vector<TokenGrant> grants) : grants_{std::move(grants)} {}

    enum class Verdict : std::uint8_t { Allowed, Unauthenticated, Forbidden };
    // `authorization` is the header's value. Compares in constant time.
    Verdict check(Role needed, std::optional<std::string_view> authorization) const noexcept;

private:
    std::vector<TokenGrant> grants_;
};

}  // namespace godwit::http
