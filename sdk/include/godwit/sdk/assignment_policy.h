// AssignmentPolicy: which request a worker that asks for work should get units of, and which
// worker should write them.
//
// choose() is pure: it sees a picture of the cluster and decides; it keeps no state between calls
// that correctness depends on, touches no clock and does no I/O. It is called for every poll, so it
// should take microseconds.
//
// Threads: may be called from any thread, at once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "godwit/sdk/result.h"
#include "godwit/sdk/types.h"

namespace godwit::sdk {

struct WorkerView {
    const Worker* worker = nullptr;
    std::uint32_t in_flight = 0;    // Leases that it holds as the source.
    std::uint32_t writing_for = 0;  // Leases of others that it is the destination of, as estimated.
};

struct RequestView {
    const Request* request = nullptr;
    // Live workers that mount the destination, as indices into Picture::workers. May be empty:
    // a client of the seed guide's single form finds its own way to the destination.
    std::span<const std::uint32_t> destinations;
};

// All of it is read-only and lives as long as the call.
struct Picture {
    std::uint32_t worker = 0;             // Who asks, as an index into `workers`.
    std::span<const WorkerView> workers;  // Live ones only.
    // Requests with claimable units whose source this worker mounts. Oldest first.
    std::span<const RequestView> candidates;
    std::uint32_t capacity = 1;  // How many units it can take now.
};

inline constexpr std::uint32_t kNoDestination = UINT32_MAX;

struct Choice {
    std::uint32_t candidate = 0;  // Index into Picture::candidates.
    // Index into Picture::workers, one of the candidate's destinations; kNoDestination only for a
    // candidate that has none.
    std::uint32_t destination = 0;
    std::uint32_t units_max = 1;
};

class AssignmentPolicy {
public:
    virtual ~AssignmentPolicy() = default;

    // In order of preference; the host claims along it until the capacity is used, and ignores a
    // choice whose units another worker was quicker to claim. Empty: this worker should wait. A
    // choice that breaks the rules above is a bug of the policy: logged and skipped.
    virtual Result<std::vector<Choice>> choose(const Picture& picture) noexcept = 0;
};

}  // namespace godwit::sdk
