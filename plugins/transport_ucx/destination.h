// The half of a rail that connects to others and gets bytes from them.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "counters.h"
#include "endpoint.h"
#include "events.h"
#include "random.h"
#include "settings.h"
#include "windows.h"
#include "wire.h"
#include "worker.h"

namespace godwit::transport_ucx {

class Destination;

// A connection to a source, from the first packet on. Belongs to the rail's thread, and stays where
// it is: UCX knows its address.
struct Connection {
    Connection(Worker& worker, bool& has_news) : endpoint{worker, has_news} {}

    // UCX keeps its hands on nothing of it.
    bool is_gone() const noexcept { return endpoint.is_closed() && !is_sending_hello; }

    Endpoint endpoint;
    std::array<std::byte, kHelloBytes> hello{};
    std::uint64_t nonce = 0;
    bool is_sending_hello = false;
    bool is_answered = false;
};

// Belongs to the rail's thread.
struct RemotePeer final : sdk::Peer {
    enum class State : std::uint8_t {
        Greeting,  // Connecting, and waiting for the answer to our hello.
        Up,
        Closing,  // Given up or lost: its gets end, then it is gone.
        Gone,     // Its PeerDown waits to be polled.
    };

    std::unique_ptr<Connection> connection;  // Null once it lingers without the peer.
    sdk::PeerCookie cookie = 0;
    State state = State::Greeting;
    std::size_t gets = 0;  // That have not ended.

    // Why it is closing.
    sdk::Code end = sdk::Code::PeerLost;
    ucs_status_t native = UCS_OK;
    const char* text = "";
};

// Belongs to the rail's thread, and stays where it is: UCX knows its address.
class Destination {
public:
    // All of it outlives the destination.
    struct Surroundings {
        Worker& worker;
        const Settings& settings;
        Events& events;
        Random& random;
        Counters& counters;
        bool& has_news;
    };

    explicit Destination(const Surroundings& surroundings);
    Destination(const Destination&) = delete;
    Destination& operator=(const Destination&) = delete;

    sdk::Status start(const SocketAddress& local, Instance instance);

    // As in sdk::Rail.
    sdk::Status connect(sdk::ByteView address, sdk::PeerCookie cookie, sdk::Peer*& out);
    void abort_peer(RemotePeer& peer);
    sdk::Status get(RemotePeer& peer, const sdk::WindowKey& key, std::uint64_t remote_offset,
                    const MappedRegion& region, std::size_t local_offset, std::size_t length,
                    sdk::Cookie cookie);

    // Takes down peers that failed, and tells of those that are gone.
    void settle();
    // The peer's PeerDown has been handed out.
    void forget(const sdk::Peer* peer) noexcept;

    void abort_all();
    // Something is closing: progress is needed, and no descriptor may tell.
    bool is_closing() const noexcept { return closing_ != 0; }
    // Closes what lingers, answered or not. For the end of the rail.
    void stop_lingering() noexcept;
    // Peers were given up while they were connecting.
    bool is_lingering() const noexcept { return !lingering_.empty(); }

private:
    struct PendingGet {
        Destination* owner = nullptr;
        RemotePeer* peer = nullptr;  // Null: this slot is free.
        sdk::Cookie cookie = 0;
        std::uint64_t nonce = 0;
        std::span<std::byte> target;
        ucp_mem_h memory = nullptr;
        std::array<std::byte, kGetBytes> request{};
        bool is_sending = false;    // UCX still reads `request`.
        bool is_receiving = false;  // UCX may write to `target`.
        bool has_ended = false;     // As the next three say.
        sdk::Code code = sdk::Code::Ok;
        ucs_status_t native = UCS_OK;
        const char* text = "";
    };

    static ucs_status_t on_answer(void* self, const void* header, std::size_t header_bytes, void*,
                                  std::size_t, const ucp_am_recv_param_t*);
    static ucs_status_t on_refusal(void* self, const void* header, std::size_t header_bytes, void*,
                                   std::size_t, const ucp_am_recv_param_t*);
    static ucs_status_t on_data(void* self, const void* header, std::size_t header_bytes,
                                void* data, std::size_t bytes, const ucp_am_recv_param_t* how);
    static void on_hello_sent(void* request, ucs_status_t status, void* connection);
    static void on_request_sent(void* request, ucs_status_t status, void* get);
    static void on_received(void* request, ucs_status_t status, std::size_t bytes, void* get);

    void greet(Connection& connection, Instance remote);
    void take_down(RemotePeer& peer, sdk::Code code, ucs_status_t native, const char* text);
    void settle(RemotePeer& peer);
    void settle_lingering();

    PendingGet* find(const GetName& name) noexcept;
    ucs_status_t receive(PendingGet& get, void* data, std::size_t bytes, bool is_rendezvous);
    void end(PendingGet& get, sdk::Code code, ucs_status_t native, const char* text);
    void end_with_peer(PendingGet& get, ucs_status_t status);
    void finish_if_idle(PendingGet& get);
    const char* text_of(ucs_status_t status) const {
        return worker_.ucx().ucs_status_string(status);
    }

    Worker& worker_;
    const Settings& settings_;
    Events& events_;
    Random& random_;
    Counters& counters_;
    bool& has_news_;

    SocketAddress local_;
    Instance instance_ = 0;
    std::vector<PendingGet> gets_;           // Never resized.
    std::vector<std::uint32_t> free_slots_;  // Indices of `gets_`.
    std::vector<std::unique_ptr<RemotePeer>> peers_;
    // Given up before they were answered. To close a connection that is just being made aborts the
    // process every few hundred times: UCX takes an event of its socket for one of the next socket
    // with the same number. So these wait until they are answered or fail.
    std::vector<std::unique_ptr<Connection>> lingering_;
    std::size_t closing_ = 0;  // Of both.
};

}  // namespace godwit::transport_ucx
