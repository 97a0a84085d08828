// The plain types that the store and the policy speak of: requests, units, leases, workers.
//
// Values throughout; thread-compatible. Paths and labels are raw bytes, never assumed to be UTF-8.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace godwit::sdk {

using RequestId = std::string;  // [A-Za-z0-9._:-]{1,128}, chosen by the client
using WorkerId = std::string;   // the same alphabet, chosen by the site
using Millis = std::chrono::milliseconds;
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

// ---------------------------------------------------------------------------------------- counters

// What a request counts. Order is the wire order of a Counters; append only.
enum class Count : std::uint8_t {
    FilesDiscovered,
    FilesPlanned,
    FilesCopied,
    FilesSkipped,
    FilesFailed,
    FilesVanished,
    FilesDeleted,
    FilesSpecial,  // FIFOs, sockets, devices: met, not copied
    Directories,
    BytesDiscovered,
    BytesPlanned,
    BytesCopied,
    BytesSkipped,
    BytesFailed,
    BytesVanished,
    BytesDeleted,
    BytesOnWire,
    BytesPublished,
    FilesLinked,         // Of those copied: links to a file that was copied under another name.
    FilesAtDestination,  // Entries met there, directories too; counted where deletes were asked
                         // for.
    FilesSurplus,        // Of these, what the source does not have: a delete removes it.
    // How long agents waited in each stage of their work, in microseconds over all of them. The
    // largest one names what limits the request.
    WaitSourceMetadata,
    WaitSourceRead,
    WaitTransport,
    WaitDestinationMetadata,
    WaitDestinationWrite,
    WaitBandwidthLimit,
    // Units that were given up and were not about one file (a pack, a listing, attributes of
    // directories), and deletes that were refused: the errors do not name all that is missing. Not
    // 0: only a run from the beginning can mend it.
    StepsGivenUp,
    ListingsGivenUp,  // Of these, listings: not all of the source was met.
};
inline constexpr std::size_t kCountKinds = 29;

// Sums, or differences that are added to sums. Never negative in a request.
struct Counters {
    std::array<std::int64_t, kCountKinds> values{};

    std::int64_t& operator[](Count count) noexcept {
        return values[static_cast<std::size_t>(count)];
    }
    std::int64_t operator[](Count count) const noexcept {
        return values[static_cast<std::size_t>(count)];
    }
    Counters& operator+=(const Counters& other) noexcept {
        for (std::size_t i = 0; i < kCountKinds; ++i) values[i] += other.values[i];
        return *this;
    }
    bool operator==(const Counters&) const = default;
};

// ------------------------------------------------------------------------------------------- units

// A unit is what one assignment does. The store keeps it closed: only `payload`'s maker opens it.
enum class UnitKind : std::uint8_t { Listing, Chunk, Publish, Directories };
inline constexpr std::size_t kUnitKinds = 4;

constexpr std::string_view to_string(UnitKind kind) noexcept {
    switch (kind) {
    case UnitKind::Listing: return "listing";
    case UnitKind::Chunk: return "chunk";
    case UnitKind::Publish: return "publish";
    case UnitKind::Directories: return "directories";
    }
    return "corrupt";
}

struct Unit {
    UnitKind kind = UnitKind::Chunk;
    std::uint32_t stage = 0;   // Not claimable while a unit of a lower stage is pending or leased.
    std::uint32_t rank = 0;    // Within a kind and stage, lower ranks are claimed first.
    std::uint64_t group = 0;   // The Group that this unit is a part of; 0: none.
    std::uint64_t offset = 0;  // Bytes into the file, for a range of a large one.
    std::uint64_t bytes = 0;   // What it will move, for progress and policy.
    std::uint64_t files = 0;
    std::string label;    // The path it is about, for logs and errors.
    std::string payload;  // Opaque, up to kPayloadBytesMax.

    bool operator==(const Unit&) const = default;
};
inline constexpr std::size_t kPayloadBytesMax = 1 << 20;

// The parts of one large file. When the last part has ended, the store adds `then`, once.
struct Group {
    std::uint64_t id = 0;     // Random, not 0, chosen by the planner.
    std::uint32_t parts = 0;  // How many units will name this group, now or in later effects.
    Unit then;
};

// An error of one file, for the operator. `code` is from the closed list of the REST contract.
struct FileError {
    std::string path;  // Relative to the request's source.
    std::string code;
    std::int32_t error_number = 0;  // errno, or 0
    bool retryable = false;
    std::uint64_t offset = 0;
    WorkerId worker;
    std::uint32_t attempt = 0;
    WallTime first_at{};
    WallTime last_at{};
    std::string message;

    bool operator==(const FileError&) const = default;
};

// What the end of a unit brings about, applied in the same step, exactly once.
struct Effects {
    Counters counters;              // Added to the request's.
    std::vector<FileError> errors;  // Appended to the request's, up to kErrorsMax.
    std::vector<Group> groups;      // Opened before `units` are added.
    std::vector<Unit> units;        // Pending from now on.
    std::string message;            // Becomes detail[worker] of the request, when not empty.
    std::string resolution;         // Becomes the request's, unless that has one.
};
inline constexpr std::size_t kErrorsMax = 10'000;  // Later ones are counted, not kept.

// ------------------------------------------------------------------------------------------ leases

// A fencing token: never handed out twice in the life of a request, whatever the store forgets.
// `epoch` changes when the store may have lost something (a restart); `number` counts within it.
struct Token {
    std::uint64_t epoch = 0;
    std::uint64_t number = 0;

    auto operator<=>(const Token&) const = default;
};

struct LeaseRef {
    std::uint64_t unit = 0;  // Unique within the request, given by the store.
    Token token;

