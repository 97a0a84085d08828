// Bytes as text and back: base64, hex, UTF-8, quoting for people. All pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace godwit::base {

std::string to_base64(std::string_view bytes);
// Nothing for anything but padded RFC 4648 base64 without white space.
std::optional<std::string> from_base64(std::string_view text);

std::string to_hex(std::string_view bytes);
std::string to_hex(std::uint64_t number);  // 16 digits

// Whether JSON can carry it as a string: valid UTF-8, without overlong forms or surrogates.
bool is_utf8(std::string_view bytes) noexcept;
// Every byte that is not part of valid UTF-8 becomes U+FFFD: for people, never for machines.
std::string to_utf8_lossy(std::string_view bytes);

// For log lines and error messages: control characters and quotes escaped, at most `limit` bytes.
std::string printable(std::string_view bytes, std::size_t limit = 1024);

// "1.5 GiB", "312 B"
std::string format_bytes(double bytes);

}  // namespace godwit::base
