#include "transfer/peer_client.h"

#include <algorithm>

#include "base/log.h"
#include "base/threads.h"
#include "transfer/messages.h"

namespace godwit::transfer {
namespace {

using base::Millis;
using base::SteadyClock;

constexpr Millis kConnectTimeout{10'000};

const base::Log kLog{"peer"};

// Never the same twice in this process, so that a window of an old connection opens nothing in a
// new one.
sdk::Epoch next_epoch() {
    static std::atomic<sdk::Epoch> epoch{1};
    return epoch.fetch_add(1);
}

std::string list_of(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

}  // namespace

Result<std::shared_ptr<PeerClient>> PeerClient::connect(Rails& rails, const Identity& self,
                                                        const std::string& destination_worker,
                                                        const std::string& address) {
    const std::string context = "reach worker '" + destination_worker + "'";
    auto channel = Channel::connect(address, kConnectTimeout);
    if (!channel) {
        return Error{Code::PeerLost, context + ": " + channel.error().message};
    }
    std::shared_ptr<PeerClient> client{
        new PeerClient{rails, std::move(*channel), destination_worker + " at " + address}};
    if (auto status = client->shake_hands(self, destination_worker); !status) {
        return wrap(std::move(status).error(), context + " at " + address);
    }
    client->reader_ = std::jthread{[raw = client.get()](std::stop_token stop) { raw->run(stop); }};
    return client;
}

PeerClient::PeerClient(Rails& rails, std::unique_ptr<Channel> channel, std::string peer)
    : rails_{rails}, channel_{std::move(channel)}, peer_{std::move(peer)}, epoch_{next_epoch()} {}

PeerClient::~PeerClient() {
    channel_->shut();
    reader_.request_stop();
    if (reader_.joinable()) reader_.join();
    for (const auto& driver : rails_.drivers()) driver->close_window(epoch_);
}

Status PeerClient::shake_hands(const Identity& self, const std::string& destination_worker) {
    peer::Frame frame;
    peer::Hello& hello = *frame.mutable_hello();
    hello.set_version(kPeerVersion);
    hello.set_worker_id(self.worker_id);
    hello.set_incarnation(self.incarnation);
    hello.set_destination_worker_id(destination_worker);
    hello.set_segment_bytes(rails_.segment_bytes());
    for (const auto& driver : rails_.drivers()) {
        if (driver->is_down()) continue;
        auto window = driver->open_window(epoch_);
        if (!window) return wrap(std::move(window).error(), "open a window on " + driver->wire());
        peer::RailOffer& rail = *hello.add_rails();
        rail.set_wire(driver->wire());
        rail.set_device(driver->info().device);
        rail.set_ip(driver->info().address);
        rail.set_link_mbps(driver->info().link_mbps);
        rail.set_address(driver->address());
        rail.set_window_key(window->bytes.data(), window->size);
    }
    if (auto status = channel_->write(frame); !status) return status;
    const auto answer = channel_->read(kPeerSilenceMax);
    if (!answer) {
        return answer.error().code == Code::Again
                   ? Error{Code::TimedOut, "it accepts connections and does not answer"}
                   : Error{Code::PeerLost, answer.error().message};
    }
    if (answer->has_failure()) {
        const bool for_good = code_of(answer->failure()) == base::FileCode::Unsupported;
        return Error{for_good ? Code::Unsupported : Code::PeerLost, answer->failure().message()};
    }
    if (!answer->has_hello_reply()) {
        return Error{Code::PeerLost, "it does not speak the peer protocol"};
    }
    const peer::HelloReply& reply = answer->hello_reply();
    segment_bytes_ = std::min<std::size_t>(rails_.segment_bytes(), reply.segment_bytes());
    if (segment_bytes_ == 0) return Error{Code::PeerLost, "it takes no segments"};
    kLog.info("peer connected", {{"peer", peer_},
                                 {"wire", reply.wire()},
                                 {"offered", list_of(rails_.wires())},
                                 {"segment_bytes", segment_bytes_}});
    return {};
}

void PeerClient::run(std::stop_token stop) {
    base::name_this_thread("peer-client");
    auto last_heard = SteadyClock::now();
    while (!stop.stop_requested()) {
        const Millis silence = silence_max_.load();
        auto frame = channel_->read(std::min(kPingInterval, silence / 4));
        // Also where it speaks again: this process may have been stopped all the while.
        if (SteadyClock::now() - last_heard > silence) {
            lose({Code::PeerLost,
                  "it was silent for more than " + std::to_string(silence.count()) + " ms"});
            return;
        }
        if (frame) {
            last_heard = SteadyClock::now();
            Answered answered;
            {
                const std::lock_guard lock{mutex_};
                if (const auto found = waiting_.find(frame->call()); found != waiting_.end()) {
                    answered = std::move(found->second);
                    waiting_.erase(found);
                }
            }
            if (answered) answered(std::move(*frame));
            continue;
        }
        if (frame.error().code != Code::Again) {
            lose(frame.error());
            return;
        }
        peer::Frame ping;
        ping.mutable_ping();
        tell(std::move(ping));
    }
    lose({Code::Cancelled, "the connection was closed"});
}

void PeerClient::set_lease(std::uint32_t seconds) noexcept {
    silence_max_.store(std::min(silence_max_.load(), silence_max(seconds)));
}

void PeerClient::lose(const Error& why) {
    channel_->shut();
    std::map<std::uint64_t, Answered> waiting;
    const Error error{why.code == Code::Cancelled ? Code::Cancelled : Code::PeerLost,
                      "lost worker " + peer_ + ": " + why.message};
    {
        const std::lock_guard lock{mutex_};
        if (lost_) return;
        lost_ = error;
        waiting.swap(waiting_);
    }
    if (why.code != Code::Cancelled) {
        kLog.warning("peer lost", {{"peer", peer_}, {"reason", why.message}});
    }
    for (auto& [call, answered] : waiting) answered(error);
}

bool PeerClient::is_lost() const {
    const std::lock_guard lock{mutex_};
    return lost_.has_value();
}

void PeerClient::call(peer::Frame frame, Answered answered) {
    std::optional<Error> lost;
    {
        const std::lock_guard lock{mutex_};
        lost = lost_;
        if (!lost) {
            frame.set_call(next_call_++);
            waiting_.emplace(frame.call(), std::move(answered));
        }
    }
    if (lost) {
        answered(*lost);
        return;
    }
    if (auto status = channel_->write(frame); !status) lose(status.error());
}

Result<peer::Frame> PeerClient::call_and_wait(peer::Frame frame, std::stop_token stop,
                                              Millis patience) {
    struct Answer {
        std::mutex mutex;
        std::condition_variable_any came;
        std::optional<Result<peer::Frame>> frame;
    };
    const auto answer = std::make_shared<Answer>();
    call(std::move(frame), [answer](Result<peer::Frame> result) {
        {
            const std::lock_guard lock{answer->mutex};
            answer->frame = std::move(result);
        }
        answer->came.notify_one();
    });
    std::unique_lock lock{answer->mutex};
    if (!answer->came.wait_for(lock, stop, patience, [&] { return answer->frame.has_value(); })) {
        if (stop.stop_requested())
            return Error{Code::Cancelled, "stopped while waiting for a peer"};
        return Error{Code::TimedOut, "worker " + peer_ + " did not answer in time"};
    }
    return std::move(*answer->frame);
}

void PeerClient::tell(peer::Frame frame) {
    if (auto status = channel_->write(frame); !status) lose(status.error());
}

}  // namespace godwit::transfer
