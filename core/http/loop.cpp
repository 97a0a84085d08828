#include "http/loop.h"

#include <algorithm>

#include "base/threads.h"

namespace godwit::http {
namespace {

constexpr std::uint64_t kListenerKey = Poller::kWakeKey + 1;
constexpr int kAcceptsPerTurn = 64;
// Clients beyond connections_max that hear a 503; further ones are just closed.
constexpr std::size_t kTurnedAwayAtOnceMax = 256;
constexpr base::Millis kAcceptPause{100};  // When the process has run out of descriptors.
constexpr base::Millis kFlushInterval{100};

}  // namespace

Loop::Loop(ServerSettings settings, Router router, AccessList access, base::Metrics& metrics)
    : settings_{std::move(settings)},
      router_{std::move(router)},
      access_{std::move(access)},
      tally_{metrics},
      shared_{.settings = settings_, .router = router_, .access = access_, .tally = tally_},
      poller_{Poller::open()},
      last_id_{kListenerKey} {}

Loop::~Loop() {
    stop(base::Millis{0});
}

Status Loop::start() {
    if (settings_.workers == 0) {
        return Error{Code::InvalidArgument, "start the HTTP server: it needs at least one worker"};
    }
    if (!poller_) return poller_.error();
    auto listener = Listener::open(settings_.host, settings_.port);
    if (!listener) return std::move(listener).error();
    listener_.emplace(std::move(*listener));
    if (auto added = poller_->add(listener_->fd(), kListenerKey, EPOLLIN); !added) return added;

    port_ = listener_->port();
    workers_ = std::make_unique<Workers>(
        Workers::Limits{.threads = settings_.workers, .fresh_max = settings_.queue_max},
        shared_.wakes, [this](Completion completion) { complete(std::move(completion)); });
    shared_.workers = workers_.get();
    thread_ = std::jthread{[this] { run(); }};
    return {};
}

void Loop::wake_parked() noexcept {
    shared_.wakes.fetch_add(1);
    if (poller_) poller_->wake();
}

void Loop::stop(base::Millis grace) noexcept {
    const std::lock_guard one_at_a_time{stop_mutex_};
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock{mutex_};
        grace_ = grace;
    }
    poller_->wake();
    thread_.join();
    workers_->stop();
}

void Loop::complete(Completion completion) noexcept {
    bool first;
    {
        const std::lock_guard lock{mutex_};
        first = completions_.empty();
        completions_.push_back(std::move(completion));
    }
    if (first) poller_->wake();
}

void Loop::run() {
    base::name_this_thread("http-loop");
    shared_.now = base::SteadyClock::now();
    for (;;) {
        const auto events = poller_->wait(next_event());
        shared_.now = base::SteadyClock::now();
        handle_events(events);
        handle_completions();
        handle_wake();
        handle_timers();
        handle_turns();
        if (clients_wait_ && listener_) accept_clients();
        workers_->announce();
        if (shared_.now >= flush_at_) {
            tally_.flush(watch_.size(), parked_.size());
            flush_at_ = base::Deadline::max();
        }
        if (tally_.has_news() && flush_at_ == base::Deadline::max()) {
            flush_at_ = shared_.now + kFlushInterval;
        }
        if (shared_.draining && (watch_.empty() || shared_.now >= drain_until_)) break;
    }
    while (!watch_.empty()) forget(watch_.begin());
    tally_.flush(0, 0);
}

base::Deadline Loop::next_event() const {
    if (!turns_.empty() || (clients_wait_ && listener_)) return shared_.now;
    base::Deadline next = std::min({flush_at_, drain_until_, accept_again_});
    if (!timers_.empty()) next = std::min(next, timers_.begin()->first);
    return next;
}

void Loop::handle_events(std::span<const epoll_event> events) {
    for (const epoll_event& event : events) {
        if (event.data.u64 == kListenerKey) {
            clients_wait_ = true;
            continue;
        }
        const auto watched = watch_.find(event.data.u64);
        if (watched == watch_.end()) continue;  // Closed earlier in this turn.
        watched->second.connection->on_events(event.events);
        settle(watched);
    }
}

void Loop::handle_completions() {
    std::vector<Completion> completions;
    std::optional<base::Millis> grace;
    {
        const std::lock_guard lock{mutex_};
        completions.swap(completions_);
        grace = grace_;
    }
    for (Completion& completion : completions) {
        const auto watched = watch_.find(completion.connection);
        if (watched == watch_.end()) continue;  // The client has left.
        watched->second.connection->on_completion(std::move(completion));
        settle(watched);
    }
    if (grace && !shared_.draining) {
        drain_until_ = shared_.now + *grace;
        begin_drain();
    }
}

