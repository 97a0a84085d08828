// Where an assignment's time goes, so that the slowest stage can be named to the operator
// (`limited_by`). Microseconds, as the executor's thread spent them.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "peer.pb.h"

namespace godwit::transfer {

// Thread-compatible: one executor's.
struct Waits {
    std::uint64_t source_metadata = 0;
    std::uint64_t source_read = 0;
    std::uint64_t transport = 0;
    std::uint64_t destination_metadata = 0;
    std::uint64_t destination_write = 0;
    std::uint64_t bandwidth_limit = 0;

    // Waited for answers, which say what the other side did with its time meanwhile.
    void add_answered(std::uint64_t waited_us, const peer::Timing& timing) noexcept;
};

// Adds to one of them while it lives.
class Waiting {
public:
    explicit Waiting(std::uint64_t& sum) noexcept : sum_{sum} {}
    ~Waiting() { sum_ += watch_.elapsed_us(); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

private:
    std::uint64_t& sum_;
    const base::Stopwatch watch_;
};

}  // namespace godwit::transfer
