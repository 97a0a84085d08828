// The units of one request that have not ended: who waits, who is ready, who is leased to whom, and
// which group each is a part of.
//
//     add ──► ready ──claim──► leased ──finish──► gone
//               ▲  ▲             │ │
//               │  └──put_back───┘ └──exhaust──► gone, its group has failed
//               └─── waiting ◄── put_back with a backoff
//
// Thread-compatible: the request's lock guards it. Times are the host's monotonic clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "godwit/sdk/state_store.h"
#include "godwit/sdk/types.h"

namespace godwit::store_memory {

using Instant = std::chrono::nanoseconds;

struct Holding {
    sdk::Token token;
    sdk::WorkerId worker;
    Instant deadline{};
};

struct UnitRecord {
    std::uint64_t id = 0;
    sdk::Unit unit;
    bool discard = false;
    std::uint32_t failures = 0;
    std::uint32_t losses = 0;
    sdk::WorkerId last_failer;  // Empty: none.
    std::optional<sdk::WallTime> first_failed_at;
    Instant not_before{};            // Of a unit that waits for its backoff to pass.
    std::optional<Holding> holding;  // Of a unit that is leased.
};

sdk::Lease lease_of(const UnitRecord& record);

class UnitBoard {
public:
    void add(const sdk::Unit& unit, sdk::Counters& counters);
    void open(const sdk::Group& group, sdk::Counters& counters);

    // The next unit that `spec` may have, now leased under `token`; null when there is none.
    UnitRecord* claim(const sdk::ClaimSpec& spec, bool listings, sdk::Token token, Instant now);

    // Null when the lease is not held (any more).
    UnitRecord* find(const sdk::LeaseRef& lease);
    void renew(UnitRecord& record, Instant deadline);
    // Leaves of a leased unit what is left to do; its place and its group stay.
    static void narrow(UnitRecord& record, const sdk::Unit& rest);

    // These end the lease. The record is gone after the first and the last, and after the second
    // when its group has failed meanwhile.
    void finish(UnitRecord& record, sdk::Counters& counters);
    void put_back(UnitRecord& record, Instant not_before, sdk::Counters& counters);
    void exhaust(UnitRecord& record, sdk::Counters& counters);

    std::vector<sdk::Lease> leases_of(const sdk::WorkerId& worker, std::size_t limit) const;
    std::vector<sdk::Lease> expired(Instant now, std::size_t limit) const;

    const sdk::Backlog& backlog() const noexcept { return backlog_; }
    std::map<sdk::WorkerId, std::uint32_t> holders() const;

    void clear();

private:
    // The order in which units are handed out.
    struct Place {
        std::uint32_t stage;
        std::uint8_t turn;  // Of the kind.
        std::uint32_t rank;
        std::uint64_t id;
        auto operator<=>(const Place&) const = default;
    };
    struct GroupRecord {
        std::uint32_t parts = 0;  // 0: not opened yet, though parts are known.
        std::uint32_t ended = 0;
        bool failed = false;
        sdk::Unit then;
        std::set<std::uint64_t> outstanding;
    };

    static std::uint8_t turn_of(sdk::UnitKind kind) noexcept;
    static Place place_of(const UnitRecord& record) noexcept;

    // A part of a group that has failed: it ends without being handed out.
    bool is_doomed(const sdk::Unit& unit) const;
    void insert(const sdk::Unit& unit, bool discard);
    void set_ready(UnitRecord& record);
    void leave_queue(UnitRecord& record);
    void end_lease(UnitRecord& record);
    void wake(Instant now);
    void end(UnitRecord& record, sdk::Counters& counters);
    void end_part(std::uint64_t group, sdk::Counters& counters);
    void drop_part(UnitRecord& record, sdk::Counters& counters);
    void count(const sdk::Unit& unit, std::array<std::uint64_t, sdk::kUnitKinds>& by_kind,
               int sign);

    std::uint64_t last_id_ = 0;
    std::unordered_map<std::uint64_t, UnitRecord> records_;
    std::set<Place> ready_;
    std::set<std::pair<Instant, Place>> waiting_;
    std::set<std::pair<Instant, std::uint64_t>> deadlines_;
    std::map<sdk::WorkerId, std::set<std::uint64_t>> held_;
    std::map<std::uint32_t, std::uint64_t> stages_;  // Units that have not ended, by stage.
    std::unordered_map<std::uint64_t, GroupRecord> groups_;
    sdk::Backlog backlog_;
};

// Adds to a counter, and stops at the ends of its range: what workers report cannot wrap it.
void add_bounded(std::int64_t& counter, std::int64_t amount) noexcept;

}  // namespace godwit::store_memory
