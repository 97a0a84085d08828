#include "transfer/rails.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace godwit::transfer {
namespace {

using base::SteadyClock;

constexpr std::size_t kNoWay = SIZE_MAX;
constexpr base::Millis kPause{30'000};

const base::Log kLog{"rail"};

std::string name_of(const sdk::RailSpec& spec) {
    if (spec.iface.empty()) return spec.address;
    return spec.address.empty() ? spec.iface : spec.iface + " (" + spec.address + ")";
}

}  // namespace

Result<std::unique_ptr<Rails>> Rails::open(const RailsSettings& settings) {
    std::unique_ptr<Rails> rails{new Rails};
    rails->transports_ = settings.transports;
    auto send = BufferPool::make(settings.send_buffers, settings.segment_bytes);
    if (!send) return std::move(send).error();
    auto receive = BufferPool::make(settings.receive_buffers, settings.segment_bytes);
    if (!receive) return std::move(receive).error();
    rails->send_ = std::move(*send);
    rails->receive_ = std::move(*receive);

    Error last{Code::InvalidArgument, "no data plane endpoint is configured"};
    for (const auto& transport : settings.transports) {
        const std::string wire{transport->wire()};
        bool opened = false;
        for (const sdk::RailSpec& spec : settings.rails) {
            auto rail = transport->open_rail(spec);
            auto driver = rail ? RailDriver::start(std::move(*rail), wire, rails->send_->memory(),
                                                   rails->receive_->memory())
                               : Result<std::unique_ptr<RailDriver>>{std::move(rail).error()};
            if (!driver) {
                last = wrap(std::move(driver).error(),
                            "open rail '" + name_of(spec) + "' with " + wire);
                kLog.error(last.message);
                continue;
            }
            const sdk::RailInfo& info = (*driver)->info();
            kLog.info("rail open", {{"wire", wire},
                                    {"device", info.device},
                                    {"address", info.address},
                                    {"mbps", info.link_mbps},
                                    {"native_rma", info.native_rma},
                                    {"keys_enforced", info.keys_enforced}});
            rails->drivers_.push_back(std::move(*driver));
            opened = true;
        }
        if (opened) rails->wires_.push_back(wire);
    }
    if (rails->drivers_.empty()) return last;
    return rails;
}

bool same_subnet(std::string_view a, std::string_view b) noexcept {
    std::array<unsigned char, 16> first{};
    std::array<unsigned char, 16> second{};
    const std::string text_a{a};
    const std::string text_b{b};
    if (::inet_pton(AF_INET, text_a.c_str(), first.data()) == 1) {
        return ::inet_pton(AF_INET, text_b.c_str(), second.data()) == 1 &&
               std::memcmp(first.data(), second.data(), 3) == 0;
    }
    return ::inet_pton(AF_INET6, text_a.c_str(), first.data()) == 1 &&
           ::inet_pton(AF_INET6, text_b.c_str(), second.data()) == 1 &&
           std::memcmp(first.data(), second.data(), 8) == 0;
}

struct RailLinks::Transfer {
    std::uint64_t offset = 0;
    std::size_t local_offset = 0;
    std::size_t length = 0;
    std::function<void(Status)> done;
    std::vector<bool> tried;
    Error last{Code::PeerLost, "no rail reaches the source"};
};

std::shared_ptr<RailLinks> RailLinks::make(Rails& rails, std::vector<RemoteRail> remotes,
                                           std::string peer) {
    return std::shared_ptr<RailLinks>{new RailLinks{rails, std::move(remotes), std::move(peer)}};
}

RailLinks::RailLinks(Rails& rails, std::vector<RemoteRail> remotes, std::string peer)
    : peer_{std::move(peer)} {
    std::size_t turn = 0;
    for (const auto& driver : rails.drivers()) {
        std::vector<const RemoteRail*> fitting;
        for (const RemoteRail& remote : remotes) {
            if (remote.wire == driver->wire()) fitting.push_back(&remote);
        }
        if (fitting.empty()) continue;
        // Its own subnet first: routed paths between rails of a fabric are slow, or absent.
        const auto near = std::find_if(fitting.begin(), fitting.end(), [&](const RemoteRail* rail) {
            return same_subnet(rail->ip, driver->info().address);
        });
        const std::size_t pick = near != fitting.end()
                                     ? static_cast<std::size_t>(near - fitting.begin())
                                     : turn % fitting.size();
        ++turn;
        Way way;
        way.driver = driver.get();
        way.remote = *fitting[pick];
        const std::uint32_t mbps = std::min(driver->info().link_mbps, way.remote.link_mbps);
        way.speed = std::max(1.0, static_cast<double>(mbps));
        ways_.push_back(std::move(way));
    }
}

RailLinks::~RailLinks() {
    close();
}

void RailLinks::close() {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    for (Way& way : ways_) {
        if (way.link != 0) way.driver->disconnect(std::exchange(way.link, 0));
    }
}

void RailLinks::get(std::uint64_t offset, const Buffer& buffer, std::size_t length,
                    std::function<void(Status)> done) {
    auto transfer = std::make_shared<Transfer>();
    transfer->offset = offset;
    transfer->local_offset = buffer.offset();
    transfer->length = length;
    transfer->done = std::move(done);
    transfer->tried.resize(ways_.size());
    try_next(transfer);
}

std::size_t RailLinks::choose(const std::vector<bool>& tried) {
    const base::Deadline now = SteadyClock::now();
    std::size_t best = kNoWay;
    bool best_paused = true;
    double best_load = 0;
    for (std::size_t i = 0; i < ways_.size(); ++i) {
        const Way& way = ways_[i];
        if (tried[i] || way.driver->is_down()) continue;
        const bool paused = now < way.paused_until;
        const double load = static_cast<double>(way.bytes_under_way) / way.speed;
        // A paused way is still better than none.
        const bool better = best == kNoWay || (best_paused && !paused) ||
                            (best_paused == paused && load < best_load);
        if (!better) continue;
        best = i;
        best_paused = paused;
        best_load = load;
    }
    return best;
}

void RailLinks::connect(std::size_t index) {
    Way& way = ways_[index];
    // The callback may come when this is gone, or when the way has a newer link.
    const std::weak_ptr<RailLinks> weak = weak_from_this();
    auto link = std::make_shared<LinkId>(0);  // guarded by mutex_, as all of the way
    *link = way.driver->connect(way.remote.address, way.remote.window,
                                [weak, index, link](const Error& why) {
                                    if (const auto self = weak.lock()) {
                                        self->way_down(index, link, why);
                                    }
                                });
    way.link = *link;
}

void RailLinks::way_down(std::size_t index, const std::shared_ptr<LinkId>& link, const Error& why) {
    const std::lock_guard lock{mutex_};
    Way& way = ways_[index];
    if (way.link != *link) return;
    way.link = 0;
    way.paused_until = SteadyClock::now() + kPause;
    kLog.warning("link down", {{"peer", peer_},
                               {"local", way.driver->info().address},
                               {"remote", way.remote.ip},
                               {"device", way.driver->info().device},
                               {"reason", why.message}});
}

void RailLinks::try_next(const std::shared_ptr<Transfer>& transfer) {
    GetJob job;
    RailDriver* driver = nullptr;
    {
        const std::lock_guard lock{mutex_};
        if (closed_) transfer->last = {Code::Cancelled, "the links were closed"};
        const std::size_t index = closed_ ? kNoWay : choose(transfer->tried);
        if (index != kNoWay) {
            Way& way = ways_[index];
            if (way.link == 0) connect(index);
            way.bytes_under_way += transfer->length;
            transfer->tried[index] = true;
            driver = way.driver;
            job = {way.link, transfer->offset, transfer->local_offset, transfer->length,
                   [self = shared_from_this(), transfer, index](Status status) {
                       self->attempt_ended(transfer, index, std::move(status));
                   }};
        }
    }
    if (driver == nullptr) {
        transfer->done(transfer->last);
    } else {
        driver->get(std::move(job));
    }
}

void RailLinks::attempt_ended(const std::shared_ptr<Transfer>& transfer, std::size_t index,
                              Status status) {
    {
        const std::lock_guard lock{mutex_};
        ways_[index].bytes_under_way -= transfer->length;
    }
    if (status || status.error().code == Code::Cancelled) {
        transfer->done(std::move(status));
        return;
    }
    transfer->last =
        wrap(std::move(status).error(), "get over '" + ways_[index].driver->info().device +
                                            "' from " + ways_[index].remote.ip);
    try_next(transfer);
}

}  // namespace godwit::transfer
