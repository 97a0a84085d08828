#include "transfer/ledger.h"

#include "base/log.h"
#include "files/publish.h"
#include "files/root.h"

namespace godwit::transfer {
namespace {

const base::Log kLog{"ledger"};

Status remove(const TemporaryPlace& place) {
    auto tree = files::Tree::open(place.storage_path, place.root);
    if (!tree) return std::move(tree).error();
    auto directory = tree->open_directory(place.directory);
    if (!directory) return std::move(directory).error();
    return files::remove_temporary(directory->get(), place.name);
}

}  // namespace

void Ledger::add(const RequestKey& request, const TemporaryPlace& place) {
    const std::lock_guard lock{mutex_};
    places_[request].insert(place);
}

void Ledger::drop(const RequestKey& request, const TemporaryPlace& place) {
    const std::lock_guard lock{mutex_};
    const auto found = places_.find(request);
    if (found == places_.end()) return;
    found->second.erase(place);
    if (found->second.empty()) places_.erase(found);
}

std::vector<RequestKey> Ledger::requests() const {
    const std::lock_guard lock{mutex_};
    std::vector<RequestKey> keys;
    for (const auto& [key, places] : places_) keys.push_back(key);
    return keys;
}

void Ledger::clean(const RequestKey& request) {
    std::set<TemporaryPlace> places;
    {
        const std::lock_guard lock{mutex_};
        if (auto node = places_.extract(request)) places = std::move(node.mapped());
    }
    for (const TemporaryPlace& place : places) {
        if (auto status = remove(place); !status && status.error().code != Code::NotFound) {
            kLog.warning("temporary not removed", {{"request", request.id},
                                                   {"root", place.root},
                                                   {"directory", place.directory},
                                                   {"reason", status.error().message}});
        }
    }
    if (!places.empty()) {
        kLog.info("temporaries removed", {{"request", request.id}, {"count", places.size()}});
    }
}

}  // namespace godwit::transfer
