// Works off assignments: one at a time on each of a few threads.
#pragma once

#include <functional>
#include <stop_token>

#include "agent/holdings.h"
#include "agent/mounts.h"
#include "agent/pacers.h"
#include "agent/peers.h"
#include "files/long_directories.h"
#include "model/assignment.h"
#include "transfer/ledger.h"
#include "transfer/rails.h"

namespace godwit::agent {

// Thread-safe; carries no state of an assignment.
class Executor {
public:
    // All of them outlive it.
    Executor(transfer::Rails& rails, Peers& peers, Mounts& mounts, const Holdings& holdings,
             transfer::Ledger& ledger, Pacers& pacers)
        : rails_{rails},
          peers_{peers},
          mounts_{mounts},
          holdings_{holdings},
          ledger_{ledger},
          pacers_{pacers} {}

    // Blocks until the assignment is done, has failed, or was stopped. Never throws: what an
    // assignment throws is its failure.
    model::AssignmentResult run(const model::Assignment& assignment, std::stop_token stop) noexcept;

private:
    model::AssignmentResult carry_out(const model::Assignment& assignment, std::stop_token stop);

    transfer::Rails& rails_;
    Peers& peers_;
    Mounts& mounts_;
    const Holdings& holdings_;
    transfer::Ledger& ledger_;
    Pacers& pacers_;
    files::LongDirectories long_directories_;
};

}  // namespace godwit::agent
