#include "http/access.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "http/text.h"

namespace godwit::http {
namespace {

constexpr bool may(Role have, Role needed) noexcept {
    switch (needed) {
    case Role::Open: return true;
    case Role::Viewer: return have != Role::Open;
    case Role::Worker: return have == Role::Worker;
    case Role::Operator: return have == Role::Operator;
    }
    return false;
}

// "Bearer <token>", the scheme in any case; nothing for other schemes.
std::optional<std::string_view> bearer_token(std::string_view authorization) noexcept {
    constexpr std::string_view kScheme = "bearer ";
    if (!equals_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) return {};
    const std::size_t start = authorization.find_first_not_of(' ', kScheme.size());
    if (start == std::string_view::npos) return {};
    return authorization.substr(start);
}

}  // namespace

AccessList::AccessList(const std::vector<TokenGrant>& grants) : open_to_all_{grants.empty()} {
    for (const TokenGrant& grant : grants) {
        entries_.push_back({grant.role, digest_of(grant.token.reveal())});
    }
}

AccessList::Digest AccessList::digest_of(std::string_view token) noexcept {
    Digest digest;
    ::SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest.data());
    return digest;
}

AccessList::Verdict AccessList::check(
    Role needed, std::optional<std::string_view> authorization) const noexcept {
    if (open_to_all_ || needed == Role::Open) return Verdict::Allowed;
    const auto token = authorization ? bearer_token(*authorization) : std::nullopt;
    if (!token) return Verdict::Unauthenticated;

    const Digest presented = digest_of(*token);
    bool known = false;
    bool allowed = false;
    // To the end in any case: the time must not tell which of them matched.
    for (const Entry& entry : entries_) {
        const bool same =
            ::CRYPTO_memcmp(presented.data(), entry.digest.data(), presented.size()) == 0;
        known |= same;
        allowed |= same && may(entry.role, needed);
    }
    if (allowed) return Verdict::Allowed;
    return known ? Verdict::Forbidden : Verdict::Unauthenticated;
}

}  // namespace godwit::http
