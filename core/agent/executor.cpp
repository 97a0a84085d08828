#include "agent/executor.h"

#include <exception>

#include "agent/copying.h"
#include "agent/listing.h"
#include "agent/work_context.h"
#include "base/log.h"
#include "model/file_list.h"
#include "transfer/payload.h"

namespace godwit::agent {
namespace {

using base::FileCode;
using transfer::Trouble;

const base::Log kLog{"agent"};

// The first listings of a request are made by the master, which writes no payloads as agents do:
// the whole source, or a list of files.
Result<work::Work> work_of(const model::Assignment& assignment) {
    const std::string& payload = assignment.unit.payload;
    if (!payload.empty() && !model::is_file_list(payload)) return transfer::open_payload(payload);
    if (assignment.unit.kind != sdk::UnitKind::Listing) {
        return Error{Code::InvalidArgument, "an assignment without a payload"};
    }
    work::Work work;
    work::Listing& listing = *work.mutable_listing();
    listing.set_root(true);
    if (payload.empty()) return work;
    auto list = model::unpack_file_list(payload);
    if (!list) return std::move(list).error();
    listing.set_again(list->again);
    for (std::string& path : list->paths) listing.add_paths(std::move(path));
    for (std::string& path : list->covered) listing.add_covered(std::move(path));
    return work;
}

void count(const transfer::Waits& waits, sdk::Counters& counters) {
    using enum sdk::Count;
    const auto add = [&](sdk::Count count, std::uint64_t microseconds) {
        counters[count] += static_cast<std::int64_t>(microseconds);
    };
    add(WaitSourceMetadata, waits.source_metadata);
    add(WaitSourceRead, waits.source_read);
    add(WaitTransport, waits.transport);
    add(WaitDestinationMetadata, waits.destination_metadata);
    add(WaitDestinationWrite, waits.destination_write);
    add(WaitBandwidthLimit, waits.bandwidth_limit);
}

model::AssignmentResult dispatch(WorkContext& context) {
    switch (context.work.kind_case()) {
    case work::Work::kListing: return list_source(context);
    case work::Work::kPack: return copy_pack(context);
    case work::Work::kRange: return copy_range(context);
    case work::Work::kPublish: return publish_file(context);
    case work::Work::kDirectories: return set_directories(context);
    case work::Work::kRemovals: return remove_surplus(context);
    case work::Work::KIND_NOT_SET: break;
    }
    return failed(context.assignment,
                  {FileCode::Unsupported, "a kind of work that this agent does not know"});
}

// Two workers that have no transport in common never will: that is the request's end, as long as
// nothing is copied and nobody else could do it. Another worker may speak another transport.
model::AssignmentResult unreachable(const model::Assignment& assignment, const work::Work& work,
                                    const Error& error) {
    Trouble trouble = Trouble::of_peer(error);
    const bool others = assignment.source_pool.size() > 1 || assignment.destination_pool.size() > 1;
    if (error.code == Code::Unsupported && work.listing().root() && !others) {
        trouble.code = FileCode::Unsupported;
    }
    return hopeless(assignment, trouble);
}

// What fails once more has failed since then. What a listing says of single entries is news: that
// failed before as a whole.
void stamp_first_failure(const model::Assignment& assignment, model::AssignmentResult& result) {
    const sdk::WallTime first = assignment.first_failed_at.value_or(sdk::WallTime{});
    result.error.first_at = first;
    if (assignment.unit.kind == sdk::UnitKind::Listing) return;
    for (sdk::FileError& error : result.effects.errors) error.first_at = first;
}

// Given back in the midst of it, which counts neither as an attempt nor as a loss: whoever has it
// next looks at what is there already.
void mark_begun(const model::Assignment& assignment, model::AssignmentResult& result) {
    const std::string& payload = (result.rest ? *result.rest : assignment.unit).payload;
    if (payload.empty() || model::is_file_list(payload)) return;  // The master's: nothing is done.
    auto work = transfer::open_payload(payload);
    if (!work || work->begun()) return;
    work->set_begun(true);
    auto marked = transfer::seal_payload(*work);
    if (!marked) return;
    if (!result.rest) result.rest = assignment.unit;
    result.rest->payload = std::move(*marked);
}

}  // namespace

model::AssignmentResult Executor::run(const model::Assignment& assignment,
                                      std::stop_token stop) noexcept {
    try {
        model::AssignmentResult result = carry_out(assignment, std::move(stop));
        stamp_first_failure(assignment, result);
        if (!result.success && (result.released || result.pause)) mark_begun(assignment, result);
        return result;
    } catch (const std::exception& thrown) {
        kLog.error("assignment threw",
                   {{"assignment", model::to_string(assignment.id)}, {"reason", thrown.what()}});
        return failed(assignment, {FileCode::Internal, thrown.what()});
    }
}

model::AssignmentResult Executor::carry_out(const model::Assignment& assignment,
                                            std::stop_token stop) {
    const auto work = work_of(assignment);
    if (!work) {
        return failed(assignment, {FileCode::Unsupported, work.error().message});
    }
    // A storage path whose file system went away since the last heartbeat must not be taken for one
    // that is empty.
    const std::vector<std::string> storage_paths = mounts_.check();
    transfer::Waits waits;
    const auto pacer = pacers_.of({assignment.id.request, assignment.generation});
    pacer->set_rate(assignment.bytes_per_second);
    const transfer::DeliveryMeans means{
        stop, pacer, waits,
        [this, name = model::to_string(assignment.id)] { return holdings_.is_over(name); }};
    std::unique_ptr<transfer::Delivery> delivery;
    if (assignment.destination == assignment.worker) {
        delivery = transfer::deliver_locally(storage_paths, ledger_, means);
    } else {
        const auto address = assignment.peers.find(assignment.destination);
        if (address == assignment.peers.end()) {
            return failed(assignment,
                          {FileCode::PeerLost, "the master knows no address of worker '" +
                                                   assignment.destination + "'"});
        }
        auto peer = peers_.get(assignment.destination, address->second);
        if (!peer) return unreachable(assignment, *work, peer.error());
        delivery = transfer::deliver_to_peer(std::move(*peer), rails_.send_pool(), means);
    }
    WorkContext context{assignment,      *work,
                        storage_paths,   *delivery,
                        waits,           long_directories_,
                        std::move(stop), [this] { return mounts_.check(); }};
    model::AssignmentResult result = dispatch(context);
    count(waits, result.effects.counters);
    return result;
}

}  // namespace godwit::agent
