// Who may do what: roles by bearer token.
#pragma once

#include <array>
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
    base::Secret token{};
};

// Immutable; thread-safe. Without any grant everything is allowed (the master refuses to listen
// beyond loopback then).
class AccessList {
public:
    AccessList() = default;
    // A grant without a token grants nothing, and still closes the list: nobody presents that.
    explicit AccessList(const std::vector<TokenGrant>& grants);

    enum class Verdict : std::uint8_t { Allowed, Unauthenticated, Forbidden };
    // `authorization` is the header's value. Takes the same time for every token that it is given.
    Verdict check(Role needed, std::optional<std::string_view> authorization) const noexcept;

private:
    using Digest = std::array<unsigned char, 32>;  // SHA-256: hides the lengths, and the tokens.
    struct Entry {
        Role role;
        Digest digest;
    };
    static Digest digest_of(std::string_view token) noexcept;

    std::vector<Entry> entries_;
    bool open_to_all_ = true;
};

}  // namespace godwit::http
