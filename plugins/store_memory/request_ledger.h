// One request: its document, state, counters, errors and units. All that the interface promises of
// a single request is decided here, without locks, clocks or I/O.
//
// Thread-compatible: MemoryStore keeps a lock beside each.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ended_leases.h"
#include "godwit/sdk/state_store.h"
#include "unit_board.h"

namespace godwit::store_memory {

// One reading of both clocks: deadlines go by the monotonic one, documents show the other.
struct Now {
    Instant steady;
    sdk::WallTime wall;
};

// Numbers that no two leases of this process share; the epoch tells it from other processes.
class TokenSource {
public:
    TokenSource();
    sdk::Token next() noexcept;

private:
    std::uint64_t epoch_;
    std::atomic<std::uint64_t> number_{0};
};

class RequestLedger {
public:
    RequestLedger(const sdk::NewRequest& request, const Now& now);

    const std::string& fingerprint() const noexcept { return request_.fingerprint; }
    std::uint64_t generation() const noexcept { return request_.generation; }
    sdk::Request snapshot() const;
    const std::string& attachment() const noexcept { return attachment_; }
    sdk::Result<sdk::Revision> transition(sdk::Revision expected, const sdk::Transition& change,
                                          const Now& now);
    sdk::Result<sdk::ErrorPage> errors(std::string_view cursor, std::size_t limit) const;

    std::vector<sdk::Lease> claim(const sdk::ClaimSpec& spec, std::size_t limit,
                                  TokenSource& tokens, const Now& now);
    sdk::Outcome complete(const sdk::Completion& item, const Now& now);
    sdk::FailReply fail(const sdk::Failure& item, const Now& now);
    sdk::Outcome renew(const sdk::LeaseRef& lease, sdk::Millis duration, const Now& now);
    std::vector<sdk::Reaped> reap(const sdk::ReapSpec& spec, std::size_t limit, const Now& now);
    std::vector<sdk::Lease> leases_of(const sdk::WorkerId& worker) const;

private:
    void apply(const sdk::Effects& effects, const sdk::WorkerId& worker);
    void record(const sdk::FileError& error);
    void take_in(const std::vector<sdk::Unit>& units);
    void start_over();
    void clear_errors();

    std::string attachment_;
    sdk::Request request_;  // Without backlog and holders, which the board knows.
    std::vector<sdk::FileError> errors_;
    UnitBoard board_;
    EndedLeases ended_;
};

}  // namespace godwit::store_memory
