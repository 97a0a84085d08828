#include "rail.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "device.h"

namespace godwit::transport_libfabric {
namespace {

constexpr std::size_t kGetBytesMax = std::size_t{1} << 30;

sdk::Error invalid(std::string message) {
    return {sdk::Code::InvalidArgument, std::move(message)};
}

bool lies_within(std::uint64_t offset, std::uint64_t length, std::uint64_t whole) {
    return offset <= whole && length <= whole - offset;
}

}  // namespace

sdk::Result<std::unique_ptr<sdk::Rail>> LibfabricRail::open(const Settings& settings,
                                                            const std::string& wire,
                                                            const sdk::RailSpec& spec,
                                                            const sdk::Host& host) {
    auto device = find_device(settings, spec);
    if (!device) return std::move(device).error();
    const std::string what =
        "open rail: device '" + std::string{(*device)->domain_attr->name} + "'";
    auto fabric = Fabric::open(std::move(*device));
    if (!fabric) return sdk::wrap(std::move(fabric).error(), what);
    auto poller = Poller::open();
    if (!poller) return sdk::wrap(std::move(poller).error(), what);
    std::unique_ptr<LibfabricRail> rail{
        new LibfabricRail{settings, wire, host, std::move(*fabric), std::move(*poller)}};
    if (auto status = rail->start(); !status) return sdk::wrap(status.error(), what);
    return std::unique_ptr<sdk::Rail>{std::move(rail)};
}

LibfabricRail::LibfabricRail(const Settings& settings, const std::string& wire,
                             const sdk::Host& host, Fabric fabric, Poller poller)
    : settings_{settings},
      wire_{wire},
      host_{host},
      counters_{host.metrics.counter("godwit_libfabric_gets_total", "Gets that brought their data"),
                host.metrics.counter("godwit_libfabric_get_failures_total", "Gets that failed"),
                host.metrics.counter("godwit_libfabric_get_bytes_total", "Bytes that gets brought"),
                host.metrics.counter("godwit_libfabric_peers_lost_total",
                                     "Peers that were lost, not given up")},
      probe_lines_{std::make_unique<ProbeLines>()},
      fabric_{std::move(fabric)},
      memory_{fabric_},
      operations_{settings.gets_in_flight_max},
      poller_{std::move(poller)} {}

LibfabricRail::~LibfabricRail() {
    for (const auto& peer : connections_) settle(*peer);
}

sdk::Status LibfabricRail::start() {
    if (auto status = open_serving(); !status) return status;
    auto region =
        memory_.add_region({reinterpret_cast<std::byte*>(probe_lines_.get()), sizeof(ProbeLines)});
    if (!region) return std::move(region).error();
    probe_region_ = *region;
    if (auto status = publish_address(); !status) return status;
    describe();
    host_.logger.log(sdk::LogLevel::Info, "rail opened",
                     {{"provider", settings_.provider->name},
                      {"device", rail_info_.device},
                      {"address", rail_info_.address},
                      {"wait", rail_info_.has_wait_fd ? "descriptor" : "none"}});
    return {};
}

sdk::Status LibfabricRail::open_serving() {
    const std::size_t completions = settings_.gets_in_flight_max;
    auto serving = Endpoint::open(fabric_, completions, Endpoint::Wait::Descriptor);
    if (!serving && serving.error().code == sdk::Code::Unsupported) {
        wait_ = Endpoint::Wait::None;
        serving = Endpoint::open(fabric_, completions, Endpoint::Wait::None);
    }
    if (!serving) return with_advice(std::move(serving).error());
    serving_.emplace(std::move(*serving));
    if (wait_ == Endpoint::Wait::None) return {};
    return poller_.add(serving_->wait_fd(), &*serving_);
}

// A device says "invalid argument" or "out of memory" to whatever it cannot give.
sdk::Error LibfabricRail::with_advice(sdk::Error error) const {
    if (!settings_.provider->is_rdma_by_ip) return error;
    error.message += " (completion queues have " +
                     std::to_string(completion_queue_entries(settings_)) +
                     " entries, unless FI_* variables say otherwise: lower 'peers_max' where the "
                     "device's hold less, set LimitMEMLOCK=infinity where memory may not be "
                     "locked)";
    return error;
}

sdk::Status LibfabricRail::publish_address() {
    auto name = serving_->name();
    if (!name) return std::move(name).error();
    // An epoch of the rail's own: the caller's never reach this window.
    constexpr sdk::Epoch kProbeEpoch = 0;
    auto probe = memory_.open_window(*probe_region_, 0, probe_lines_->served.size(), kProbeEpoch);
    if (!probe) return std::move(probe).error();
    address_ = encode(RailAddress{wire_, std::move(*name), *probe});
    return {};
}

void LibfabricRail::describe() {
    const fi_info& info = *fabric_.info;
    const ProviderTraits& provider = *settings_.provider;
    rail_info_.device = info.domain_attr->name;
    rail_info_.address = ip_address_of(info);
    rail_info_.link_mbps = link_mbps_of(info);
    rail_info_.numa_node = numa_node_of(rail_info_.device);
    rail_info_.get_bytes_max = std::min(kGetBytesMax, info.ep_attr->max_msg_size);
    rail_info_.gets_in_flight_max = settings_.gets_in_flight_max;
    rail_info_.has_wait_fd = wait_ == Endpoint::Wait::Descriptor;
    rail_info_.source_must_poll = info.domain_attr->control_progress != FI_PROGRESS_AUTO ||
                                  info.domain_attr->data_progress != FI_PROGRESS_AUTO;
    rail_info_.same_host_only = provider.same_host_only;
    rail_info_.keys_enforced = provider.keys_enforced;
    rail_info_.native_rma = provider.native_rma;
}

// ------------------------------------------------------------------------------------------ peers

// Whether the provider would know what to do with this endpoint name; it trusts what it is given.
bool LibfabricRail::is_plausible(sdk::ByteView endpoint) const {
    const fi_info& info = *fabric_.info;
    if (info.addr_format == FI_ADDR_STR) {
        const auto scheme = std::as_bytes(std::span{std::string_view{"fi_"}});
        return endpoint.size() > scheme.size() && endpoint.back() == std::byte{0} &&
               std::ranges::equal(endpoint.first(scheme.size()), scheme);
    }
    if (endpoint.size() != info.src_addrlen) return false;
    if (info.addr_format != FI_SOCKADDR_IN && info.addr_format != FI_SOCKADDR_IN6) return true;
    ::sa_family_t family = AF_UNSPEC;
    std::memcpy(&family, endpoint.data(), sizeof family);
    return family == (info.addr_format == FI_SOCKADDR_IN ? AF_INET : AF_INET6);
}

sdk::Status LibfabricRail::connect(sdk::ByteView address, sdk::PeerCookie cookie,
                                   sdk::Peer*& out) noexcept {
    if (address.size() > sdk::kRailAddressBytesMax) return invalid("connect: address: too long");
    const auto peer = decode_address(address);
    if (!peer) return invalid("connect: address: not one of this transport, or damaged");
    if (peer->wire != wire_) {
        return invalid("connect: address: of wire '" + peer->wire + "', this rail has '" + wire_ +
                       "'");
    }
    if (!is_plausible(peer->endpoint) || peer->probe.length != probe_lines_->fetched.size()) {
        return invalid("connect: address: its endpoint makes no sense to this provider");
    }
    if (connections_.size() >= settings_.peers_max) {
        return sdk::Error{
            sdk::Code::NoMemory,
            "connect: peers_max (" + std::to_string(settings_.peers_max) + ") peers are connected"};
    }
    std::optional<Endpoint> own;
    if (!settings_.provider->completes_at_once) {
        auto endpoint = Endpoint::open(fabric_, settings_.gets_in_flight_max + 1, wait_);
        if (!endpoint) return sdk::wrap(with_advice(std::move(endpoint).error()), "connect");
        own.emplace(std::move(*endpoint));
    }
    const auto inserted = (own ? *own : *serving_).insert(peer->endpoint);
    if (!inserted) return invalid("connect: address: " + inserted.error().message);

    auto connection = std::make_unique<Connection>(cookie, std::move(own), *serving_, *inserted,
                                                   peer->probe, *settings_.provider);
    const Endpoint* endpoint = connection->own_endpoint();
    if (endpoint != nullptr && endpoint->wait_fd() >= 0) {
        auto status = poller_.add(endpoint->wait_fd(), connection.get());
        if (!status) return status;
    }
    out = connections_.emplace_back(std::move(connection)).get();
    return {};
}

void LibfabricRail::abort_peer(sdk::Peer* peer) noexcept {
    auto& connection = *static_cast<Connection*>(peer);
    if (connection.is_down()) return;
    // What is done already is handed out as done.
    progress(connection, false);
    take_down(connection, sdk::Code::Cancelled, FI_ECANCELED);
}

// ----------------------------------------------------------------------------------------- memory

sdk::Status LibfabricRail::register_memory(std::span<std::byte> memory,
                                           sdk::Region*& out) noexcept {
    if (memory.empty()) return invalid("register memory: it is empty");
    auto region = memory_.add_region(memory);
    if (!region) return sdk::wrap(std::move(region).error(), "register memory");
    out = *region;
    return {};
}

sdk::Status LibfabricRail::export_window(sdk::Region* region, std::size_t offset,
                                         std::size_t length, sdk::Epoch epoch,
                                         sdk::WindowKey& out) noexcept {
    const auto& registered = *static_cast<RegisteredRegion*>(region);
    if (length == 0 || !lies_within(offset, length, registered.memory.size())) {
        return invalid("export window: " + std::to_string(length) + " bytes at " +
                       std::to_string(offset) + " lie outside of the region of " +
                       std::to_string(registered.memory.size()));
    }
    auto window = memory_.open_window(registered, offset, length, epoch);
    if (!window) return sdk::wrap(std::move(window).error(), "export window");
    out = encode(*window);
    return {};
}

void LibfabricRail::revoke_windows(sdk::Epoch epoch) noexcept {
    memory_.revoke(epoch);
}

// ------------------------------------------------------------------------------------------- gets

sdk::Status LibfabricRail::get(sdk::Peer* peer, const sdk::WindowKey& key,
                               std::uint64_t remote_offset, sdk::Region* region,
                               std::size_t local_offset, std::size_t length,
                               sdk::Cookie cookie) noexcept {
    auto& connection = *static_cast<Connection*>(peer);
    const auto& target = *static_cast<RegisteredRegion*>(region);
    if (length == 0 || length > rail_info_.get_bytes_max) return invalid("get: length");
    if (!lies_within(local_offset, length, target.memory.size())) {
        return invalid("get: outside of the local region");
    }
    const auto window = decode_key(key);
    if (!window) return invalid("get: malformed key");
    if (connection.is_down()) {
        return sdk::Error{sdk::Code::PeerLost, "get: the peer is down"};
    }
    const sdk::Error again{sdk::Code::Again, "get: poll first"};
    if (connection.state() == Connection::State::Connecting) return again;
    if (unanswered_gets_ >= settings_.gets_in_flight_max) return again;
    if (!lies_within(remote_offset, length, window->length)) {
        // The source would refuse it, and cut off everything else that is in flight.
        ++unanswered_gets_;
        queue_done(cookie, sdk::Code::BadKey, FI_EACCES, 0);
        return {};
    }
    Operation* operation = operations_.take(connection, cookie, length);
    if (operation == nullptr) return again;
    switch (connection.post(*operation, *window, remote_offset, target.memory.data() + local_offset,
                            target.descriptor)) {
    case Connection::Post::Posted:
        ++unanswered_gets_;
        expect_done(connection);
        return {};
    case Connection::Post::Again: operations_.release(*operation); return again;
    case Connection::Post::Lost: break;
    }
    operations_.release(*operation);
    take_down(connection, sdk::Code::PeerLost, connection.last_error());
    return sdk::Error{sdk::Code::PeerLost, "get: the connection is lost", connection.last_error()};
}

}  // namespace godwit::transport_libfabric
