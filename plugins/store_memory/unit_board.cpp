#include "unit_board.h"

#include <algorithm>
#include <limits>

namespace godwit::store_memory {

using sdk::Count;
using sdk::Counters;
using sdk::UnitKind;

void add_bounded(std::int64_t& counter, std::int64_t amount) noexcept {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(counter, amount, &sum)) {
        sum = std::numeric_limits<std::int64_t>::max();  // A counter is never below 0.
    }
    counter = std::max<std::int64_t>(sum, 0);
}

sdk::Lease lease_of(const UnitRecord& record) {
    sdk::Lease lease;
    lease.ref = {record.id, record.holding->token};
    lease.worker = record.holding->worker;
    lease.attempt = record.failures + 1;
    lease.losses = record.losses;
    lease.last_failer = record.last_failer;
    lease.first_failed_at = record.first_failed_at;
    lease.discard = record.discard;
    lease.unit = record.unit;
    return lease;
}

std::uint8_t UnitBoard::turn_of(UnitKind kind) noexcept {
    switch (kind) {
    case UnitKind::Publish: return 0;
    case UnitKind::Chunk: return 1;
    case UnitKind::Listing: return 2;
    case UnitKind::Directories: return 3;
    }
    return 3;
}

UnitBoard::Place UnitBoard::place_of(const UnitRecord& record) noexcept {
    return {record.unit.stage, turn_of(record.unit.kind), record.unit.rank, record.id};
}

void UnitBoard::count(const sdk::Unit& unit, std::array<std::uint64_t, sdk::kUnitKinds>& by_kind,
                      int sign) {
    by_kind[static_cast<std::size_t>(unit.kind)] += static_cast<std::uint64_t>(sign);
    if (unit.kind == UnitKind::Chunk && &by_kind == &backlog_.pending) {
        backlog_.bytes_pending += static_cast<std::uint64_t>(sign) * unit.bytes;
    }
}

bool UnitBoard::is_doomed(const sdk::Unit& unit) const {
    if (unit.group == 0) return false;
    const auto group = groups_.find(unit.group);
    return group != groups_.end() && group->second.failed;
}

void UnitBoard::add(const sdk::Unit& unit, Counters& counters) {
    if (!is_doomed(unit)) return insert(unit, false);
    add_bounded(counters[Count::BytesFailed], static_cast<std::int64_t>(unit.bytes));
    end_part(unit.group, counters);
}

void UnitBoard::insert(const sdk::Unit& unit, bool discard) {
    const std::uint64_t id = ++last_id_;
    UnitRecord& record = records_[id];
    record.id = id;
    record.unit = unit;
    record.discard = discard;
    if (unit.group != 0) groups_[unit.group].outstanding.insert(id);
    ++stages_[unit.stage];
    backlog_.stage = stages_.begin()->first;
    set_ready(record);
    count(record.unit, backlog_.pending, +1);
}

void UnitBoard::open(const sdk::Group& group, Counters& counters) {
    GroupRecord& record = groups_[group.id];
    record.parts = group.parts;
    record.then = group.then;
    if (record.ended < record.parts) return;
    --record.ended;  // All parts came and ended before the group was opened: end the last one here.
    end_part(group.id, counters);
}

void UnitBoard::set_ready(UnitRecord& record) {
    record.not_before = Instant{};
    ready_.insert(place_of(record));
}

// Of a unit that is pending: it is either ready or waiting.
void UnitBoard::leave_queue(UnitRecord& record) {
    if (ready_.erase(place_of(record)) == 0) waiting_.erase({record.not_before, place_of(record)});
    count(record.unit, backlog_.pending, -1);
}

void UnitBoard::wake(Instant now) {
    while (!waiting_.empty() && waiting_.begin()->first <= now) {
        UnitRecord& record = records_.at(waiting_.begin()->second.id);
        waiting_.erase(waiting_.begin());
        set_ready(record);
    }
}

UnitRecord* UnitBoard::claim(const sdk::ClaimSpec& spec, bool listings, sdk::Token token,
                             Instant now) {
    wake(now);
    if (stages_.empty()) return nullptr;
    const bool crowded = spec.workers_max != 0 && held_.size() >= spec.workers_max;
    if (crowded && !held_.contains(spec.worker)) return nullptr;
    const std::uint32_t stage = stages_.begin()->first;
    for (auto at = ready_.lower_bound({stage, 0, 0, 0}); at != ready_.end(); ++at) {
        if (at->stage != stage) return nullptr;
        UnitRecord& record = records_.at(at->id);
        if (record.unit.kind == UnitKind::Listing && !listings) continue;
        if (spec.avoid_own_failures && record.last_failer == spec.worker) continue;
        leave_queue(record);
        record.holding = Holding{token, spec.worker, now + spec.lease};
        deadlines_.emplace(record.holding->deadline, record.id);
        held_[spec.worker].insert(record.id);
        count(record.unit, backlog_.leased, +1);
        return &record;
    }
    return nullptr;
}

UnitRecord* UnitBoard::find(const sdk::LeaseRef& lease) {
    const auto found = records_.find(lease.unit);
    if (found == records_.end() || !found->second.holding) return nullptr;
    return found->second.holding->token == lease.token ? &found->second : nullptr;
}

