#include "transfer/digest.h"

// On x86 the library looks at run time which vector instructions the processor has.
#if defined(__x86_64__)
#define XXH_STATIC_LINKING_ONLY
#include <xxh_x86dispatch.h>
#else
#define XXH_INLINE_ALL
#include <xxhash.h>
#endif

namespace godwit::transfer {

namespace {

std::string text_of(const XXH128_hash_t& hash) {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, hash);
    return {reinterpret_cast<const char*>(canonical.digest), sizeof(canonical.digest)};
}

}  // namespace

std::string digest_of(std::span<const std::byte> bytes) {
    return text_of(XXH3_128bits(bytes.data(), bytes.size()));
}

struct Digester::State {
    XXH3_state_t state;
};

Digester::Digester() : state_{std::make_unique<State>()} {
    XXH3_128bits_reset(&state_->state);
}

Digester::~Digester() = default;

void Digester::add(std::span<const std::byte> bytes) noexcept {
    XXH3_128bits_update(&state_->state, bytes.data(), bytes.size());
}

std::string Digester::digest() const {
    return text_of(XXH3_128bits_digest(&state_->state));
}

bool digest_fits(std::string_view digest, std::span<const std::byte> bytes) noexcept {
    if (digest.empty()) return true;
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
    return digest ==
           std::string_view{reinterpret_cast<const char*>(canonical.digest), kDigestBytes};
}

}  // namespace godwit::transfer
