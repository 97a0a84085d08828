#include "agent/executor.h"

#include <exception>

#include "agent/copying.h"
#include "agent/listing.h"
#include "agent/work_context.h"
#include "base/log.h"
#include "transfer/payload.h"

namespace godwit::agent {
namespace {

using base::FileCode;
using transfer::Trouble;

const base::Log kLog{"agent"};

// The first listing of a request is made by the master, which opens no payloads.
Result<work::Work> work_of(const model::Assignment& assignment) {
    if (!assignment.unit.payload.empty()) return transfer::open_payload(assignment.unit.payload);
    if (assignment.unit.kind != sdk::UnitKind::Listing) {
        return Error{Code::InvalidArgument, "an assignment without a payload"};
    }
    work::Work work;
    work.mutable_listing()->set_root(true);
    return work;
}

model::AssignmentResult dispatch(WorkContext& context) {
    switch (context.work.kind_case()) {
    case work::Work::kListing: return list_source(context);
    case work::Work::kPack: return copy_pack(context);
    case work::Work::kRange: return copy_range(context);
    case work::Work::kPublish: return publish_file(context);
    case work::Work::kDirectories: return set_directories(context);
    case work::Work::KIND_NOT_SET: break;
    }
    return failed(context.assignment,
                  {FileCode::Unsupported, "a kind of work that this agent does not know"});
}

}  // namespace

model::AssignmentResult Executor::run(const model::Assignment& assignment,
                                      std::stop_token stop) noexcept {
    try {
        return carry_out(assignment, std::move(stop));
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
    const std::vector<std::string> storage_paths = mounts_.present();
    std::unique_ptr<transfer::Delivery> delivery;
    if (assignment.destination == assignment.worker) {
        delivery = transfer::deliver_locally(storage_paths, ledger_, stop);
    } else {
        const auto address = assignment.peers.find(assignment.destination);
        if (address == assignment.peers.end()) {
            return failed(assignment,
                          {FileCode::PeerLost, "the master knows no address of worker '" +
                                                   assignment.destination + "'"});
        }
        auto peer = peers_.get(assignment.destination, address->second);
        if (!peer) {
            Trouble trouble = Trouble::of_peer(peer.error());
            if (peer.error().code == Code::Unsupported) trouble.code = FileCode::Unsupported;
            return hopeless(assignment, trouble);
        }
        delivery = transfer::deliver_to_peer(std::move(*peer), rails_.send_pool(), stop);
    }
    WorkContext context{assignment, *work, storage_paths, *delivery, std::move(stop)};
    return dispatch(context);
}

}  // namespace godwit::agent
