// Transport: what carries bulk bytes between two agents.
//
// One verb: get, which fetches a range of a remote window into local registered memory. Control
// messages, authentication, deadlines, retries, credits and striping over rails are the host's,
// once for every transport; window keys travel over the host's own peer connection. Get rather than
// put, because the destination owns the scarce thing (free buffers), and because a get's completion
// means that the bytes are here, which a put's does not on every fabric.
//
//     rail A (destination)                     rail B (source)
//     connect(B.address()) ── PeerUp ──        register_memory → export_window → key
//     get(peer, key, …)    ── GetDone          must poll too: many fabrics move nothing otherwise
//
// Threads: a Rail belongs to one thread, which makes every call on it. Several rails, also of one
//   Transport, live on different threads at once.
// Blocking: nothing blocks, except open_rail, register_memory and destructors, which may take
//   hundreds of milliseconds.
// Events are polled values, never callbacks.
// Ownership: the rail owns its peers and regions. Registered memory belongs to the caller and must
//   outlive the rail. When the rail's destructor has returned, nothing touches that memory any
//   more.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/sdk/result.h"

namespace godwit::sdk {

using ByteView = std::span<const std::byte>;

// Which NIC a rail should use. At least one of the two is set.
struct RailSpec {
    std::string iface;    // "ib0", "eth1", "lo"; for verbs also the name of an HCA, "mlx5_0"
    std::string address;  // a local IP address
};

struct RailInfo {
    std::string device;                  // as the fabric names it
    std::string address;                 // the IP address in use; empty where the fabric has none
    std::uint32_t link_mbps = 0;         // 0: unknown
    std::int32_t numa_node = -1;         // -1: unknown
    std::size_t get_bytes_max = 0;       // longest get()
    std::size_t gets_in_flight_max = 0;  // beyond it get() answers Again
    bool has_wait_fd = false;            // else the owner must poll in a loop
    bool source_must_poll = true;        // a passive rail serves gets only while it is polled
    // Peers share memory, and the locks in it: one that is killed in the midst of a call may leave
    // the other waiting. For tests and for trusted processes.
    bool same_host_only = false;
    bool keys_enforced = false;  // a wrong or revoked key opens nothing
    bool native_rma = false;     // the remote CPU is not involved
};

// Opens a window for whoever holds it. Unguessable where keys_enforced. Plain bytes.
struct WindowKey {
    std::array<std::byte, 64> bytes{};
    std::uint8_t size = 0;

    ByteView view() const noexcept { return {bytes.data(), size}; }
};

// Chosen by the caller, handed back in events. No meaning to the transport.
using PeerCookie = std::uint64_t;
using Cookie = std::uint64_t;
// Names a set of windows that are revoked together. Chosen by the caller, never used again after.
using Epoch = std::uint64_t;

// What the plugin derives its own from; opaque to everybody else, made and deleted by the rail. A
// Peer dies with its PeerDown event, a Region with its rail.
class Peer {
protected:
    Peer() = default;
    ~Peer() = default;
};
class Region {
protected:
    Region() = default;
    ~Region() = default;
};

struct Event {
    enum class Kind : std::uint8_t {
        GetDone,   // exactly one for every get() that was accepted
        PeerUp,    // gets may be posted
        PeerDown,  // the last event of a peer, after the GetDone of every get; it is gone now
        RailDown,  // the device is gone; every peer's PeerDown comes as well
    };

    Kind kind = Kind::GetDone;
    Code code = Code::Ok;      // Ok, Cancelled, PeerLost, BadKey, TimedOut, Internal
    std::int32_t native = 0;   // the library's own error number, for the log
    const char* text = "";     // what the library said of it; static storage
    std::uint64_t cookie = 0;  // Cookie of the get, or PeerCookie
    std::size_t bytes = 0;     // GetDone with Ok: the whole length
};

class Rail {
public:
    virtual ~Rail() = default;

    virtual RailInfo info() const noexcept = 0;

    // What a peer needs to connect here: opaque, up to kRailAddressBytesMax, constant.
    virtual ByteView address() const noexcept = 0;

    // Starts to connect. Ok: exactly one PeerUp or PeerDown for it will be polled, the latter also
    // later, when the peer is lost. InvalidArgument: not an address of this transport and version.
    // There is no time-out in here: a caller that has waited enough calls abort_peer().
    virtual Status connect(ByteView address, PeerCookie cookie, Peer*& out) noexcept = 0;

    // Gives a peer up, connected or not: its gets complete, as Cancelled unless they were done,
    // then its PeerDown follows. After the last GetDone the fabric does not write to their memory.
    virtual void abort_peer(Peer* peer) noexcept = 0;

    // For use as a get's target and for windows. NoMemory: too little lockable memory; the message
    // says how much was needed and which limit to raise.
    virtual Status register_memory(std::span<std::byte> memory, Region*& out) noexcept = 0;

    // Opens [offset, offset + length) of a region for gets by whoever holds the key.
    // InvalidArgument: outside of the region.
    virtual Status export_window(Region* region, std::size_t offset, std::size_t length,
                                 Epoch epoch, WindowKey& out) noexcept = 0;

    // Closes every window of this epoch. Later gets on them fail with BadKey or PeerDown (where
    // keys_enforced); those under way may do either. Other epochs are not disturbed.
    virtual void revoke_windows(Epoch epoch) noexcept = 0;

    // Fetches `length` bytes at `remote_offset` of the peer's window to `local_offset` of `region`,
    // touching nothing else. Once it returned Ok there is exactly one GetDone; with Ok in it the
    // bytes are visible to this CPU. Gets may finish in any order.
    // Again: nothing was accepted, poll first. InvalidArgument: outside of the local region, longer
    // than get_bytes_max, empty, or a malformed key. PeerLost: the peer is down.
    virtual Status get(Peer* peer, const WindowKey& key, std::uint64_t remote_offset,
                       Region* region, std::size_t local_offset, std::size_t length,
                       Cookie cookie) noexcept = 0;

    // Makes progress and fills in up to out.size() events; returns how many. Never blocks.
    virtual std::size_t poll(std::span<Event> out) noexcept = 0;

    // A descriptor that becomes readable when there is something to poll, for the life of the rail;
    // -1 when there is none (has_wait_fd).
    virtual int wait_fd() const noexcept = 0;

    // Before sleeping on wait_fd(); not called where there is none. True: sleep; an event that
    // comes from now on wakes. False: poll again first.
    virtual bool arm() noexcept = 0;
};

inline constexpr std::size_t kRailAddressBytesMax = 1024;

class Transport {
public:
    virtual ~Transport() = default;

    // What can talk to what: two agents use this transport together when their wires are equal,
    // e.g. "libfabric/tcp;ofi_rxm".
    virtual std::string_view wire() const noexcept = 0;

    // One rail on one NIC. NotFound: no such device; the message lists those there are.
    // Thread-safe.
    virtual Result<std::unique_ptr<Rail>> open_rail(const RailSpec& spec) noexcept = 0;
};

}  // namespace godwit::sdk
