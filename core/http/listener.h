// The listening socket.
#pragma once

#include <Poco/Net/ServerSocket.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace godwit::http {

// Owned by the thread that calls it. Non-blocking.
class Listener {
public:
    // Conflict: the address is in use. InvalidArgument: no such host, or not ours to listen on.
    static Result<Listener> open(const std::string& host, std::uint16_t port);

    int fd() const noexcept;
    std::uint16_t port() const noexcept { return port_; }

    struct Accepted {
        base::UniqueFd socket;  // Non-blocking, without Nagle's delay.
        std::string client;     // "127.0.0.1:55066"
    };
    // Nothing: nobody waits. Again: nobody waits, or one has already left. NoMemory: out of
    // descriptors or memory, with the client still waiting.
    Result<Accepted> accept() noexcept;

private:
    Listener(Poco::Net::ServerSocket socket, std::uint16_t port)
        : socket_{std::move(socket)}, port_{port} {}

    Poco::Net::ServerSocket socket_;
    std::uint16_t port_;
};

}  // namespace godwit::http
