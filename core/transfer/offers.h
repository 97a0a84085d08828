// The offers of one assignment that wait for their answers: each keeps its buffer until the
// destination has the bytes.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>

#include "transfer/pacer.h"
#include "transfer/peer_client.h"
#include "transfer/source.h"
#include "transfer/waits.h"

namespace godwit::transfer {

// How many segments of one assignment are on their way at once. Enough to hide the answer's latency
// behind the transfer of the others.
inline constexpr std::size_t kOffersInFlight = 8;

// Used by one executor; answers come on the peer's thread.
class Offers {
public:
    // Called on the executor, in the order in which answers come.
    using Answered = std::function<void(const peer::Frame& answer)>;
    // Called instead when the segment was damaged each time it was sent.
    using Damaged = std::function<void(Trouble)>;

    // All of them outlive it.
    Offers(std::shared_ptr<PeerClient> peer, BufferPool& pool, std::stop_token stop, Pacer& pacer,
           Waits& waits);
    ~Offers();

    // A buffer to fill, once there is one and an offer may be added. Empty: trouble().
    Buffer take_buffer();
    // Sends the frame (files or range, its segment filled in but for the digest and offset, which
    // are taken from the first `length` bytes of the buffer when `digest`). Without `damaged` a
    // segment that arrives damaged again and again is trouble().
    void offer(peer::Frame frame, Buffer buffer, std::size_t length, bool digest, Answered answered,
               Damaged damaged = {});
    // Waits for all answers.
    void finish();

    // Set: the way broke down; nothing more will be offered.
    const std::optional<Trouble>& trouble() const noexcept { return trouble_; }
    std::uint64_t bytes_on_wire() const noexcept { return bytes_on_wire_; }

private:
    struct InFlight;
    struct Shared;  // Outlives this while answers are to come.

    void send(const std::shared_ptr<InFlight>& in_flight);
    void handle_answers();
    void handle(const std::shared_ptr<InFlight>& in_flight);
    bool wait_for_answer();
    void add(const peer::Timing& timing);

    const std::shared_ptr<PeerClient> peer_;
    BufferPool& pool_;
    const std::stop_token stop_;
    Pacer& pacer_;
    Waits& waits_;
    const std::shared_ptr<Shared> shared_;
    std::uint64_t waited_us_ = 0;
    peer::Timing timing_;  // Of all answers.
    std::size_t in_flight_ = 0;
    std::uint64_t bytes_on_wire_ = 0;
    std::optional<Trouble> trouble_;
};

}  // namespace godwit::transfer
