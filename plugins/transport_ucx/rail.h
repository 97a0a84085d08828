// A rail over UCX: a worker, what it offers, and what it gets.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "destination.h"
#include "events.h"
#include "godwit/sdk/host.h"
#include "source.h"

namespace godwit::transport_ucx {

class UcxRail final : public sdk::Rail {
public:
    // Thread-safe.
    static sdk::Result<std::unique_ptr<sdk::Rail>> open(const Library& ucx,
                                                        const Settings& settings,
                                                        const sdk::RailSpec& spec,
                                                        const sdk::Host& host);
    ~UcxRail() override;

    sdk::RailInfo info() const noexcept override { return info_; }
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
    int wait_fd() const noexcept override { return worker_.wait_fd(); }
    bool arm() noexcept override;

private:
    UcxRail(const Settings& settings, const sdk::Host& host, Worker worker);
    sdk::Status start(const Nic& nic);
    void progress();
    void progress_while(const std::function<bool()>& is_needed, std::chrono::milliseconds patience);
    bool is_closing() const noexcept { return source_.is_closing() || destination_.is_closing(); }

    const Settings settings_;
    const sdk::Host host_;
    Counters counters_;
    Random random_;
    Events events_;
    bool has_news_ = false;  // Something for settle().

    // In this order: what is below refers to what is above.
    Worker worker_;
    std::vector<std::unique_ptr<MappedRegion>> regions_;
    Windows windows_;
    Source source_;
    Destination destination_;

    std::vector<std::byte> address_;
    sdk::RailInfo info_;
};

}  // namespace godwit::transport_ucx
