// SHA-256: for what must not be taken for anything else, whoever made it.
#pragma once

#include <string>
#include <string_view>

namespace godwit::base {

// 64 hex digits. Pure.
std::string sha256_hex(std::string_view bytes);

}  // namespace godwit::base
