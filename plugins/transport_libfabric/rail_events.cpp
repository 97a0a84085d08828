#include <algorithm>
#include <array>
#include <utility>

#include "completion_code.h"
#include "cut.h"
#include "rail.h"

namespace godwit::transport_libfabric {
namespace {

constexpr std::size_t kCompletionsAtOnce = 16;
// How many batches one poll() takes from one queue before the others get their turn.
constexpr int kBatchesMax = 8;
// Far more than it takes to read what a socket holds and to hear of every get once.
constexpr int kSettleRoundsMax = 20'000;

}  // namespace

std::size_t LibfabricRail::poll(std::span<sdk::Event> out) noexcept {
    progress();
    std::size_t count = 0;
    for (; count < out.size() && !events_.empty(); ++count) {
        const Queued queued = events_.front();
        events_.pop_front();
        out[count] = queued.event;
        if (queued.event.kind == sdk::Event::Kind::GetDone) --unanswered_gets_;
        if (queued.last_of != nullptr) forget(*queued.last_of);
    }
    return count;
}

int LibfabricRail::wait_fd() const noexcept {
    return wait_ == Endpoint::Wait::Descriptor ? poller_.fd() : -1;
}

bool LibfabricRail::arm() noexcept {
    if (!events_.empty() || !serving_->may_sleep(fabric_)) return false;
    std::optional<Instant> first_probe;
    for (const auto& peer : connections_) {
        if (peer->is_down()) continue;
        Endpoint* endpoint = peer->own_endpoint();
        if (!peer->is_quiet && endpoint != nullptr && !endpoint->may_sleep(fabric_)) return false;
        peer->is_quiet = true;
        const auto probe_at = peer->next_probe();
        if (probe_at && (!first_probe || *probe_at < *first_probe)) first_probe = probe_at;
    }
    if (first_probe) {
        first_probe = *first_probe - now();
        if (first_probe->count() <= 0) return false;
    }
    poller_.set_timer(first_probe);
    return true;
}

// Queues that something is expected from are read each time; one that nothing is in flight on only
// when its descriptor says so, which is how the end of an idle connection shows.
void LibfabricRail::progress() {
    progress_serving(nullptr);
    const bool polls_all = wait_ == Endpoint::Wait::None;
    const auto is_idle = [](const auto& peer) { return !peer->is_down() && !peer->is_busy(); };
    if (!polls_all && std::ranges::any_of(connections_, is_idle)) {
        for (void* owner : poller_.readable()) {
            if (owner == &*serving_) continue;
            auto& peer = *static_cast<Connection*>(owner);
            if (!peer.is_busy()) progress(peer, true);
        }
    }
    for (const auto& peer : connections_) {
        if (!peer->is_down() && (polls_all || peer->is_busy())) progress(*peer, false);
    }
}

void LibfabricRail::progress_serving(Connection* suspect) {
    std::array<Completion, kCompletionsAtOnce> completions;
    for (int batch = 0; batch < kBatchesMax; ++batch) {
        const Endpoint::Progress made = serving_->progress(completions);
        if (made.queue_error != 0) return rail_down(made.queue_error);
        for (std::size_t i = 0; i < made.count; ++i) {
            Connection* owner = owner_of(completions[i]);
            // The provider forgot whose it was, but it failed in the very call that posted it.
            if (owner == nullptr && completions[i].error != 0) owner = suspect;
            if (owner != nullptr) finish(*owner, completions[i]);
        }
        if (made.count == 0) return;
    }
}

Connection* LibfabricRail::owner_of(const Completion& completion) {
    if (const Operation* operation = operations_.find(completion.context)) return operation->peer;
    for (const auto& peer : connections_) {
        if (peer->is_probe(completion.context)) return peer.get();
    }
    return nullptr;
}

void LibfabricRail::progress(Connection& peer, bool is_woken) {
    std::array<Completion, kCompletionsAtOnce> completions;
    peer.is_quiet = false;
    for (int batch = 0; batch < kBatchesMax && peer.own_endpoint() != nullptr; ++batch) {
        const Endpoint::Progress made = peer.own_endpoint()->progress(completions);
        if (made.queue_error != 0) {
            return take_down(peer, sdk::Code::PeerLost, made.queue_error);
        }
        for (std::size_t i = 0; i < made.count && !peer.is_down(); ++i) {
            finish(peer, completions[i]);
        }
        if (made.count == 0) break;
    }
    if (peer.is_down()) return;
    if (peer.state() == Connection::State::Connecting || is_woken) probe(peer);
}

void LibfabricRail::probe(Connection& peer) {
    const auto post =
        peer.try_probe(now(), probe_lines_->fetched.data(), probe_region_->descriptor);
    if (post == Connection::Post::Posted) return expect_done(peer);
    if (post == Connection::Post::Lost) {
        take_down(peer, sdk::Code::PeerLost, peer.last_error());
    }
}

// Where gets are done when they are posted, one that is not means that this process may not read
// the peer's memory. The provider would have the peer copy it, which could not be given up.
void LibfabricRail::expect_done(Connection& peer) {
    if (!settings_.provider->completes_at_once) return;
    progress_serving(&peer);
    if (!peer.is_down() && peer.in_flight() != 0) {
        take_down(peer, sdk::Code::Internal, FI_EPERM);
    }
}

// An error takes the whole peer down: the providers cut the connection after one, and the gets
// behind it fail all the same.
void LibfabricRail::finish(Connection& peer, const Completion& completion) {
    note_end(peer, completion);
    if (completion.error != 0) take_down(peer, sdk::Code::PeerLost, completion.error);
}

void LibfabricRail::note_end(Connection& peer, const Completion& completion) {
    const bool failed = completion.error != 0;
    if (peer.is_probe(completion.context)) {
        const bool was_up = peer.state() == Connection::State::Up;
        peer.note_probe_done(!failed);
        if (!failed && !was_up) queue_peer(peer, sdk::Event::Kind::PeerUp, sdk::Code::Ok, 0);
        return;
    }
    Operation* operation = operations_.find(completion.context);
    if (operation == nullptr || operation->peer != &peer) return;
    peer.note_done();
    const sdk::Code code = failed ? code_of(completion.error) : sdk::Code::Ok;
    queue_done(operation->cookie, code, completion.error, failed ? 0 : operation->length);
    operations_.release(*operation);
}

// Brings an endpoint that must not be closed while a get is half done to where it may be. Gets that
// end well on the way are handed out as done; the others stay with the peer.
void LibfabricRail::settle(Connection& peer) {
    Endpoint* endpoint = peer.own_endpoint();
    if (!settings_.provider->must_be_cut || endpoint == nullptr || peer.in_flight() == 0) return;
    cut_connections(endpoint->wait_fd());
    std::array<Completion, kCompletionsAtOnce> completions;
    for (int round = 0; round < kSettleRoundsMax && peer.in_flight() != 0; ++round) {
        const Endpoint::Progress made = endpoint->progress(completions);
        if (made.queue_error != 0) return;
        for (std::size_t i = 0; i < made.count; ++i) {
            if (completions[i].error == 0) {
                note_end(peer, completions[i]);
            } else {
                peer.note_done();
            }
        }
    }
}

// Closing the endpoint comes first: from then on the fabric writes nothing for this peer, whatever
// it had in flight, and the events below may say so.
void LibfabricRail::take_down(Connection& peer, sdk::Code code, int error) {
    if (peer.is_down()) return;
    settle(peer);
    const Endpoint* endpoint = peer.own_endpoint();
    if (endpoint != nullptr && endpoint->wait_fd() >= 0) poller_.remove(endpoint->wait_fd());
    peer.set_down();
    operations_.for_each_of(peer, [&](Operation& operation) {
        queue_done(operation.cookie, code, error, 0);
        operations_.release(operation);
    });
    queue_peer(peer, sdk::Event::Kind::PeerDown, code, error);
    if (code == sdk::Code::Cancelled) return;
    counters_.peers_lost.add();
    host_.logger.log(sdk::LogLevel::Debug, "peer lost",
                     {{"device", rail_info_.device}, {"why", fi_strerror(error)}});
}

void LibfabricRail::rail_down(int error) {
    if (is_down_) return;
    is_down_ = true;
    host_.logger.log(sdk::LogLevel::Error, "rail down",
                     {{"device", rail_info_.device}, {"why", fi_strerror(error)}});
    sdk::Event event;
    event.kind = sdk::Event::Kind::RailDown;
    event.code = sdk::Code::Unavailable;
    event.native = error;
    event.text = fi_strerror(error);
    events_.push_back({event, nullptr});
    for (const auto& peer : connections_) take_down(*peer, sdk::Code::PeerLost, error);
}

void LibfabricRail::queue_done(sdk::Cookie cookie, sdk::Code code, int error, std::size_t bytes) {
    sdk::Event event;
    event.kind = sdk::Event::Kind::GetDone;
    event.code = code;
    event.native = error;
    if (error != 0) event.text = fi_strerror(error);
    event.cookie = cookie;
    event.bytes = bytes;
    events_.push_back({event, nullptr});
    (code == sdk::Code::Ok ? counters_.gets : counters_.failures).add();
    counters_.bytes.add(bytes);
}

void LibfabricRail::queue_peer(const Connection& peer, sdk::Event::Kind kind, sdk::Code code,
                               int error) {
    sdk::Event event;
    event.kind = kind;
    event.code = code;
    event.native = error;
    if (error != 0) event.text = fi_strerror(error);
    event.cookie = peer.cookie();
    events_.push_back({event, kind == sdk::Event::Kind::PeerDown ? &peer : nullptr});
}

void LibfabricRail::forget(const Connection& peer) {
    std::erase_if(connections_, [&](const auto& owned) { return owned.get() == &peer; });
}

}  // namespace godwit::transport_libfabric
