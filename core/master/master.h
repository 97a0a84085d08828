// A master: the REST interface, the scheduler and the life of requests over one store and one
// policy.
#pragma once

#include <memory>
#include <string>

#include "base/metrics.h"
#include "base/result.h"
#include "base/time.h"
#include "config/settings.h"
#include "godwit/sdk/assignment_policy.h"
#include "godwit/sdk/state_store.h"

namespace godwit::master {

// start() and stop() from one thread.
class Master {
public:
    // InvalidArgument: it would listen beyond loopback without tokens.
    static Status check(const config::MasterSettings& settings);

    // InvalidArgument: as check(), or nobody can listen on that address. Conflict: it is in use.
    // `version_document` is what GET /version answers; `metrics` outlives the master.
    static Result<std::unique_ptr<Master>> start(const config::MasterSettings& settings,
                                                 std::shared_ptr<sdk::StateStore> store,
                                                 std::shared_ptr<sdk::AssignmentPolicy> policy,
                                                 base::Metrics& metrics,
                                                 std::string version_document);
    ~Master();

    std::uint16_t port() const noexcept;
    // Answers what is under way, then ends; within `patience`.
    void stop(base::Millis patience);

private:
    class Core;
    explicit Master(std::unique_ptr<Core> core) noexcept;
    std::unique_ptr<Core> core_;
};

}  // namespace godwit::master
