// The shares of requests' bandwidth that this agent may use, as the master told it last.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "transfer/ledger.h"
#include "transfer/pacer.h"

namespace godwit::agent {

// Thread-safe.
class Pacers {
public:
    // Shared by all who send for the request; lives as long as any of them. The rate is 0 until
    // set().
    std::shared_ptr<transfer::Pacer> of(const transfer::RequestKey& request);
    // Of a request that is not being sent for: nothing happens.
    void set(const transfer::RequestKey& request, std::uint64_t bytes_per_second);

private:
    std::mutex mutex_;
    std::map<transfer::RequestKey, std::weak_ptr<transfer::Pacer>> pacers_;  // guarded by mutex_
};

}  // namespace godwit::agent
