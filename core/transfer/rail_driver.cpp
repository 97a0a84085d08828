#include "transfer/rail_driver.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "base/threads.h"

namespace godwit::transfer {
namespace {

using base::Deadline;
using base::Millis;
using base::SteadyClock;

constexpr std::size_t kEventsPerPoll = 64;
// How long a driver goes on polling behind the last event before it sleeps. Longer wastes the core
// that the peer needs where cores are few (reference: docs/architecture.md, "Polling").
constexpr std::chrono::microseconds kSpin{20};
constexpr Millis kDeadlineTick{100};
constexpr Millis kIdleTick{5'000};
// A rail without a wait descriptor is polled in naps that grow while nothing happens.
constexpr std::chrono::microseconds kNapMin{50};
constexpr std::chrono::microseconds kNapMax{5'000};

const base::Log kLog{"rail"};

std::string describe(const sdk::Event& event) {
    std::string text{sdk::to_string(event.code)};
    if (event.text != nullptr && *event.text != '\0') text += std::string{": "} + event.text;
    if (event.native != 0) text += " (" + std::to_string(event.native) + ")";
    return text;
}

Code code_of(const sdk::Event& event, Code fallback) {
    return event.code == Code::Ok ? fallback : event.code;
}

}  // namespace

struct RailDriver::InFlight {
    GetJob job;
    Deadline posted{};
    Deadline deadline{};
};

struct RailDriver::Link {
    LinkId id = 0;
    sdk::Peer* peer = nullptr;  // Null once it is down.
    sdk::WindowKey window;
    std::function<void(Error)> on_down;
    bool up = false;
    bool given_up = false;  // abort_peer() was called; PeerDown will come.
    Error reason;           // Why, when given_up.
    Deadline connect_deadline{};
    std::deque<GetJob> waiting;  // For the link to come up, or for room in the fabric.
    double bytes_per_second = 0;
};

RailDriver::RailDriver(std::unique_ptr<sdk::Rail> rail, std::string wire)
    : rail_{std::move(rail)}, wire_{std::move(wire)} {}

Result<std::unique_ptr<RailDriver>> RailDriver::start(std::unique_ptr<sdk::Rail> rail,
                                                      std::string wire, std::span<std::byte> send,
                                                      std::span<std::byte> receive) {
    std::unique_ptr<RailDriver> driver{new RailDriver{std::move(rail), std::move(wire)}};
    sdk::Rail& owned = *driver->rail_;
    driver->info_ = owned.info();
    const sdk::ByteView address = owned.address();
    driver->address_.assign(reinterpret_cast<const char*>(address.data()), address.size());
    driver->send_bytes_ = send.size();
    if (auto status = owned.register_memory(send, driver->send_region_); !status) {
        return wrap(std::move(status).error(), "register the send buffers");
    }
    if (auto status = owned.register_memory(receive, driver->receive_region_); !status) {
        return wrap(std::move(status).error(), "register the receive buffers");
    }
    driver->wake_fd_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!driver->wake_fd_) return base::errno_error("create an eventfd");
    driver->thread_ =
        std::jthread{[self = driver.get()](std::stop_token stop) { self->run(stop); }};
    return driver;
}

RailDriver::~RailDriver() {
    thread_.request_stop();
    post([] {});
    if (thread_.joinable()) thread_.join();
    // The rail goes first: when its destructor has returned, nothing touches the memory.
    rail_.reset();
    const Error cancelled{Code::Cancelled, "the rail was closed"};
    for (auto& [cookie, get] : in_flight_) get.job.done(cancelled);
    for (auto& [id, link] : links_) {
        for (GetJob& job : link->waiting) job.done(cancelled);
    }
}

void RailDriver::post(Command command) {
    {
        const std::lock_guard lock{mutex_};
        commands_.push_back(std::move(command));
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_fd_.get(), &one, sizeof(one));
}

Result<sdk::WindowKey> RailDriver::open_window(sdk::Epoch epoch) {
    std::promise<Result<sdk::WindowKey>> promise;
    auto answer = promise.get_future();
    post([this, epoch, &promise] {
        sdk::WindowKey key;
        auto status = rail_->export_window(send_region_, 0, send_bytes_, epoch, key);
        if (status) {
            promise.set_value(key);
        } else {
            promise.set_value(std::move(status).error());
        }
    });
    return answer.get();
}

void RailDriver::close_window(sdk::Epoch epoch) {
    post([this, epoch] { rail_->revoke_windows(epoch); });
}

LinkId RailDriver::connect(std::string address, const sdk::WindowKey& window,
                           std::function<void(Error)> on_down) {
    const LinkId id = next_link_.fetch_add(1, std::memory_order_relaxed);
    post([this, id, address = std::move(address), window, on_down = std::move(on_down)]() mutable {
        auto link = std::make_unique<Link>();
        link->id = id;
        link->window = window;
        link->on_down = std::move(on_down);
        link->connect_deadline = SteadyClock::now() + kConnectDeadline;
        const sdk::ByteView bytes{reinterpret_cast<const std::byte*>(address.data()),
                                  address.size()};
        auto status = rail_->connect(bytes, id, link->peer);
        links_.emplace(id, std::move(link));
        if (!status) lose_link(id, wrap(std::move(status).error(), "connect"));
    });
    return id;
}

void RailDriver::disconnect(LinkId id) {
    post([this, id] {
        const auto found = links_.find(id);
        if (found == links_.end()) return;
        found->second->on_down = nullptr;
        give_up(*found->second, {Code::Cancelled, "the link was closed"});
    });
}

void RailDriver::get(GetJob job) {
    post([this, job = std::move(job)]() mutable {
        const auto found = links_.find(job.link);
        if (found == links_.end() || found->second->given_up) {
            job.done(Error{Code::PeerLost, "the link is down"});
            return;
        }
        found->second->waiting.push_back(std::move(job));
        pump(*found->second);
    });
}

void RailDriver::run(std::stop_token stop) {
    base::name_this_thread("rail-" + info_.device);
    Deadline last_event = SteadyClock::now();
    Deadline next_check = last_event;
    while (!stop.stop_requested()) {
        bool busy = run_commands();
        busy = poll_events() || busy;
        const Deadline now = SteadyClock::now();
        if (now >= next_check) {
            check_deadlines(now);
            next_check = now + kDeadlineTick;
        }
        if (busy) {
            last_event = now;
            idle_nap_ = {};
        } else if (now - last_event >= kSpin && (rail_->wait_fd() < 0 || rail_->arm())) {
            sleep(links_.empty() && in_flight_.empty());
        }
    }
}

bool RailDriver::run_commands() {
    std::vector<Command> commands;
    {
        const std::lock_guard lock{mutex_};
        commands.swap(commands_);
    }
    for (Command& command : commands) command();
    return !commands.empty();
}

bool RailDriver::poll_events() {
    std::array<sdk::Event, kEventsPerPoll> events;
    const std::size_t count = rail_->poll(events);
    for (std::size_t i = 0; i < count; ++i) handle(events[i]);
    return count != 0;
}

void RailDriver::handle(const sdk::Event& event) {
    switch (event.kind) {
    case sdk::Event::Kind::GetDone: finish_get(event); return;
    case sdk::Event::Kind::PeerUp:
        if (const auto found = links_.find(event.cookie); found != links_.end()) {
            found->second->up = true;
            pump(*found->second);
        }
        return;
    case sdk::Event::Kind::PeerDown:
        lose_link(event.cookie, {code_of(event, Code::PeerLost), describe(event)});
        return;
    case sdk::Event::Kind::RailDown:
        down_.store(true, std::memory_order_relaxed);
        kLog.error("rail down", {{"device", info_.device}, {"reason", describe(event)}});
        return;
    }
}

void RailDriver::finish_get(const sdk::Event& event) {
    const auto found = in_flight_.find(event.cookie);
    if (found == in_flight_.end()) {
        kLog.error("transport reported a get that was never posted", {{"cookie", event.cookie}});
        return;
    }
    InFlight get = std::move(found->second);
    in_flight_.erase(found);
    const auto link = links_.find(get.job.link);
    if (event.code == Code::Ok) {
        if (link != links_.end()) {
            const std::chrono::duration<double> took = SteadyClock::now() - get.posted;
            const double rate = static_cast<double>(get.job.length) / std::max(took.count(), 1e-6);
            double& average = link->second->bytes_per_second;
            average = average == 0 ? rate : 0.9 * average + 0.1 * rate;
        }
        get.job.done({});
    } else {
        // A peer that was given up for its slowness is what the caller should hear of.
        const bool given_up = link != links_.end() && link->second->given_up;
        get.job.done(given_up ? link->second->reason : Error{event.code, describe(event)});
    }
    if (link != links_.end()) pump(*link->second);
}

void RailDriver::lose_link(std::uint64_t id, Error why) {
    const auto found = links_.find(id);
    if (found == links_.end()) return;
    const std::unique_ptr<Link> link = std::move(found->second);
    links_.erase(found);
    if (link->given_up) why = link->reason;
    for (GetJob& job : link->waiting) job.done(why);
    if (link->on_down) link->on_down(why);
}

void RailDriver::give_up(Link& link, Error why) {
    if (link.given_up) return;
    link.given_up = true;
    link.reason = std::move(why);
    std::deque<GetJob> waiting;
    waiting.swap(link.waiting);
    for (GetJob& job : waiting) job.done(link.reason);
    rail_->abort_peer(link.peer);
}

// Posts what waits, as far as the fabric takes it.
void RailDriver::pump(Link& link) {
    while (link.up && !link.given_up && !link.waiting.empty()) {
        GetJob& job = link.waiting.front();
        const sdk::Cookie cookie = next_cookie_++;
        auto status = rail_->get(link.peer, link.window, job.remote_offset, receive_region_,
                                 job.local_offset, job.length, cookie);
        if (!status && status.error().code == Code::Again) return;
        GetJob posted = std::move(job);
        link.waiting.pop_front();
        if (!status) {
            posted.done(std::move(status).error());
            continue;
        }
        const Deadline now = SteadyClock::now();
        const Deadline deadline = now + get_budget(link, posted.length);
        in_flight_.emplace(cookie, InFlight{std::move(posted), now, deadline});
    }
}

Millis RailDriver::get_budget(const Link& link, std::size_t length) const noexcept {
    if (link.bytes_per_second <= 0) return kGetDeadlineFloor;
    const double seconds = 4.0 * static_cast<double>(length) / link.bytes_per_second;
    return std::max(kGetDeadlineFloor, Millis{static_cast<std::int64_t>(seconds * 1000)});
}

void RailDriver::check_deadlines(Deadline now) {
    for (const auto& [cookie, get] : in_flight_) {
        if (now < get.deadline) continue;
        if (const auto link = links_.find(get.job.link); link != links_.end()) {
            give_up(*link->second, {Code::TimedOut, "a get made no progress before its deadline"});
        }
    }
    for (const auto& [id, link] : links_) {
        if (!link->up && now >= link->connect_deadline) {
            give_up(*link, {Code::TimedOut, "no connection before its deadline"});
        }
        // Room in the fabric may have come without an event of this link.
        pump(*link);
    }
}

void RailDriver::sleep(bool idle_long) {
    std::array<pollfd, 2> fds{{{wake_fd_.get(), POLLIN, 0}, {rail_->wait_fd(), POLLIN, 0}}};
    std::chrono::nanoseconds timeout = idle_long ? kIdleTick : kDeadlineTick;
    if (fds[1].fd < 0) {
        idle_nap_ = std::clamp(2 * idle_nap_, kNapMin, kNapMax);
        timeout = idle_nap_;
    }
    constexpr long kSecond = 1'000'000'000;
    const timespec wait{timeout.count() / kSecond, timeout.count() % kSecond};
    const nfds_t count = fds[1].fd < 0 ? 1 : 2;
    if (::ppoll(fds.data(), count, &wait, nullptr) > 0 && fds[0].revents != 0) {
        std::uint64_t wakes = 0;
        [[maybe_unused]] const ssize_t read = ::read(wake_fd_.get(), &wakes, sizeof(wakes));
    }
}

}  // namespace godwit::transfer
