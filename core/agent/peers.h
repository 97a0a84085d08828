// Connections to destination agents, kept and shared by all assignments.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "transfer/peer_client.h"
#include "transfer/rails.h"

namespace godwit::agent {

// Thread-safe.
class Peers {
public:
    // `rails` outlives it.
    Peers(transfer::Rails& rails, transfer::Identity self);

    // The connection to this worker; made when there is none, or when the one there was is lost or
    // leads elsewhere. Blocks while connecting; others that want the same worker wait along.
    Result<std::shared_ptr<transfer::PeerClient>> get(const std::string& worker,
                                                      const std::string& address);
    void close_all();

private:
    struct Place {
        std::mutex mutex;  // Held while connecting.
        std::string address;
        std::shared_ptr<transfer::PeerClient> client;
    };

    transfer::Rails& rails_;
    const transfer::Identity self_;
    std::mutex mutex_;
    std::map<std::string, std::shared_ptr<Place>> places_;  // guarded by mutex_
};

}  // namespace godwit::agent
