// A peer that a rail gets from.
//
// Each has an endpoint, a queue and an address table of its own, because no provider can cancel a
// read: closing the endpoint is what makes sure that nothing is written any more, and it must not
// take other peers with it. Its operations go to the peer's serving endpoint and no others come
// here, so two agents that get from each other never share, or fight for, a connection.
// Only where gets are done when they are posted do peers use the rail's serving endpoint.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "endpoint.h"
#include "godwit/sdk/transport.h"
#include "operations.h"
#include "settings.h"
#include "wire.h"

namespace godwit::transport_libfabric {

using Instant = std::chrono::nanoseconds;  // By the host's clock.

// Owned by the rail; on its thread.
class Connection final : public sdk::Peer {
public:
    enum class State : std::uint8_t { Connecting, Up, Down };
    enum class Post : std::uint8_t { Posted, Again, Lost };

    // Nothing for `own`: uses `shared`, which lives longer. The peer's name is inserted already.
    Connection(sdk::PeerCookie cookie, std::optional<Endpoint> own, Endpoint& shared,
               fi_addr_t address, const RemoteMemory& probe, const ProviderTraits& provider)
        : cookie_{cookie},
          own_{std::move(own)},
          shared_{shared},
          address_{address},
          probe_window_{probe},
          provider_{provider} {}

    sdk::PeerCookie cookie() const noexcept { return cookie_; }
    State state() const noexcept { return state_; }
    bool is_down() const noexcept { return state_ == State::Down; }
    Endpoint* own_endpoint() noexcept { return own_ ? &*own_ : nullptr; }
    std::size_t in_flight() const noexcept { return in_flight_; }  // With the probe.
    bool is_busy() const noexcept { return in_flight_ != 0 || state_ == State::Connecting; }
    int last_error() const noexcept { return last_error_; }  // Of Post::Lost; an FI_E… number.

    Post post(Operation& operation, const RemoteMemory& window, std::uint64_t offset,
              std::byte* target, void* descriptor);
    void note_done() noexcept { in_flight_ -= in_flight_ != 0 ? 1 : 0; }

    // A tiny get proves that the peer is there: an address table takes anything, and connections
    // are opened by the first operation.
    // Connecting: tried again and again, as the provider only says "not yet". Up: on suspicion.
    Post try_probe(Instant now, std::byte* target, void* descriptor);
    std::optional<Instant> next_probe() const noexcept;
    bool is_probe(const void* context) const noexcept {
        return probe_is_in_flight_ && context == &probe_.context;
    }
    void note_probe_done(bool is_up) noexcept;

    // From here on the fabric writes nothing for this peer.
    void set_down();

    // Whether Endpoint::may_sleep() has been asked since the last progress.
    bool is_quiet = false;

private:
    Endpoint& endpoint() noexcept { return own_ ? *own_ : shared_; }
    Post read(std::byte* target, std::size_t length, void* descriptor, std::uint64_t address,
              std::uint64_t key, void* context);

    sdk::PeerCookie cookie_;
    State state_ = State::Connecting;
    Operation probe_;
    std::optional<Endpoint> own_;
    Endpoint& shared_;
    fi_addr_t address_;
    RemoteMemory probe_window_;
    const ProviderTraits& provider_;
    bool probe_is_in_flight_ = false;
    std::size_t in_flight_ = 0;
    Instant probe_after_{0};
    Instant probe_delay_{0};
    int last_error_ = 0;
};

}  // namespace godwit::transport_libfabric
