#include "master/documents.h"

#include "base/log.h"

namespace godwit::master {
namespace {

const base::Log kLog{"master"};

std::shared_ptr<const model::SyncRequest> parse(const sdk::Request& request) {
    auto parsed = model::parse_stored_request(request.document);
    if (parsed.ok()) {
        return std::make_shared<const model::SyncRequest>(std::move(*parsed.document));
    }
    kLog.error("the document of a request cannot be read: was it made by a newer master?",
               {{"request", request.id}, {"reason", parsed.errors.front().message}});
    return nullptr;
}

}  // namespace

std::shared_ptr<const model::SyncRequest> Documents::of(const sdk::Request& request) {
    {
        const std::lock_guard lock{mutex_};
        const auto known = entries_.find(request.id);
        if (known != entries_.end() && known->second.generation == request.generation &&
            known->second.revision == request.revision) {
            return known->second.document;
        }
    }
    Entry entry{request.generation, request.revision, parse(request)};
    const std::lock_guard lock{mutex_};
    if (entries_.size() >= kDocumentsMax && !entries_.contains(request.id)) {
        // Whichever: who reads in turn more than fit would find nothing if the oldest one went.
        entries_.erase(entries_.begin());
    }
    return (entries_[request.id] = std::move(entry)).document;
}

}  // namespace godwit::master
