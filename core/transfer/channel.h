// Frames over one TCP connection. Adapter to Poco's sockets.
#pragma once

#include <Poco/Net/StreamSocket.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "peer.pb.h"

namespace godwit::transfer {

inline constexpr std::uint32_t kPeerVersion = 2;
// A frame carries names and attributes, never file contents.
inline constexpr std::size_t kFrameBytesMax = 16 << 20;
// The source pings a silent peer this often, and either side gives up a peer that was silent so
// long. A stopped process keeps its TCP connection alive, so only its own word proves that it
// lives.
inline constexpr base::Millis kPingInterval{2'000};
inline constexpr base::Millis kPeerSilenceMax{10'000};
// Who has been silent for so long is given up: before others take up its work, when its leases run
// out. 0 s: nothing is leased.
inline base::Millis silence_max(std::uint32_t lease_seconds) noexcept {
    const base::Millis lease{std::int64_t{1'000} * lease_seconds};
    return lease.count() == 0 ? kPeerSilenceMax : std::min(kPeerSilenceMax, lease * 2 / 3);
}

// One reader, any number of writers at once.
class Channel {
public:
    explicit Channel(const Poco::Net::StreamSocket& socket);
    ~Channel();

    // Connects to "host:port" ("[::1]:port"). Unavailable, TimedOut, InvalidArgument.
    static Result<std::unique_ptr<Channel>> connect(const std::string& address,
                                                    base::Millis timeout);

    // Waits for a frame, up to `timeout`. Again: none came; nothing of one has been taken.
    // PeerLost: the connection ended. InvalidArgument: what came is no frame; give the connection
    // up. A frame that began must be whole within kPeerSilenceMax.
    Result<peer::Frame> read(base::Millis timeout);

    // Whole or not at all: after an error the connection is given up. Blocks for kPeerSilenceMax at
    // the most.
    Status write(const peer::Frame& frame);

    // From any thread: read() and write() end, now and later.
    void shut() noexcept;

    const std::string& remote() const noexcept { return remote_; }

private:
    Status read_exactly(char* out, std::size_t length, base::Deadline deadline);

    Poco::Net::StreamSocket socket_;
    std::string remote_;
    std::mutex write_mutex_;  // One frame after the other.
    std::atomic<bool> shut_{false};
};

// "host:port", brackets around an IPv6 host.
std::string join_address(const std::string& host, std::uint16_t port);

}  // namespace godwit::transfer
