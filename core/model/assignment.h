// What master and agents say to each other about work: heartbeat, assignment, result.
//
// The seed guide's fields keep their names and meaning; what godwit-agent needs beyond them is
// added beside. Unknown members are ignored here, so that agents and masters of neighbouring
// versions understand each other.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_code.h"
#include "godwit/sdk/state_store.h"
#include "godwit/sdk/types.h"
#include "model/parsed.h"
#include "model/sync_request.h"

namespace godwit::model {

// -------------------------------------------------------------------------------------- heartbeat

// A request that an agent holds something for (temporaries, caches): the id and which one of them.
struct RequestRef {
    sdk::RequestId id;
    std::uint64_t generation = 0;

    auto operator<=>(const RequestRef&) const = default;
};

struct Heartbeat {
    sdk::Worker worker;
    std::vector<std::string> leases;   // assignment_ids to renew
    bool leases_complete = false;      // It has no others, and none is on its way to it.
    std::vector<RequestRef> requests;  // asked about: those that have ended come back
};

// Statuses that the contract knows.
inline constexpr std::array<std::string_view, 5> kWorkerStatuses{"READY", "IDLE", "TRANSFERRING",
                                                                 "ERROR", "DRAINING"};

Parsed<Heartbeat> parse_heartbeat(std::string_view body);
std::string print_heartbeat(const Heartbeat& heartbeat);

// How fast the agent may send for a request from now on: its share of the request's limit.
struct SendLimit {
    RequestRef request;
    std::uint64_t bytes_per_second = 0;  // 0: as fast as it can.

    bool operator==(const SendLimit&) const = default;
};

struct HeartbeatAnswer {
    std::vector<std::string> lost;  // Of the leases: stop working on them.
    // Of the leases: their requests are paused. Give them back, with what is left to do.
    std::vector<std::string> paused;
    std::vector<RequestRef> ended;  // Of the requests: remove what is held for them.
    // One for each request that a lease in the heartbeat belongs to.
    std::vector<SendLimit> limits;
    // When the master wants to hear the next one at the latest; 0: at the agent's own pace.
    std::uint32_t next_heartbeat_ms = 0;
};
std::string print_heartbeat_answer(const HeartbeatAnswer& answer);
Parsed<HeartbeatAnswer> parse_heartbeat_answer(std::string_view body);

// ------------------------------------------------------------------------------------- assignment

// Names a lease for the world: "<request_id>/<unit>/<epoch>.<number>", numbers in decimal.
struct AssignmentId {
    sdk::RequestId request;
    sdk::LeaseRef lease;

    auto operator<=>(const AssignmentId&) const = default;
};
std::string to_string(const AssignmentId& id);
std::optional<AssignmentId> parse_assignment_id(std::string_view text);

// What the first listing found out about the destination of a single file
// (sdk::Request::resolution): it goes into the directory, or gets its name. Of directories it is
// empty.
inline constexpr std::string_view kIntoDirectory = "into_directory";
inline constexpr std::string_view kAsNamed = "as_named";

struct Assignment {
    AssignmentId id;
    std::uint64_t generation = 0;
    sdk::WorkerId worker;
    std::string source_path;
    std::string destination_path;
    bool destination_slash = false;
    std::string resolution;         // Of an earlier run; empty: not known yet.
    std::uint64_t chunk_bytes = 0;  // The request's chunk_size_mb, in bytes.
    RequestOptions options;
    sdk::Unit unit;
    bool discard = false;
    std::uint32_t attempt = 1;
    std::uint32_t attempts_max = 1;
    std::uint32_t losses = 0;  // How often it was taken from a worker: what that did is not known.
    sdk::WorkerId failed_on;   // Who failed on it last; empty: nobody.
    std::optional<sdk::WallTime> first_failed_at;
    std::uint64_t bytes_per_second = 0;  // As in SendLimit, until a heartbeat's answer says other.
    std::uint32_t lease_seconds = 30;
    std::vector<sdk::WorkerId> source_pool;
    std::vector<sdk::WorkerId> destination_pool;
    sdk::WorkerId destination;                   // Empty: none is known.
    std::map<sdk::WorkerId, std::string> peers;  // host:port of the destination
    std::string ticket;                          // See base/ticket.h.
};
// One as the guide's form answers it, and the array of the batch form.
std::string print_assignment(const Assignment& assignment);
std::string print_assignments(std::span<const Assignment> assignments);
Parsed<std::vector<Assignment>> parse_assignments(std::string_view body);

// ----------------------------------------------------------------------------------------- result

struct AssignmentResult {
    sdk::RequestId request;
    sdk::WorkerId worker;
    bool success = false;
    std::string message;
    std::optional<AssignmentId> assignment;  // Absent: the one that the worker holds.
    std::uint32_t attempt = 1;

    // What it brought about; errors of single files are here, too. Also of what was done before a
    // failure.
    sdk::Effects effects;
    // On failure:
    std::optional<sdk::Unit> rest;  // What is left to do of the unit; absent: all of it.
    bool released = false;          // Given back, as it was.
    bool fatal = false;             // The request cannot do its job: no other unit can help.
    bool pause = false;             // An operator must make room first.
    bool retryable = true;          // Another attempt may help.
    sdk::FileError error;
};
inline constexpr std::size_t kResultsMax = 256;
inline constexpr std::size_t kUnitsPerResultMax = 4096;

Parsed<AssignmentResult> parse_result(std::string_view body);
// {"worker_id":…,"results":[…]}
Parsed<std::vector<AssignmentResult>> parse_results(std::string_view body);
std::string print_results(std::span<const AssignmentResult> results);

// What became of one, in the batch form's answer: "applied", "already_done", "lease_lost",
// "not_found", "ambiguous".
struct ResultOutcome {
    std::string assignment_id;
    std::string outcome;
};
std::string print_outcomes(std::span<const ResultOutcome> outcomes);
Parsed<std::vector<ResultOutcome>> parse_outcomes(std::string_view body);

}  // namespace godwit::model
