#include "transfer/intake.h"

namespace godwit::transfer {
namespace {

// Peers have at most a few hundred buffers each to offer; this many wait only if one of them lies.
constexpr std::size_t kOffersMax = 65'536;

}  // namespace

// A task on the writers' queue holds a receive buffer, so the queue is never full and a rail's
// thread never waits to post one.
Intake::Intake(Rails& rails, std::size_t writers)
    : rails_{rails},
      writers_{"writer", writers, rails.receive_pool().count() + 1},
      thread_{[this](std::stop_token stop) { run(stop); }} {}

Intake::~Intake() {
    stop();
}

void Intake::stop() noexcept {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    {
        std::unique_lock lock{mutex_};
        landed_.wait(lock, [&] { return in_flight_ == 0; });
    }
    writers_.stop();
}

bool Intake::add(Offer offer) {
    {
        const std::lock_guard lock{mutex_};
        if (offers_.size() >= kOffersMax) return false;
        offers_.push_back(std::move(offer));
    }
    added_.notify_one();
    return true;
}

void Intake::run(std::stop_token stop) {
    base::name_this_thread("intake");
    for (;;) {
        Buffer buffer = rails_.receive_pool().acquire(stop);
        if (!buffer) return;
        Offer offer;
        {
            std::unique_lock lock{mutex_};
            if (!added_.wait(lock, stop, [&] { return !offers_.empty(); })) return;
            offer = std::move(offers_.front());
            offers_.pop_front();
        }
        fetch(std::move(offer), std::move(buffer));
    }
}

void Intake::fetch(Offer offer, Buffer buffer) {
    // One owner for what the get, the writer and the answer need; the buffer goes back with it.
    struct Incoming {
        Offer offer;
        Buffer buffer;
    };
    const auto incoming = std::make_shared<Incoming>(Incoming{std::move(offer), std::move(buffer)});
    const auto write = [this, incoming, watch = base::Stopwatch{}](Status status) {
        const std::uint64_t fetch_us = watch.elapsed_us();
        writers_.post([incoming, fetch_us, status = std::move(status)] {
            if (status) {
                incoming->offer.arrived(
                    Bytes{incoming->buffer.bytes().first(incoming->offer.length)}, fetch_us);
            } else {
                incoming->offer.arrived(status.error(), fetch_us);
            }
        });
    };
    if (incoming->offer.length > incoming->buffer.bytes().size()) {
        write(Error{Code::InvalidArgument, "a segment longer than the buffers of this agent"});
    } else if (incoming->offer.length == 0) {
        write({});
    } else {
        incoming->offer.links->get(incoming->offer.offset, incoming->buffer, incoming->offer.length,
                                   write);
    }
}

}  // namespace godwit::transfer
