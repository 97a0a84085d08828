// A second reader for request heads, which has to come to the same conclusions as the gate.
#pragma once

#include <string_view>

#include "http/gate.h"

namespace godwit::http {

// Whether Poco::Net::HTTPRequest makes of `bytes` what the gate has let through as `head`: the same
// method, target, version, number of headers and length. Only asked when nothing in them looks like
// an RFC 2047 word, which it would decode; its values of headers are not used anywhere. Pure.
bool poco_reads_the_same(std::string_view bytes, const Head& head) noexcept;

}  // namespace godwit::http
