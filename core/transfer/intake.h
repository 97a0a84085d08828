// Where offers become files: a buffer is taken, the segment fetched over the rails, its digest
// checked, and a writer thread hands it to the destination.
//
//     session → [offers] → intake thread: buffer, get → rail → [writers] → check, write, answer
//
// Buffers are the credit: an offer without one waits here, and its sender keeps its own buffer as
// long, which slows it down to what this side can write.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

#include "base/result.h"
#include "base/threads.h"
#include "transfer/rails.h"

namespace godwit::transfer {

using Bytes = std::span<const std::byte>;

struct Offer {
    std::shared_ptr<RailLinks> links;
    std::uint64_t offset = 0;  // Of the segment, in the sender's window.
    std::size_t length = 0;    // 0: nothing to fetch.
    // Called once on a writer thread with the segment, or with why it could not be had; and how
    // long the fabric took.
    std::function<void(Result<Bytes>, std::uint64_t fetch_us)> arrived;
};

// Thread-safe.
class Intake {
public:
    // `rails` outlives it.
    Intake(Rails& rails, std::size_t writers);
    ~Intake();  // Offers that have not arrived are dropped.

    // False: too many wait already, more than honest peers can have sent.
    bool add(Offer offer);
    // Nothing is begun any more; waits for gets and writers under way. Close the links of all
    // offers first, so that their gets end.
    void stop() noexcept;

private:
    void run(std::stop_token stop);
    void fetch(Offer offer, Buffer buffer);

    Rails& rails_;
    std::mutex mutex_;
    std::condition_variable_any added_;
    std::condition_variable_any landed_;
    std::deque<Offer> offers_;   // guarded by mutex_
    std::size_t in_flight_ = 0;  // guarded by mutex_; gets whose callback will come
    base::WorkerPool writers_;
    std::jthread thread_;
};

}  // namespace godwit::transfer
