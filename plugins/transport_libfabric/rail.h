// A rail over libfabric: one serving endpoint that peers get from, and one endpoint for each peer
// that it gets from itself.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "connection.h"
#include "endpoint.h"
#include "godwit/sdk/host.h"
#include "godwit/sdk/transport.h"
#include "memory.h"
#include "operations.h"
#include "poller.h"
#include "settings.h"

namespace godwit::transport_libfabric {

class LibfabricRail final : public sdk::Rail {
public:
    static sdk::Result<std::unique_ptr<sdk::Rail>> open(const Settings& settings,
                                                        const std::string& wire,
                                                        const sdk::RailSpec& spec,
                                                        const sdk::Host& host);
    ~LibfabricRail() override;

    sdk::RailInfo info() const noexcept override { return rail_info_; }
    sdk::ByteView address() const noexcept override { return address_; }
    sdk::Status connect(sdk::ByteView address, sdk::PeerCookie cookie,
                        sdk::Peer*& out) noexcept override;
    void abort_peer(sdk::Peer* peer) noexcept override;
    sdk::Status register_memory(std::span<std::byte> memory, sdk::Region*& out) noexcept override;
    sdk::Status export_window(sdk::Region* region, std::size_t offset, std::size_t length,
                              sdk::Epoch epoch, sdk::WindowKey& out) noexcept override;
    void revoke_windows(sdk::Epoch epoch) noexcept override;
    sdk::Status get(sdk::Peer* peer, const sdk::WindowKey& key, std::uint64_t remote_offset,
                    sdk::Region* region, std::size_t local_offset, std::size_t length,
                    sdk::Cookie cookie) noexcept override;
    std::size_t poll(std::span<sdk::Event> out) noexcept override;
    int wait_fd() const noexcept override;
    bool arm() noexcept override;

private:
    struct Counters {
        sdk::Counter& gets;
        sdk::Counter& failures;
        sdk::Counter& bytes;
        sdk::Counter& peers_lost;
    };
    struct Queued {
        sdk::Event event;
        const Connection* last_of = nullptr;  // The peer that dies with this event.
    };
    // What endpoints probe, and where the answers go, which nobody reads.
    struct alignas(64) ProbeLines {
        std::array<std::byte, 64> served{};
        std::array<std::byte, 64> fetched{};
    };

    LibfabricRail(const Settings& settings, const std::string& wire, const sdk::Host& host,
                  Fabric fabric, Poller poller);
    sdk::Status start();
    sdk::Status open_serving();
    sdk::Status publish_address();
    sdk::Error with_advice(sdk::Error error) const;
    void describe();

    bool is_plausible(sdk::ByteView endpoint) const;
    void progress();
    void progress_serving(Connection* suspect);
    Connection* owner_of(const Completion& completion);
    void progress(Connection& peer, bool is_woken);
    void finish(Connection& peer, const Completion& completion);
    void note_end(Connection& peer, const Completion& completion);
    void probe(Connection& peer);
    void expect_done(Connection& peer);
    void settle(Connection& peer);
    void take_down(Connection& peer, sdk::Code code, int error);
    void rail_down(int error);
    void queue_done(sdk::Cookie cookie, sdk::Code code, int error, std::size_t bytes);
    void queue_peer(const Connection& peer, sdk::Event::Kind kind, sdk::Code code, int error);
    void forget(const Connection& peer);
    Instant now() const noexcept { return host_.clock.now(); }

    const Settings settings_;
    const std::string wire_;
    const sdk::Host host_;
    Counters counters_;
    std::unique_ptr<ProbeLines> probe_lines_;

    // In this order: what is below refers to what is above, and is closed before it.
    Fabric fabric_;
    Memory memory_;
    Operations operations_;
    Poller poller_;
    std::optional<Endpoint> serving_;
    std::vector<std::unique_ptr<Connection>> connections_;  // Up to peers_max, and those dying.

    Endpoint::Wait wait_ = Endpoint::Wait::Descriptor;
    RegisteredRegion* probe_region_ = nullptr;
    std::vector<std::byte> address_;
    sdk::RailInfo rail_info_;
    std::deque<Queued> events_;        // At most one for each get, and two for each peer.
    std::size_t unanswered_gets_ = 0;  // Accepted, and their GetDone not handed out.
    bool is_down_ = false;
};

}  // namespace godwit::transport_libfabric
