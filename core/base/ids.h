// Random numbers from the kernel, for what must not be guessed or met twice.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace godwit::base {

// Never 0. Aborts when the kernel has no randomness to give, which it always has after boot.
std::uint64_t random_u64() noexcept;

// `bytes` random bytes as hex digits.
std::string random_hex(std::size_t bytes);

// Request and worker ids: [A-Za-z0-9._:-]{1,128}
bool is_valid_id(std::string_view id) noexcept;

}  // namespace godwit::base
