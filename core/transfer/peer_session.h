// One accepted peer connection.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/threads.h"
#include "transfer/channel.h"
#include "transfer/destination.h"
#include "transfer/intake.h"
#include "transfer/peer_server.h"

namespace godwit::transfer {

// What all sessions share; outlives them.
struct SessionHost {
    const PeerServerSettings& settings;
    Rails& rails;
    Ledger& ledger;
    Intake& intake;
    base::WorkerPool& control;
};

// run() on one thread; the calls that it takes in are answered on the host's threads.
class PeerSession : public std::enable_shared_from_this<PeerSession> {
public:
    PeerSession(const SessionHost& host, std::unique_ptr<Channel> channel);

    // Until the peer is gone or shut() was called.
    void run();
    void shut() noexcept;

private:
    Status shake_hands();
    Status agree(const peer::Hello& hello, peer::HelloReply& reply);
    void dispatch(peer::Frame frame);
    void open(const peer::Frame& frame);
    void take_offer(peer::Frame frame);
    peer::Frame write_segment(const peer::Frame& frame, Bytes data);
    void answer_later(peer::Frame frame);
    peer::Frame carry_out(Destination& job, const peer::Frame& frame);
    std::shared_ptr<Destination> job(std::uint64_t id);
    std::shared_ptr<RailLinks> links();
    void reply(std::uint64_t call, peer::Frame frame);
    // For so long that its leases may be others' by now: nothing more is done for it.
    bool is_silent() const noexcept;
    // Or it was closed; both may come in the middle of a call.
    bool has_given_up(std::uint64_t job);
    bool closed() const noexcept { return closed_.load(); }

    const SessionHost host_;
    const std::unique_ptr<Channel> channel_;
    std::string peer_worker_;
    std::atomic<bool> closed_{false};
    std::atomic<base::Deadline> last_heard_{base::SteadyClock::now()};
    std::atomic<base::Millis> silence_max_{kPeerSilenceMax};
    std::mutex mutex_;
    std::shared_ptr<RailLinks> links_;                            // guarded by mutex_
    std::map<std::uint64_t, std::shared_ptr<Destination>> jobs_;  // guarded by mutex_
};

}  // namespace godwit::transfer
