#include "agent/peers.h"

namespace godwit::agent {

Peers::Peers(transfer::Rails& rails, transfer::Identity self)
    : rails_{rails}, self_{std::move(self)} {}

Result<std::shared_ptr<transfer::PeerClient>> Peers::get(const std::string& worker,
                                                         const std::string& address) {
    std::shared_ptr<Place> place;
    {
        const std::lock_guard lock{mutex_};
        auto& known = places_[worker];
        if (!known) known = std::make_shared<Place>();
        place = known;
    }
    const std::lock_guard lock{place->mutex};
    if (place->client && place->address == address && !place->client->is_lost()) {
        return place->client;
    }
    place->client.reset();
    auto client = transfer::PeerClient::connect(rails_, self_, worker, address);
    if (!client) return client;
    place->client = *client;
    place->address = address;
    return client;
}

void Peers::close_all() {
    std::map<std::string, std::shared_ptr<Place>> places;
    {
        const std::lock_guard lock{mutex_};
        places.swap(places_);
    }
}

}  // namespace godwit::agent
