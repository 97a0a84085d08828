// An agent: announces itself to the master, takes assignments, works them off, reports; and serves
// other agents as a destination.
//
//     heartbeat thread   POST /workers/heartbeat: alive, mounts, leases to renew
//     poll thread        POST /workers/{id}/assignments, while there are free slots
//     slot threads       Executor::run
//     report thread      POST /workers/results, again until it is answered
//
// A master that is away is waited for: work goes on, results are kept and reported when it is back.
#pragma once

#include <memory>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"
#include "base/time.h"
#include "config/settings.h"
#include "godwit/sdk/transport.h"

namespace godwit::agent {

// start() and stop() from one thread.
class Agent {
public:
    // InvalidArgument: no agent can be started with these settings; opens nothing.
    static Status check(const config::AgentSettings& settings);

    // Opens rails, listens for peers, starts its threads. The master need not be there yet.
    static Result<std::unique_ptr<Agent>> start(
        const config::AgentSettings& settings,
        std::vector<std::shared_ptr<sdk::Transport>> transports);
    ~Agent();

    // Stops its work, gives leases back, says goodbye; within `patience`.
    void stop(base::Millis patience);

private:
    class Core;
    explicit Agent(std::unique_ptr<Core> core) noexcept;
    std::unique_ptr<Core> core_;
};

}  // namespace godwit::agent
