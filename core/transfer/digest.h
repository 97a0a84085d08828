// The digest that travels with every segment: XXH3-128, canonical (big endian) form.
//
// It finds what went wrong by accident, on the wire or in memory. It is no signature.
// Source: https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace godwit::transfer {

inline constexpr std::size_t kDigestBytes = 16;

std::string digest_of(std::span<const std::byte> bytes);

// The same of bytes that come in pieces. Thread-compatible.
class Digester {
public:
    Digester();
    ~Digester();
    void add(std::span<const std::byte> bytes) noexcept;
    std::string digest() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

// An empty digest fits everything: the request asked for no verification.
bool digest_fits(std::string_view digest, std::span<const std::byte> bytes) noexcept;

}  // namespace godwit::transfer
