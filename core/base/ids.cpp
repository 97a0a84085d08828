#include "base/ids.h"

#include <sys/random.h>

#include <algorithm>
#include <cstdlib>

#include "base/bytes.h"

namespace godwit::base {
namespace {

constexpr std::size_t kIdBytesMax = 128;

void fill_random(void* out, std::size_t size) noexcept {
    // Up to 256 bytes come whole, without EINTR, once the kernel's pool is ready (getrandom(2)).
    if (::getrandom(out, size, 0) != static_cast<ssize_t>(size)) std::abort();
}

}  // namespace

std::uint64_t random_u64() noexcept {
    std::uint64_t number = 0;
    while (number == 0) fill_random(&number, sizeof(number));
    return number;
}

std::string random_hex(std::size_t bytes) {
    std::string raw(std::min<std::size_t>(bytes, 256), '\0');
    fill_random(raw.data(), raw.size());
    return to_hex(raw);
}

bool is_valid_id(std::string_view id) noexcept {
    constexpr auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == ':' || c == '-';
    };
    return !id.empty() && id.size() <= kIdBytesMax && std::all_of(id.begin(), id.end(), allowed);
}

}  // namespace godwit::base
