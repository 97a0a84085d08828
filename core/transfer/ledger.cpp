#include "transfer/ledger.h"

#include <utility>

#include "base/log.h"
#include "files/publish.h"
#include "files/root.h"

namespace godwit::transfer {
namespace {

// Late messages are not expected for what ended longer ago than so many others.
constexpr std::size_t kEndedMax = 16'384;

const base::Log kLog{"ledger"};

Status remove(const TemporaryPlace& place) {
    auto tree = files::Tree::open(place.storage_path, place.root);
    if (!tree) return std::move(tree).error();
    auto directory = tree->open_directory(place.directory);
    if (!directory) return std::move(directory).error();
    return files::remove_temporary(directory->get(), place.name);
}

}  // namespace

std::shared_ptr<Temporary> Ledger::temporary(const RequestKey& request,
                                             const TemporaryPlace& place) {
    const std::lock_guard lock{mutex_};
    if (const auto ended = ended_.find(place); ended != ended_.end()) return ended->second;
    auto& temporary = places_[request][place];
    if (!temporary) temporary = std::make_shared<Temporary>();
    return temporary;
}

std::vector<RequestKey> Ledger::requests() const {
    const std::lock_guard lock{mutex_};
    std::vector<RequestKey> keys;
    for (const auto& [key, places] : places_) keys.push_back(key);
    return keys;
}

void Ledger::clean(const RequestKey& request) {
    Places places;
    {
        const std::lock_guard lock{mutex_};
        if (auto node = places_.extract(request)) places = std::move(node.mapped());
        for (const auto& [place, temporary] : places) {
            if (ended_.emplace(place, temporary).second) ended_order_.push_back(place);
        }
        while (ended_order_.size() > kEndedMax) {
            ended_.erase(ended_order_.front());
            ended_order_.pop_front();
        }
    }
    std::size_t removed = 0;
    for (const auto& [place, temporary] : places) {
        const std::lock_guard lock{temporary->mutex};
        if (std::exchange(temporary->sealed, true)) continue;
        ++removed;
        if (auto status = remove(place); !status && status.error().code != Code::NotFound) {
            kLog.warning("temporary not removed", {{"request", request.id},
                                                   {"root", place.root},
                                                   {"directory", place.directory},
                                                   {"reason", status.error().message}});
        }
    }
    if (removed != 0) {
        kLog.info("temporaries removed", {{"request", request.id}, {"count", removed}});
    }
}

}  // namespace godwit::transfer
