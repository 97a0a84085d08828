#include "request_ledger.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <random>

namespace godwit::store_memory {
namespace {

using sdk::Code;
using sdk::Error;
using sdk::Outcome;
using sdk::RequestState;

void note_failure(UnitRecord& unit, const Now& now) {
    if (!unit.first_failed_at) unit.first_failed_at = now.wall;
}

// "worker_lost" of a unit that was lost too often: nobody is there to report more.
sdk::FileError lost_error(const sdk::Lease& lease, const UnitRecord& unit, const Now& now) {
    sdk::FileError error;
    error.path = lease.unit.label;
    error.code = "worker_lost";
    error.retryable = true;
    error.offset = lease.unit.offset;
    error.worker = lease.worker;
    error.attempt = lease.attempt;
    error.first_at = *unit.first_failed_at;
    error.last_at = now.wall;
    error.message = "lost " + std::to_string(unit.losses) + " times with the worker that had it";
    return error;
}

bool hands_out(RequestState state) {
    return state == RequestState::Queued || state == RequestState::Progress;
}

}  // namespace

TokenSource::TokenSource() {
    std::random_device random;
    epoch_ = (static_cast<std::uint64_t>(random()) << 32) | random();
}

sdk::Token TokenSource::next() noexcept {
    return {epoch_, number_.fetch_add(1, std::memory_order_relaxed) + 1};
}

RequestLedger::RequestLedger(const sdk::NewRequest& request, const Now& now) {
    request_.id = request.id;
    request_.generation = request.generation;
    request_.fingerprint = request.fingerprint;
    request_.document = request.document;
    request_.source_path = request.source_path;
    request_.destination_path = request.destination_path;
    request_.priority = request.priority;
    attachment_ = request.attachment;
    request_.revision = 1;
    request_.created_at = now.wall;
    request_.updated_at = now.wall;
    take_in(request.units);
}

sdk::Request RequestLedger::snapshot() const {
    sdk::Request copy = request_;
    copy.backlog = board_.backlog();
    copy.holders = board_.holders();
    return copy;
}

sdk::Result<sdk::Revision> RequestLedger::transition(sdk::Revision expected,
                                                     const sdk::Transition& change,
                                                     const Now& now) {
    if (request_.revision != expected) {
        return Error{Code::Conflict, "transition request '" + request_.id + "': revision " +
                                         std::to_string(expected) + " was expected, it is at " +
                                         std::to_string(request_.revision)};
    }
    if (change.restart) start_over();
    for (std::size_t i = 0; i < sdk::kCountKinds; ++i) {
        add_bounded(request_.counters.values[i], change.add.values[i]);
    }
    if (change.clear_errors) clear_errors();
    if (change.document) request_.document = *change.document;
    if (change.priority) request_.priority = *change.priority;
    request_.state = change.to;
    request_.reason = change.reason;
    if (!change.detail.empty()) request_.detail["master"] = change.detail;
    if (change.pin) request_.pinned_worker = *change.pin;
    request_.updated_at = now.wall;
    if (change.to == RequestState::Progress && !request_.started_at) request_.started_at = now.wall;
    if (is_terminal(change.to)) {
        board_.clear();
        ended_.shrink(kEndedTerminalMax);
        request_.finished_at = now.wall;
    } else {
        request_.finished_at.reset();
        take_in(change.units);
    }
    return ++request_.revision;
}

void RequestLedger::start_over() {
    request_.counters = {};
    request_.detail.clear();
    request_.started_at.reset();
    clear_errors();
    board_.clear();
}

void RequestLedger::clear_errors() {
    request_.error_count = 0;
    errors_.clear();
}

sdk::Result<sdk::ErrorPage> RequestLedger::errors(std::string_view cursor,
                                                  std::size_t limit) const {
    std::size_t begin = 0;
    const auto [stop, failure] =
        std::from_chars(cursor.data(), cursor.data() + cursor.size(), begin);
    const bool whole = failure == std::errc{} && stop == cursor.data() + cursor.size();
    if (!cursor.empty() && !whole) {
        return Error{Code::InvalidArgument, "read errors of '" + request_.id + "': not a cursor"};
    }
    sdk::ErrorPage page;
    begin = std::min(begin, errors_.size());
    const std::size_t end = begin + std::min(limit, errors_.size() - begin);
    page.errors.assign(errors_.begin() + static_cast<std::ptrdiff_t>(begin),
                       errors_.begin() + static_cast<std::ptrdiff_t>(end));
    if (end < errors_.size()) page.next = std::to_string(end);
    return page;
}

std::vector<sdk::Lease> RequestLedger::claim(const sdk::ClaimSpec& spec, std::size_t limit,
                                             TokenSource& tokens, const Now& now) {
    std::vector<sdk::Lease> leases;
    if (!hands_out(request_.state)) return leases;
    const sdk::WorkerId& pinned = request_.pinned_worker;
    if (!pinned.empty() && pinned != spec.worker) return leases;
    const bool listings = board_.backlog().pending_of(sdk::UnitKind::Chunk) < spec.planning_window;
    while (leases.size() < limit) {
        const UnitRecord* record = board_.claim(spec, listings, tokens.next(), now.steady);
        if (record == nullptr) break;
        leases.push_back(lease_of(*record));
    }
    if (!leases.empty()) request_.updated_at = now.wall;
    return leases;
}

sdk::Outcome RequestLedger::complete(const sdk::Completion& item, const Now& now) {
    UnitRecord* unit = board_.find(item.lease);
    if (unit == nullptr) {
        const bool done = ended_.find(item.lease) == Ending::Completed;
        return done ? Outcome::AlreadyDone : Outcome::LeaseLost;
    }
    apply(item.effects, unit->holding->worker);
    board_.finish(*unit, request_.counters);
    ended_.remember(item.lease, Ending::Completed);
    request_.updated_at = now.wall;
    return Outcome::Applied;
}

sdk::FailReply RequestLedger::fail(const sdk::Failure& item, const Now& now) {
    UnitRecord* unit = board_.find(item.lease);
    if (unit == nullptr) {
        const std::optional<Ending> ending = ended_.find(item.lease);
        if (!ending || *ending == Ending::Completed) return {Outcome::LeaseLost, false};
        return {Outcome::AlreadyDone, *ending == Ending::Exhausted};
    }
    apply(item.effects, item.worker);
    if (!item.message.empty()) request_.detail[item.worker] = item.message;
    if (item.rest) UnitBoard::narrow(*unit, *item.rest);
    request_.updated_at = now.wall;
    if (item.released) {
        board_.put_back(*unit, Instant{}, request_.counters);
        ended_.remember(item.lease, Ending::Failed);
        return {};
    }
    note_failure(*unit, now);
    ++unit->failures;
    unit->last_failer = item.worker;
    const bool exhausted = unit->failures >= item.attempts_max;
    if (exhausted) {
        record(item.error);
        board_.exhaust(*unit, request_.counters);
    } else {
        const bool at_once = item.backoff == sdk::Millis{0};
        board_.put_back(*unit, at_once ? Instant{} : now.steady + item.backoff, request_.counters);
    }
    ended_.remember(item.lease, exhausted ? Ending::Exhausted : Ending::Failed);
    return {Outcome::Applied, exhausted};
}

sdk::Outcome RequestLedger::renew(const sdk::LeaseRef& lease, sdk::Millis duration,
                                  const Now& now) {
    if (UnitRecord* unit = board_.find(lease)) {
        board_.renew(*unit, now.steady + duration);
        return Outcome::Applied;
    }
    return ended_.find(lease) ? Outcome::AlreadyDone : Outcome::LeaseLost;
}

std::vector<sdk::Reaped> RequestLedger::reap(const sdk::ReapSpec& spec, std::size_t limit,
                                             const Now& now) {
    std::vector<sdk::Reaped> reaped;
    const std::vector<sdk::Lease> leases =
        spec.worker ? board_.leases_of(*spec.worker, limit) : board_.expired(now.steady, limit);
    for (const sdk::Lease& lease : leases) {
        UnitRecord& unit = *board_.find(lease.ref);
        note_failure(unit, now);
        const bool exhausted = ++unit.losses >= spec.losses_max;
        if (exhausted) {
            record(lost_error(lease, unit, now));
            board_.exhaust(unit, request_.counters);
        } else {
            board_.put_back(unit, Instant{}, request_.counters);
        }
        reaped.push_back({lease, exhausted});
    }
    if (!reaped.empty()) request_.updated_at = now.wall;
    return reaped;
}

std::vector<sdk::Lease> RequestLedger::leases_of(const sdk::WorkerId& worker) const {
    return board_.leases_of(worker, std::numeric_limits<std::size_t>::max());
}

void RequestLedger::apply(const sdk::Effects& effects, const sdk::WorkerId& worker) {
    if (!effects.message.empty()) request_.detail[worker] = effects.message;
    if (request_.resolution.empty()) request_.resolution = effects.resolution;
    for (std::size_t i = 0; i < sdk::kCountKinds; ++i) {
        add_bounded(request_.counters.values[i], effects.counters.values[i]);
    }
    for (const sdk::FileError& error : effects.errors) record(error);
    for (const sdk::Group& group : effects.groups) board_.open(group, request_.counters);
    take_in(effects.units);
}

void RequestLedger::record(const sdk::FileError& error) {
    ++request_.error_count;
    if (errors_.size() < sdk::kErrorsMax) errors_.push_back(error);
}

void RequestLedger::take_in(const std::vector<sdk::Unit>& units) {
    for (const sdk::Unit& unit : units) board_.add(unit, request_.counters);
}

}  // namespace godwit::store_memory
