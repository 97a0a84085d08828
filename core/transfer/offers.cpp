#include "transfer/offers.h"

#include "base/log.h"
#include "transfer/delivery.h"
#include "transfer/digest.h"
#include "transfer/messages.h"

namespace godwit::transfer {
namespace {

using base::FileCode;
using base::Millis;

// A damaged segment is sent once more from the same buffer, then it counts as an attempt.
constexpr int kSendsMax = 2;
constexpr Millis kAnswerTick{50};

const base::Log kLog{"sender"};

peer::Segment* segment_of(peer::Frame& frame) {
    return frame.has_files() ? frame.mutable_files()->mutable_segment()
                             : frame.mutable_range()->mutable_segment();
}

}  // namespace

struct Offers::InFlight {
    peer::Frame frame;
    Buffer buffer;
    Answered answered;
    Damaged damaged;
    int sends = 0;
    std::optional<Result<peer::Frame>> answer;
};

struct Offers::Shared {
    std::mutex mutex;
    std::condition_variable_any came;
    std::deque<std::shared_ptr<InFlight>> answers;  // guarded by mutex
};

Offers::Offers(std::shared_ptr<PeerClient> peer, BufferPool& pool, std::stop_token stop,
               Pacer& pacer, Waits& waits)
    : peer_{std::move(peer)},
      pool_{pool},
      stop_{std::move(stop)},
      pacer_{pacer},
      waits_{waits},
      shared_{std::make_shared<Shared>()} {}

Offers::~Offers() {
    waits_.add_answered(waited_us_, timing_);
}

Buffer Offers::take_buffer() {
    while (!trouble_) {
        handle_answers();
        if (stop_.stop_requested()) trouble_ = Trouble::stopped();
        if (trouble_) break;
        if (in_flight_ >= kOffersInFlight) {
            wait_for_answer();
            continue;
        }
        // Not for long: an answer may need a segment sent once more from a buffer that is kept.
        const Waiting waiting{waited_us_};
        Buffer buffer = pool_.acquire(stop_, base::SteadyClock::now() + kAnswerTick);
        if (buffer) return buffer;
    }
    return {};
}

void Offers::offer(peer::Frame frame, Buffer buffer, std::size_t length, bool digest,
                   Answered answered, Damaged damaged) {
    auto in_flight = std::make_shared<InFlight>();
    peer::Segment& segment = *segment_of(frame);
    segment.set_length(length);
    if (length != 0) {
        segment.set_offset(buffer.offset());
        if (digest) segment.set_digest(digest_of(buffer.bytes().first(length)));
    }
    in_flight->frame = std::move(frame);
    in_flight->buffer = std::move(buffer);
    in_flight->answered = std::move(answered);
    in_flight->damaged = std::move(damaged);
    {
        const Waiting waiting{waits_.bandwidth_limit};
        if (!pacer_.take(length, stop_)) {
            if (!trouble_) trouble_ = Trouble::stopped();
            return;
        }
    }
    ++in_flight_;
    send(in_flight);
}

void Offers::send(const std::shared_ptr<InFlight>& in_flight) {
    ++in_flight->sends;
    bytes_on_wire_ += segment_of(in_flight->frame)->length();
    peer_->call(in_flight->frame, [shared = shared_, in_flight](Result<peer::Frame> answer) {
        // Once the bytes are there the buffer serves the next segment at once.
        if (answer && !answer->has_failure()) in_flight->buffer = {};
        {
            const std::lock_guard lock{shared->mutex};
            in_flight->answer = std::move(answer);
            shared->answers.push_back(in_flight);
        }
        shared->came.notify_one();
    });
}

void Offers::finish() {
    while (in_flight_ != 0 && !trouble_) {
        wait_for_answer();
        if (stop_.stop_requested() && !trouble_) trouble_ = Trouble::stopped();
    }
}

bool Offers::wait_for_answer() {
    {
        const Waiting waiting{waited_us_};
        std::unique_lock lock{shared_->mutex};
        if (!shared_->came.wait(lock, stop_, [&] { return !shared_->answers.empty(); })) {
            trouble_ = Trouble::stopped();
            return false;
        }
    }
    handle_answers();
    return true;
}

void Offers::handle_answers() {
    std::deque<std::shared_ptr<InFlight>> answers;
    {
        const std::lock_guard lock{shared_->mutex};
        answers.swap(shared_->answers);
    }
    for (const auto& in_flight : answers) handle(in_flight);
}

void Offers::add(const peer::Timing& timing) {
    timing_.set_fetch_us(timing_.fetch_us() + timing.fetch_us());
    timing_.set_write_us(timing_.write_us() + timing.write_us());
    timing_.set_metadata_us(timing_.metadata_us() + timing.metadata_us());
}

void Offers::handle(const std::shared_ptr<InFlight>& in_flight) {
    const Result<peer::Frame> answer = std::move(*in_flight->answer);
    in_flight->answer.reset();
    if (!answer) {
        --in_flight_;
        if (!trouble_) trouble_ = Trouble::of_peer(answer.error());
        return;
    }
    if (!answer->has_failure()) {
        --in_flight_;
        add(answer->has_files_done() ? answer->files_done().timing() : answer->done().timing());
        in_flight->answered(*answer);
        return;
    }
    const peer::Failure& failure = answer->failure();
    const bool damaged = code_of(failure) == FileCode::DigestMismatch && !trouble_;
    if (damaged && in_flight->sends < kSendsMax) {
        kLog.warning("segment damaged on the way, sending it once more",
                     {{"length", segment_of(in_flight->frame)->length()}});
        send(in_flight);
        return;
    }
    --in_flight_;
    if (damaged && in_flight->damaged) {
        in_flight->damaged(trouble_of(failure));
    } else if (!trouble_) {
        trouble_ = trouble_of(failure);
    }
}

}  // namespace godwit::transfer
