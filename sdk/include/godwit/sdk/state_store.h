// StateStore: where requests, their units and their leases live, and who may change them.
//
// The master keeps no truth of its own: any number of masters may serve one store that is shared.
//
// Threads: every method may be called from any thread, at once. No lock of the caller is held.
// Atomicity: an operation is applied whole or not at all, and once it returned Ok it is as durable
//   as info() says. A batch is atomic per item; its outcomes stand in the order of its items.
// Time: leases and `silent_for` are measured by the store's own clock, never by the caller's.
// Cost: no operation is O(all units of a request); only pending and leased units are kept.
// Errors: Unavailable (nothing changed, repeat later), UnknownOutcome (repeat the same call: every
//   operation may be repeated after it and then has the effect of one), InvalidArgument, Internal.
//   Those of a method beyond these are named with it.
//
// How a request moves through a store:
//   create (QUEUED, with its first unit) → claim → complete (whose effects add further units) → …
//   → nothing outstanding → transition to a terminal state, which drops what is left → remove.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/sdk/result.h"
#include "godwit/sdk/types.h"

namespace godwit::sdk {

struct StoreInfo {
    // What survives: nothing, a crash of the store's process, or a crash of its machine.
    enum class Durability : std::uint8_t { None, Process, Machine };

    Durability durability = Durability::None;
    bool shared = false;          // Several masters may use it at once.
    std::size_t batch_max = 256;  // Items a batch may have; more is InvalidArgument.
};

struct NewRequest {
    RequestId id;
    std::uint64_t generation = 0;
    std::string fingerprint;
    std::string document;
    std::string source_path;
    std::string destination_path;
    std::int32_t priority = 0;
    std::vector<Unit> units;
    // A long part of the document, which only planning reads (a list of files, say): opaque, kept
    // beside the request until that is removed, and not a part of Request.
    std::string attachment;
};
inline constexpr std::size_t kAttachmentBytesMax = 32 << 20;

struct CreateReply {
    bool created = false;  // False: a request with this id and fingerprint exists; it is `request`.
    Request request;
};

struct RequestFilter {
    std::vector<RequestState> states;  // Empty: all.
};

struct RequestPage {
    std::vector<Request> requests;  // Oldest first.
    std::string next;               // Cursor of the next page; empty: this was the last.
};

struct ErrorPage {
    std::vector<FileError> errors;  // In the order in which they were recorded.
    std::string next;
};

// A change of state, by a caller that saw `expected`. What the caller may not do (COMPLETED from
// CANCELLED, say) is the caller's business: the store only compares revisions.
struct Transition {
    RequestState to = RequestState::Queued;
    std::string reason;  // Replaces the request's; empty clears it.
    std::string detail;  // Becomes detail["master"], when not empty.
    // Clears counters, errors, detail, units, leases, started_at and finished_at first; then adds
    // `units`. For a request that runs anew. Its resolution stays.
    bool restart = false;
    std::vector<Unit> units;
    Counters add;                          // To the counters, after a restart cleared them.
    bool clear_errors = false;             // Forgets the errors, and that there were any.
    std::optional<std::string> document;   // Replaces Request::document.
    std::optional<std::int32_t> priority;  // Replaces Request::priority.
    std::optional<WorkerId> pin;  // Replaces Request::pinned_worker; an empty id clears it.
};

struct ClaimSpec {
    WorkerId worker;
    Millis lease{30'000};
    std::size_t units_max = 1;
    // No Listing is handed out while this many chunks are pending. Keeps memory constant.
    std::uint64_t planning_window = 1024;
    // Pass over units that this worker was the last to fail on: another worker can take them.
    bool avoid_own_failures = false;
    // Nothing for a worker that holds none, while so many others hold leases; 0: any number may.
    std::uint32_t workers_max = 0;
    // Not 0: of the request with this generation only; NotFound when the id is another's by now.
    std::uint64_t generation = 0;
};

struct Completion {
    LeaseRef lease;
    Effects effects;
};

struct Failure {
    LeaseRef lease;
    WorkerId worker;  // Who failed; compared by ClaimSpec::avoid_own_failures.
    // Given back unharmed: does not count as an attempt, pending again at once.
    bool released = false;
    // Not claimable again before this has passed.
    Millis backoff{0};
    // Once the unit's attempts reach this it ends: its files and bytes are added to the failed
    // counters, `error` is recorded, and its group is marked as failed. One that belongs to no
    // group and is not about one file is counted in StepsGivenUp, too, and a listing in
    // ListingsGivenUp. 1: it cannot be retried.
    std::uint32_t attempts_max = 5;
    FileError error;
    std::string message;  // Becomes detail[worker], when not empty.
    // What was done before it failed, or was released: applied in the same step. Its message gives
    // way to the one above.
    Effects effects;
    // What is left to do, in the place of the unit; its kind, stage and group are the unit's. On
    // the last attempt it is this whose files and bytes have failed.
    std::optional<Unit> rest;
};

struct FailReply {
    Outcome outcome = Outcome::Applied;
    bool exhausted = false;  // Attempts were used up: the unit has ended.
};

struct ReapSpec {
    // Set: the leases of this worker, whatever their deadline. Else: those past their deadline.
    std::optional<WorkerId> worker;
    // A unit that was lost this often ends as if its attempts were used up: it kills workers.
    std::uint32_t losses_max = 5;
    std::size_t limit = 256;
};

struct Reaped {
    Lease lease;
    bool exhausted = false;
};

// Told when a request changed in a way that may mean work or news for somebody. A hint: it may be
// lost, doubled or late, so callers poll as well. Called on a thread of the store; returns at once
// and calls nothing of the store.
using Watcher = std::function<void(const RequestId&)>;

// Ends the subscription when destroyed; after that the watcher is not called any more.
class Subscription {
public:
    virtual ~Subscription() = default;
};

class StateStore {
public:
    virtual ~StateStore() = default;

