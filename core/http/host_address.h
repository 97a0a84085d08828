// Where an http URL points, and the addresses behind its host's name.
#pragma once

#include <Poco/Net/SocketAddress.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace godwit::http {

struct HttpUrl {
    std::string host;  // Without the brackets of an IPv6 address.
    std::uint16_t port = 80;
    std::string prefix;  // Of every path; empty, or "/x" without a slash at its end.

    // "host:port" as in a Host header.
    std::string authority() const;
};

// InvalidArgument: anything but http://host[:port][/prefix]. Pure.
Result<HttpUrl> parse_url(const std::string& url);

// Looks names up without ever blocking beyond a deadline, which getaddrinfo() cannot promise: it
// runs on a thread of its own, one at a time, which outlives the lookup that has given up on it.
// Thread-compatible.
class Resolver {
public:
    // In the order to be tried, never empty. `interrupt_fd` becomes readable: Cancelled.
    // Unavailable: no such host, or no answer before `until`.
    Result<std::vector<Poco::Net::SocketAddress>> resolve(const HttpUrl& url, base::Deadline until,
                                                          int interrupt_fd);

private:
    struct Lookup;
    std::shared_ptr<Lookup> lookup_;  // Begun, and not yet used.
};

}  // namespace godwit::http
