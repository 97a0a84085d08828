// The source's side of a peer connection: calls to a destination agent, and their answers.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/result.h"
#include "transfer/channel.h"
#include "transfer/rails.h"

namespace godwit::transfer {

struct Identity {
    std::string worker_id;
    std::string incarnation;
};

// Thread-safe. Once lost, every call ends with PeerLost; make a new one.
class PeerClient {
public:
    // Connects, agrees on a transport, opens windows on the rails. `rails` outlives it.
    // PeerLost or TimedOut: not reached, or another worker has its address by now. Unsupported: no
    // transport in common, or another version; names both sides.
    static Result<std::shared_ptr<PeerClient>> connect(Rails& rails, const Identity& self,
                                                       const std::string& destination_worker,
                                                       const std::string& address);
    ~PeerClient();

    using Answered = std::function<void(Result<peer::Frame>)>;

    // Sends `frame` (its `call` is set here). `answered` is called once, on another thread, or on
    // this one before it returns when the peer is lost: hand over and return. A Failure of the
    // peer comes as it is, in a frame.
    void call(peer::Frame frame, Answered answered);

    // The same, waiting. PeerLost; Cancelled when `stop` is requested; TimedOut after `patience`.
    Result<peer::Frame> call_and_wait(peer::Frame frame, std::stop_token stop,
                                      base::Millis patience);

    // Unanswered: Close and the like.
    void tell(peer::Frame frame);

    bool is_lost() const;
    // The longest segment that both sides can handle.
    std::size_t segment_bytes() const noexcept { return segment_bytes_; }
    // Work with a shorter lease makes both sides notice a silent peer sooner.
    void set_lease(std::uint32_t seconds) noexcept;
    std::uint64_t next_job() noexcept { return next_job_.fetch_add(1); }

private:
    PeerClient(Rails& rails, std::unique_ptr<Channel> channel, std::string peer);
    Status shake_hands(const Identity& self, const std::string& destination_worker);
    void run(std::stop_token stop);
    void lose(const Error& why);

    Rails& rails_;
    const std::unique_ptr<Channel> channel_;
    const std::string peer_;  // For the log.
    const sdk::Epoch epoch_;  // Of the windows that this connection opened.
    std::size_t segment_bytes_ = 0;
    std::atomic<std::uint64_t> next_job_{1};
    std::atomic<base::Millis> silence_max_{kPeerSilenceMax};

    mutable std::mutex mutex_;
    std::map<std::uint64_t, Answered> waiting_;  // guarded by mutex_
    std::uint64_t next_call_ = 1;                // guarded by mutex_
    std::optional<Error> lost_;                  // guarded by mutex_
    std::jthread reader_;
};

}  // namespace godwit::transfer