    virtual StoreInfo info() const noexcept = 0;

    // Ok when operations can be expected to work now.
    virtual Status ping() noexcept = 0;

    // --- requests

    // Idempotent by id and fingerprint. Conflict: the id is taken by a request with another
    // fingerprint.
    virtual Result<CreateReply> create(const NewRequest& request) noexcept = 0;

    // NotFound.
    virtual Result<Request> get(const RequestId& id) noexcept = 0;

    // Every request that exists through the whole iteration is seen exactly once; one that is
    // created or removed meanwhile may be seen or not. InvalidArgument: not a cursor of list().
    virtual Result<RequestPage> list(const RequestFilter& filter, std::string_view cursor,
                                     std::size_t limit) noexcept = 0;

    // Forgets the request with all that belongs to it. Ok when it was not there.
    virtual Status remove(const RequestId& id) noexcept = 0;

    // The new revision. A terminal state drops pending units, leases and groups, sets finished_at;
    // the first Progress sets started_at. NotFound. Conflict: the revision is not `expected`;
    // nothing was changed.
    virtual Result<Revision> transition(const RequestId& id, Revision expected,
                                        const Transition& change) noexcept = 0;

    // What the request was created with. NotFound: no such request.
    virtual Result<std::string> attachment(const RequestId& id) noexcept = 0;

    // NotFound. InvalidArgument: not a cursor of errors().
    virtual Result<ErrorPage> errors(const RequestId& id, std::string_view cursor,
                                     std::size_t limit) noexcept = 0;

    // --- units and leases

    // Up to units_max units of the lowest outstanding stage, each leased with a token of its own,
    // in the order Publish, Chunk, Listing, Directories; then by rank; then oldest first. Empty
    // when there is nothing to claim, when the request is neither QUEUED nor PROGRESS, or when it
    // is pinned to another worker. NotFound.
    virtual Result<std::vector<Lease>> claim(const RequestId& id,
                                             const ClaimSpec& spec) noexcept = 0;

    // Ends units and applies their effects.
    virtual Result<std::vector<Outcome>> complete(const RequestId& id,
                                                  std::span<const Completion> items) noexcept = 0;

    // Puts units back for another attempt, or ends them (see Failure).
    virtual Result<std::vector<FailReply>> fail(const RequestId& id,
                                                std::span<const Failure> items) noexcept = 0;

    // Moves deadlines to `lease` from now. A lease past its deadline that was not reaped is still
    // held, and renewed.
    virtual Result<std::vector<Outcome>> renew(const RequestId& id, std::span<const LeaseRef> items,
                                               Millis lease) noexcept = 0;

    // Takes leases away and puts their units back. Any number of masters may do this at once.
    // NotFound.
    virtual Result<std::vector<Reaped>> reap(const RequestId& id,
                                             const ReapSpec& spec) noexcept = 0;

    // The leases that `worker` holds on this request. Empty when the request is not there.
    virtual Result<std::vector<Lease>> leases(const RequestId& id,
                                              const WorkerId& worker) noexcept = 0;

    // --- workers

    // Records the worker as seen now. `last_seen` and `silent_for` are ignored. Returns the
    // incarnation that stood there before, empty for none.
    virtual Result<std::string> upsert_worker(const Worker& worker) noexcept = 0;

    virtual Result<std::vector<Worker>> workers() noexcept = 0;

    // Ok when it was not there.
    virtual Status remove_worker(const WorkerId& id) noexcept = 0;

    // --- hints

    virtual Result<std::unique_ptr<Subscription>> subscribe(Watcher watcher) noexcept = 0;
};

}  // namespace godwit::sdk
