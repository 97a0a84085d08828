#include "transfer/ledger.h"

#include <utility>

#include "base/log.h"
#include "files/removal.h"
#include "files/root.h"

namespace godwit::transfer {
namespace {

// Late messages are not expected for what was retired longer ago than so many others.
constexpr std::size_t kRetiredMax = 16'384;

const base::Log kLog{"ledger"};

Status remove(const TemporaryPlace& place) {
    auto tree = files::Tree::open(place.storage_path, place.root);
    if (!tree) return std::move(tree).error();
    auto directory = tree->open_directory(place.directory);
    if (!directory) return std::move(directory).error();
    // The registry of links is a directory.
    return files::remove_tree(directory->get(), place.name).status();
}

}  // namespace

std::shared_ptr<Temporary> Ledger::temporary(const RequestKey& request,
                                             const TemporaryPlace& place) {
    const std::lock_guard lock{mutex_};
    if (const auto found = retired_.find(place); found != retired_.end()) return found->second;
    auto& temporary = places_[request][place];
    if (!temporary) temporary = std::make_shared<Temporary>();
    return temporary;
}

void Ledger::retire(const RequestKey& request, const TemporaryPlace& place) {
    const std::lock_guard lock{mutex_};
    const auto found = places_.find(request);
    if (found == places_.end()) return;
    if (auto node = found->second.extract(place)) remember(std::move(node));
    if (found->second.empty()) places_.erase(found);
}

void Ledger::remember(Places::node_type retired) {
    retired_order_.push_back(retired.key());
    retired_.insert(std::move(retired));
    if (retired_order_.size() <= kRetiredMax) return;
    retired_.erase(retired_order_.front());
    retired_order_.pop_front();
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
        for (Places copy = places; !copy.empty();) remember(copy.extract(copy.begin()));
    }
    std::size_t removed = 0;
    for (const auto& [place, temporary] : places) {
        const std::lock_guard lock{temporary->mutex};
        if (std::exchange(temporary->sealed, true) || place.is_final) continue;
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
