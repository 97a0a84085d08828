// A second reader for request heads, which has to come to the same conclusions as the gate.
#pragma once

#include <string_view>

#include "http/gate.h"

namespace godwit::http {

// What Poco::Net::HTTPRequest makes of `bytes`, which the gate has let through as `head`: the same
// method, target, version, headers, length and persistence? Poco's values of other headers are not
// used: it decodes RFC 2047 words in them, and what comes out may hold line ends. Pure.
bool poco_reads_the_same(std::string_view bytes, const Head& head) noexcept;

}  // namespace godwit::http