void Loop::handle_wake() {
    const std::uint64_t wakes = shared_.wakes.load();
    if (wakes == wakes_handled_) return;
    wakes_handled_ = wakes;
    std::vector<std::uint64_t> connections;
    connections.reserve(parked_.size());
    for (const auto& [arrival, id] : parked_) connections.push_back(id);
    for (const std::uint64_t id : connections) {
        const auto watched = watch_.find(id);
        watched->second.connection->rerun(false);
        settle(watched);
    }
}

void Loop::handle_timers() {
    if (shared_.now >= accept_again_) {
        accept_again_ = base::Deadline::max();
        clients_wait_ = true;
    }
    while (!timers_.empty() && timers_.begin()->first <= shared_.now) {
        const std::uint64_t id = timers_.begin()->second;
        timers_.erase(timers_.begin());
        const auto watched = watch_.find(id);
        watched->second.timer = base::Deadline::max();
        // A deadline that has moved back since is set again by settle().
        Connection& connection = *watched->second.connection;
        if (connection.deadline() <= shared_.now) connection.on_deadline();
        settle(watched);
    }
}

void Loop::handle_turns() {
    std::vector<std::uint64_t> turns;
    turns.swap(turns_);
    for (const std::uint64_t id : turns) {
        const auto watched = watch_.find(id);
        if (watched == watch_.end()) continue;
        watched->second.connection->advance();
        settle(watched);
    }
}

void Loop::accept_clients() {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
        auto accepted = listener_->accept();
        if (!accepted) {
            clients_wait_ = false;
            if (accepted.error().code == Code::NoMemory) {
                shared_.log.warning("cannot accept clients: out of descriptors or memory",
                                    {{"connections", watch_.size()}});
                accept_again_ = shared_.now + kAcceptPause;
            }
            return;
        }
        const bool too_many = watch_.size() >= settings_.connections_max;
        if (watch_.size() >= settings_.connections_max + kTurnedAwayAtOnceMax) {
            tally_.turned_away();
            continue;
        }
        const std::uint64_t id = ++last_id_;
        auto connection = std::make_unique<Connection>(id, std::move(accepted->socket),
                                                       std::move(accepted->client), shared_);
        constexpr std::uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP;
        if (!poller_->add(connection->fd(), id, kEvents)) continue;
        const auto watched = watch_.emplace(id, Watched{std::move(connection)}).first;
        tally_.note();
        if (too_many) {
            watched->second.connection->turn_away();
        } else {
            watched->second.connection->advance();
        }
        settle(watched);
    }
}

void Loop::begin_drain() {
    shared_.draining = true;
    listener_.reset();
    clients_wait_ = false;
    accept_again_ = base::Deadline::max();
    std::vector<std::uint64_t> connections;
    connections.reserve(watch_.size());
    for (const auto& [id, watched] : watch_) connections.push_back(id);
    for (const std::uint64_t id : connections) {
        const auto watched = watch_.find(id);
        watched->second.connection->drain();
        settle(watched);
    }
}

void Loop::settle(Watch::iterator watched) {
    const auto id = watched->first;
    Watched& entry = watched->second;
    const Connection& connection = *entry.connection;
    if (connection.state() == Connection::State::Closed) return forget(watched);

    const bool parked = connection.state() == Connection::State::Parked;
    if (parked != entry.parked) {
        entry.parked = parked;
        tally_.note();
        if (parked) {
            entry.arrival = connection.arrival();
            parked_.emplace(entry.arrival, id);
        } else {
            parked_.erase(entry.arrival);
        }
    }
    if (connection.wants_turn()) turns_.push_back(id);
    set_timer(id, entry);
}

// A timer that is set too early is cheaper than one that follows every move: a busy connection has
// its deadline moved back twice per request.
void Loop::set_timer(std::uint64_t id, Watched& watched) {
    const base::Deadline deadline = watched.connection->deadline();
    if (deadline >= watched.timer) return;
    timers_.erase({watched.timer, id});
    timers_.emplace(deadline, id);
    watched.timer = deadline;
}

void Loop::forget(Watch::iterator watched) {
    const auto& [id, entry] = *watched;
    timers_.erase({entry.timer, id});
    if (entry.parked) parked_.erase(entry.arrival);
    watch_.erase(watched);
    tally_.note();
}

}  // namespace godwit::http
