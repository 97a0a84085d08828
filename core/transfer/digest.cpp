#include "transfer/digest.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace godwit::transfer {

std::string digest_of(std::span<const std::byte> bytes) {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
    return {reinterpret_cast<const char*>(canonical.digest), sizeof(canonical.digest)};
}

bool digest_fits(std::string_view digest, std::span<const std::byte> bytes) noexcept {
    if (digest.empty()) return true;
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
    return digest ==
           std::string_view{reinterpret_cast<const char*>(canonical.digest), kDigestBytes};
}

}  // namespace godwit::transfer
