// The master's HTTP front: one epoll thread that reads and parks, a few workers that run handlers.
//
// Stock Poco::Net::HTTPServer gives a thread to every connection and lets framing attacks through
// (reference: docs/architecture.md, "The request gate"). Here a connection costs a buffer, a slow
// client costs nothing, and no byte reaches a handler before the gate has judged the framing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/metrics.h"
#include "base/result.h"
#include "base/time.h"
#include "http/access.h"
#include "http/router.h"

namespace godwit::http {

struct ServerSettings {
    std::string host = "127.0.0.1";  // A name or an IPv4 or IPv6 address.
    std::uint16_t port = 0;          // 0: any free one.
    std::size_t workers = 4;
    std::size_t connections_max = 16'384;
    base::Millis header_timeout{10'000};  // From a request's first byte to its blank line.
    base::Millis body_timeout{30'000};    // From there to its last byte; slow uploads end there.
    base::Millis keep_alive_timeout{75'000};  // Between requests.
    base::Millis write_timeout{30'000};
};

// Thread-safe. start() once.
class Server {
public:
    Server(ServerSettings settings, Router router, AccessList access, base::Metrics& metrics);
    ~Server();  // stop({0})

    // Listens, then serves until stop(). Conflict: the address is in use; names it.
    Status start();
    std::uint16_t port() const noexcept;

    // Runs the handlers of parked requests again, soon and on the workers. Cheap; calls coalesce.
    void wake_parked() noexcept;

    // Answers parked requests for the last time, lets running handlers finish and their answers
    // leave for up to `grace`, then closes everything.
    void stop(base::Millis grace) noexcept;

private:
    class Loop;
    std::unique_ptr<Loop> loop_;
};

}  // namespace godwit::http
