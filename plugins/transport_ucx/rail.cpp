#include "rail.h"

#include <chrono>
#include <string>
#include <utility>

#include "protocol_limits.h"

namespace godwit::transport_ucx {
namespace {

// How long others may take to answer hellos when the rail ends: some round trips.
constexpr std::chrono::milliseconds kAnswerPatience{100};
// How long UCX may take to let go of connections that were closed by force.
constexpr std::chrono::seconds kClosePatience{5};

RemotePeer& remote(sdk::Peer* peer) {
    return *static_cast<RemotePeer*>(peer);
}

MappedRegion& mapped(sdk::Region* region) {
    return *static_cast<MappedRegion*>(region);
}

}  // namespace

sdk::Result<std::unique_ptr<sdk::Rail>> UcxRail::open(const Library& ucx, const Settings& settings,
                                                      const sdk::RailSpec& spec,
                                                      const sdk::Host& host) {
    const std::string what = "open rail '" + (spec.iface.empty() ? spec.address : spec.iface) + "'";
    const auto inventory = take_inventory();
    if (!inventory) return sdk::wrap(inventory.error(), what);
    auto nic = pick_nic(spec, settings.uses_tcp, settings.uses_rdma, *inventory);
    if (!nic) return sdk::wrap(std::move(nic).error(), what);
    if (auto status = check_gid_index(settings.gid_index, *nic); !status) {
        return sdk::wrap(std::move(status).error(), what);
    }
    describe(*nic);
    auto worker = Worker::open(ucx, settings, *nic, host.logger);
    if (!worker) return sdk::wrap(std::move(worker).error(), what);

    std::unique_ptr<UcxRail> rail{new UcxRail{settings, host, std::move(*worker)}};
    if (auto status = rail->start(*nic); !status) {
        return sdk::wrap(std::move(status).error(), what);
    }
    return std::unique_ptr<sdk::Rail>{std::move(rail)};
}

UcxRail::UcxRail(const Settings& settings, const sdk::Host& host, Worker worker)
    : settings_{settings},
      host_{host},
      counters_{host.metrics},
      worker_{std::move(worker)},
      windows_{random_},
      source_{{worker_, settings_, windows_, counters_, host_.logger, has_news_}},
      destination_{{worker_, settings_, events_, random_, counters_, has_news_}} {}

sdk::Status UcxRail::start(const Nic& nic) {
    const Instance instance = random_.number();
    const auto listener = source_.start(nic.address, instance);
    if (!listener) return listener.error();
    if (auto status = destination_.start(nic.address, instance); !status) return status;
    address_ = encode(RailAddress{instance, *listener});

    info_.device = nic.devices;
    info_.address = nic.address.ip_text();
    info_.link_mbps = nic.link_mbps;
    info_.numa_node = nic.numa_node;
    info_.get_bytes_max = kGetBytesMax;
    info_.gets_in_flight_max = settings_.gets_in_flight_max;
    info_.has_wait_fd = true;
    // The source answers each get, also where the bytes then travel by RDMA.
    info_.source_must_poll = true;
    info_.native_rma = false;
    info_.keys_enforced = true;
    host_.logger.log(sdk::LogLevel::Info, "ucx rail is open",
                     {{"device", nic.devices},
                      {"address", info_.address},
                      {"port", std::to_string(listener->port())},
                      {"tls", settings_.tls}});
    return {};
}

UcxRail::~UcxRail() {
    destination_.abort_all();
    // Connections that are just being made should be answered first; those to nobody never will.
    progress_while([&] { return destination_.is_lingering(); }, kAnswerPatience);
    destination_.stop_lingering();
    source_.stop();
    progress_while([&] { return is_closing(); }, kClosePatience);
    if (is_closing()) {
        host_.logger.log(sdk::LogLevel::Warning,
                         "ucx rail closes with operations that UCX does not end",
                         {{"device", info_.device}});
    }
    worker_.close();
}

sdk::Status UcxRail::connect(sdk::ByteView address, sdk::PeerCookie cookie,
                             sdk::Peer*& out) noexcept {
    return destination_.connect(address, cookie, out);
}

void UcxRail::abort_peer(sdk::Peer* peer) noexcept {
    destination_.abort_peer(remote(peer));
}

sdk::Status UcxRail::register_memory(std::span<std::byte> memory, sdk::Region*& out) noexcept {
    if (memory.empty()) {
        return sdk::Error{sdk::Code::InvalidArgument, "register memory: it has no bytes"};
    }
    auto handle = worker_.map(memory);
    if (!handle) return std::move(handle).error();
    regions_.push_back(std::make_unique<MappedRegion>(memory, std::move(*handle)));
    out = regions_.back().get();
    return {};
}

sdk::Status UcxRail::export_window(sdk::Region* region, std::size_t offset, std::size_t length,
                                   sdk::Epoch epoch, sdk::WindowKey& out) noexcept {
    const auto key = windows_.open(mapped(region), offset, length, epoch);
    if (!key) return key.error();
    out = encode(*key);
    return {};
}

void UcxRail::revoke_windows(sdk::Epoch epoch) noexcept {
    windows_.revoke(epoch);
}

sdk::Status UcxRail::get(sdk::Peer* peer, const sdk::WindowKey& key, std::uint64_t remote_offset,
                         sdk::Region* region, std::size_t local_offset, std::size_t length,
                         sdk::Cookie cookie) noexcept {
    return destination_.get(remote(peer), key, remote_offset, mapped(region), local_offset, length,
                            cookie);
}

void UcxRail::progress_while(const std::function<bool()>& is_needed,
                             std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (is_needed() && std::chrono::steady_clock::now() < deadline) {
        has_news_ = true;
        progress();
    }
}

void UcxRail::progress() {
    worker_.progress();
    if (!std::exchange(has_news_, false)) return;
    source_.settle();
    destination_.settle();
}

std::size_t UcxRail::poll(std::span<sdk::Event> out) noexcept {
    progress();
    std::size_t count = 0;
    while (count < out.size() && !events_.empty()) {
        const Events::Entry entry = events_.take();
        out[count++] = entry.event;
        if (entry.gone != nullptr) destination_.forget(entry.gone);
    }
    return count;
}

bool UcxRail::arm() noexcept {
    // What is closing needs progress that no descriptor announces.
    const auto is_idle = [&] { return events_.empty() && !has_news_ && !is_closing(); };
    return is_idle() && worker_.arm() && is_idle();
}

}  // namespace godwit::transport_ucx
