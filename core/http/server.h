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

class Loop;

struct ServerSettings {
    std::string host = "127.0.0.1";  // A name or an IPv4 or IPv6 address.
    std::uint16_t port = 0;          // 0: any free one.
    std::size_t workers = 4;
    std::size_t connections_max = 16'384;
    std::size_t queue_max = 1'024;                   // Requests that wait for a worker.
    std::size_t body_bytes_held_max = 256ULL << 20;  // Of all requests together.
    base::Millis header_timeout{10'000};  // From a request's first byte to its blank line.
    base::Millis body_timeout{30'000};    // From there to its last byte; slow uploads end there.
    base::Millis keep_alive_timeout{75'000};  // Between requests.
    base::Millis write_timeout{30'000};       // For a whole answer: slow readers end there.
};

// Thread-safe. start() once.
//
// Beyond connections_max a client gets 503 and is closed; beyond queue_max and body_bytes_held_max
// a request gets 503 with Retry-After. Chunked bodies get 411. A client that shuts its side down
// while its request is parked counts as gone.
//
// Counts: godwit_http_requests_total, _request_seconds_sum and _count by method, route and status,
// _connections, _parked_requests, _turned_away_total; a tenth of a second late at the most.
class Server {
public:
    Server(ServerSettings settings, Router router, AccessList access, base::Metrics& metrics);
    ~Server();  // stop({0})

    // Listens, then serves until stop(). Conflict: the address is in use; names it.
    // InvalidArgument: no such host, an address that is not ours, or no workers.
    Status start();
    std::uint16_t port() const noexcept;  // That it listens on; 0 before start().

    // Runs the handlers of parked requests again, soon and on the workers, the longest-waiting one
    // first. Cheap; calls coalesce. What changed before the call is seen by those runs.
    void wake_parked() noexcept;

    // Answers parked requests for the last time, lets running handlers finish and their answers
    // leave for up to `grace`, then closes everything: idle connections and requests that have not
    // come in whole at once. Returns when the last handler has: not to be called from one.
    void stop(base::Millis grace) noexcept;

private:
    std::unique_ptr<Loop> loop_;
};

}  // namespace godwit::http