void UnitBoard::renew(UnitRecord& record, Instant deadline) {
    deadlines_.erase({record.holding->deadline, record.id});
    record.holding->deadline = deadline;
    deadlines_.emplace(deadline, record.id);
}

void UnitBoard::narrow(UnitRecord& record, const sdk::Unit& rest) {
    sdk::Unit& unit = record.unit;
    unit.offset = rest.offset;
    unit.bytes = rest.bytes;
    unit.files = rest.files;
    unit.label = rest.label;
    unit.payload = rest.payload;
}

void UnitBoard::end_lease(UnitRecord& record) {
    const Holding& holding = *record.holding;
    deadlines_.erase({holding.deadline, record.id});
    const auto held = held_.find(holding.worker);
    held->second.erase(record.id);
    if (held->second.empty()) held_.erase(held);
    count(record.unit, backlog_.leased, -1);
    record.holding.reset();
}

void UnitBoard::finish(UnitRecord& record, Counters& counters) {
    end_lease(record);
    end(record, counters);
}

void UnitBoard::put_back(UnitRecord& record, Instant not_before, Counters& counters) {
    end_lease(record);
    count(record.unit, backlog_.pending, +1);
    if (is_doomed(record.unit)) {
        drop_part(record, counters);
    } else if (not_before > Instant{}) {
        record.not_before = not_before;
        waiting_.emplace(not_before, place_of(record));
    } else {
        set_ready(record);
    }
}

void UnitBoard::exhaust(UnitRecord& record, Counters& counters) {
    end_lease(record);
    const sdk::Unit& unit = record.unit;
    GroupRecord* group = unit.group != 0 ? &groups_[unit.group] : nullptr;
    // Its error names one path, which is not all that it was about.
    if (group == nullptr && unit.files != 1) add_bounded(counters[Count::StepsGivenUp], 1);
    if (unit.kind == UnitKind::Listing) add_bounded(counters[Count::ListingsGivenUp], 1);
    add_bounded(counters[Count::BytesFailed], static_cast<std::int64_t>(unit.bytes));
    // One file is one failure, however many of its parts were under way.
    if (group == nullptr || !group->failed) {
        add_bounded(counters[Count::FilesFailed], static_cast<std::int64_t>(unit.files));
    }
    if (group != nullptr) {
        group->failed = true;
        const std::set<std::uint64_t> parts = group->outstanding;
        for (const std::uint64_t part : parts) {
            UnitRecord& other = records_.at(part);
            if (part != record.id && !other.holding) drop_part(other, counters);
        }
    }
    end(record, counters);
}

// Ends a pending part of a file that has failed already.
void UnitBoard::drop_part(UnitRecord& record, Counters& counters) {
    leave_queue(record);
    add_bounded(counters[Count::BytesFailed], static_cast<std::int64_t>(record.unit.bytes));
    end(record, counters);
}

// Of a unit that is in no queue and under no lease.
void UnitBoard::end(UnitRecord& record, Counters& counters) {
    const std::uint64_t id = record.id;
    const std::uint64_t group = record.unit.group;
    const auto stage = stages_.find(record.unit.stage);
    if (--stage->second == 0) stages_.erase(stage);
    backlog_.stage = stages_.empty() ? 0 : stages_.begin()->first;
    records_.erase(id);
    if (group == 0) return;
    groups_[group].outstanding.erase(id);
    end_part(group, counters);
}

void UnitBoard::end_part(std::uint64_t group, Counters& counters) {
    // A loop, because what follows a group may itself be a part of one that has failed.
    while (true) {
        const auto found = groups_.find(group);
        GroupRecord& record = found->second;
        ++record.ended;
        if (record.parts == 0 || record.ended < record.parts) return;
        const GroupRecord ended = std::move(record);
        groups_.erase(found);
        if (!is_doomed(ended.then)) return insert(ended.then, ended.failed);
        add_bounded(counters[Count::BytesFailed], static_cast<std::int64_t>(ended.then.bytes));
        group = ended.then.group;
    }
}

std::vector<sdk::Lease> UnitBoard::leases_of(const sdk::WorkerId& worker, std::size_t limit) const {
    std::vector<sdk::Lease> leases;
    const auto held = held_.find(worker);
    if (held == held_.end()) return leases;
    for (const std::uint64_t id : held->second) {
        if (leases.size() == limit) break;
        leases.push_back(lease_of(records_.at(id)));
    }
    return leases;
}

std::vector<sdk::Lease> UnitBoard::expired(Instant now, std::size_t limit) const {
    std::vector<sdk::Lease> leases;
    for (const auto& [deadline, id] : deadlines_) {
        if (deadline > now || leases.size() == limit) break;
        leases.push_back(lease_of(records_.at(id)));
    }
    return leases;
}

std::map<sdk::WorkerId, std::uint32_t> UnitBoard::holders() const {
    std::map<sdk::WorkerId, std::uint32_t> holders;
    for (const auto& [worker, ids] : held_) {
        holders.emplace(worker, static_cast<std::uint32_t>(ids.size()));
    }
    return holders;
}

void UnitBoard::clear() {
    // Ids go on: an id that came back could be taken for the unit that had it.
    const std::uint64_t last_id = last_id_;
    *this = UnitBoard{};
    last_id_ = last_id;
}

}  // namespace godwit::store_memory