    auto operator<=>(const LeaseRef&) const = default;
};

struct Lease {
    LeaseRef ref;
    WorkerId worker;
    std::uint32_t attempt = 1;  // 1 for the first; counts failures, not losses.
    std::uint32_t losses = 0;   // How often it was taken from a worker: what that did is not known.
    WorkerId last_failer;       // Who failed on it last; empty: nobody.
    std::optional<WallTime> first_failed_at;  // When it failed first, or was taken from a worker.
    bool discard = false;  // A Publish whose group has a failed part: remove what there is.
    Unit unit;
};

// What became of one item of a batch.
enum class Outcome : std::uint8_t {
    Applied,
    AlreadyDone,  // This very lease ended before: the answer got lost, the effect did not.
    LeaseLost,    // Nothing was changed.
    NotFound,     // No such request. Nothing was changed.
};

constexpr std::string_view to_string(Outcome outcome) noexcept {
    switch (outcome) {
    case Outcome::Applied: return "applied";
    case Outcome::AlreadyDone: return "already_done";
    case Outcome::LeaseLost: return "lease_lost";
    case Outcome::NotFound: return "not_found";
    }
    return "corrupt";
}

// ---------------------------------------------------------------------------------------- requests

enum class RequestState : std::uint8_t {
    Queued,
    Progress,
    Paused,
    Completed,
    CompletedWithErrors,
    Failed,
    Cancelled,
};
inline constexpr std::size_t kRequestStates = 7;

constexpr std::string_view to_string(RequestState state) noexcept {
    switch (state) {
    case RequestState::Queued: return "QUEUED";
    case RequestState::Progress: return "PROGRESS";
    case RequestState::Paused: return "PAUSED";
    case RequestState::Completed: return "COMPLETED";
    case RequestState::CompletedWithErrors: return "COMPLETED_WITH_ERRORS";
    case RequestState::Failed: return "FAILED";
    case RequestState::Cancelled: return "CANCELLED";
    }
    return "CORRUPT";
}

constexpr bool is_terminal(RequestState state) noexcept {
    return state >= RequestState::Completed;
}

using Revision = std::uint64_t;

// Units that have not ended, by kind.
struct Backlog {
    std::array<std::uint64_t, kUnitKinds> pending{};
    std::array<std::uint64_t, kUnitKinds> leased{};
    std::uint32_t stage = 0;          // The lowest stage with a unit that has not ended.
    std::uint64_t bytes_pending = 0;  // Sum of Unit::bytes over pending chunks.

    std::uint64_t pending_of(UnitKind kind) const noexcept {
        return pending[static_cast<std::size_t>(kind)];
    }
    std::uint64_t leased_of(UnitKind kind) const noexcept {
        return leased[static_cast<std::size_t>(kind)];
    }
    std::uint64_t outstanding_of(UnitKind kind) const noexcept {
        return pending_of(kind) + leased_of(kind);
    }
    std::uint64_t outstanding() const noexcept {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < kUnitKinds; ++i) sum += pending[i] + leased[i];
        return sum;
    }
};

struct Request {
    RequestId id;
    std::uint64_t generation = 0;  // Random; tells a request from a later one with the same id.
    std::string fingerprint;       // Equal for equal bodies.
    std::string document;          // The request as it was accepted; opaque to the store.
    std::string source_path;
    std::string destination_path;
    std::int32_t priority = 0;  // Higher goes first.
    // What planning found out once, and must not see otherwise on any later run (what a path of the
    // request stands for, say). Opaque to the store; a restart keeps it.
    std::string resolution;
    WorkerId pinned_worker;  // The only source worker that may take its units; empty: any.

    RequestState state = RequestState::Queued;
    Revision revision = 0;  // Raised by every transition, by nothing else.
    std::string reason;     // A closed code: why it waits, is paused or failed; else empty.
    WallTime created_at{};
    WallTime updated_at{};
    std::optional<WallTime> started_at;
    std::optional<WallTime> finished_at;

    Counters counters;
    std::uint64_t error_count = 0;
    Backlog backlog;
    std::map<WorkerId, std::uint32_t> holders;  // Leases by worker; workers with none are absent.
    std::map<std::string, std::string> detail;  // Latest message by worker id, or by "master".
};

// ----------------------------------------------------------------------------------------- workers

// One NIC that a worker offers for the data plane, as its configuration names it.
struct Endpoint {
    std::string iface;    // May be empty.
    std::string address;  // An IP address.

    bool operator==(const Endpoint&) const = default;
};

struct Worker {
    WorkerId id;
    std::string incarnation;  // Changes with every start of the agent; may be empty.
    std::string status;       // READY, IDLE, TRANSFERRING, ERROR or DRAINING
    std::vector<std::string> storage_paths;
    std::vector<Endpoint> endpoints;
    std::string peer_address;             // host:port where other agents reach it; may be empty.
    std::vector<std::string> transports;  // Names of transport plugins it has loaded.
    std::uint32_t slots = 1;              // Assignments that it works on at once.
    WallTime last_seen{};                 // By the store's clock.
    Millis silent_for{};                  // Since last_seen, by the store's clock, at the read.
};

// Whether `path` is `root` or lies beneath it. Both absolute and normalised.
constexpr bool is_beneath(std::string_view path, std::string_view root) noexcept {
    if (root == "/") return path.starts_with('/');
    return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

// The storage path of `worker` that `path` lies beneath, the longest one; empty: it mounts none.
inline std::string_view mount_of(const Worker& worker, std::string_view path) noexcept {
    std::string_view best;
    for (const std::string& root : worker.storage_paths) {
        if (is_beneath(path, root) && root.size() > best.size()) best = root;
    }
    return best;
}

}  // namespace godwit::sdk
