// All rails of an agent, and its staging memory; and the links of one peer connection over them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "godwit/sdk/transport.h"
#include "transfer/buffers.h"
#include "transfer/rail_driver.h"

namespace godwit::transfer {

struct RailsSettings {
    std::vector<std::shared_ptr<sdk::Transport>> transports;  // In order of preference.
    std::vector<sdk::RailSpec> rails;                         // Opened with every transport.
    std::size_t segment_bytes = 1 << 20;
    std::size_t send_buffers = 32;
    std::size_t receive_buffers = 32;
};

// What a peer said of one of its rails.
struct RemoteRail {
    std::string wire;
    std::string device;
    std::string ip;
    std::uint32_t link_mbps = 0;
    std::string address;
    sdk::WindowKey window;
};

// Thread-safe once made.
class Rails {
public:
    // Fails when no rail of any transport could be opened; one that fails beside others is logged.
    static Result<std::unique_ptr<Rails>> open(const RailsSettings& settings);

    BufferPool& send_pool() noexcept { return *send_; }
    BufferPool& receive_pool() noexcept { return *receive_; }
    std::size_t segment_bytes() const noexcept { return send_->buffer_bytes(); }
    std::span<const std::unique_ptr<RailDriver>> drivers() const noexcept { return drivers_; }
    // In order of preference, each once.
    const std::vector<std::string>& wires() const noexcept { return wires_; }

private:
    Rails() = default;

    // The drivers go first: they use the memory; and the transports last: they made the rails.
    std::vector<std::shared_ptr<sdk::Transport>> transports_;
    std::unique_ptr<BufferPool> send_;
    std::unique_ptr<BufferPool> receive_;
    std::vector<std::string> wires_;
    std::vector<std::unique_ptr<RailDriver>> drivers_;
};

// Whether the two addresses are in one subnet, as far as their texts tell: IPv4 /24, IPv6 /64.
bool same_subnet(std::string_view a, std::string_view b) noexcept;

// The destination's ways to one source: every local rail, linked to the remote rail in its subnet.
// Gets go to the link with the least bytes under way for its speed; a link that fails is passed
// over for a while, and its gets are tried on the others. Thread-safe.
class RailLinks : public std::enable_shared_from_this<RailLinks> {
public:
    // `rails` outlives it; `peer` names the source in the log.
    static std::shared_ptr<RailLinks> make(Rails& rails, std::vector<RemoteRail> remotes,
                                           std::string peer);
    ~RailLinks();

    // Gets `length` bytes at `offset` of the source's window into the buffer's beginning. `done` is
    // called once, on a driver's thread.
    void get(std::uint64_t offset, const Buffer& buffer, std::size_t length,
             std::function<void(Status)> done);

    // Ends all links: gets under way, and later ones, end with Cancelled.
    void close();

private:
    struct Way {
        RailDriver* driver = nullptr;
        RemoteRail remote;
        LinkId link = 0;  // 0: not connected.
        std::uint64_t bytes_under_way = 0;
        double speed = 1;
        base::Deadline paused_until{};
    };
    struct Transfer;

    RailLinks(Rails& rails, std::vector<RemoteRail> remotes, std::string peer);
    void try_next(const std::shared_ptr<Transfer>& transfer);
    void attempt_ended(const std::shared_ptr<Transfer>& transfer, std::size_t way, Status status);
    std::size_t choose(const std::vector<bool>& tried);  // mutex_ held; npos: none is left
    void connect(std::size_t way);                       // mutex_ held
    void way_down(std::size_t way, const std::shared_ptr<LinkId>& link, const Error& why);

    const std::string peer_;
    std::mutex mutex_;
    bool closed_ = false;    // guarded by mutex_
    std::vector<Way> ways_;  // The vector is fixed; what is in it is guarded by mutex_.
};

}  // namespace godwit::transfer
