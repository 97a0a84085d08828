// Another attempt at the files that failed: which they are, and what is taken back for them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "godwit/sdk/state_store.h"
#include "model/options.h"

namespace godwit::master {

// What makes of these counters those of a request that never met the files that failed: discovered
// = copied + skipped + vanished + special, nothing failed, nothing half copied. Of a request that
// has ended. Pure.
sdk::Counters without_failed(const sdk::Counters& counters);

// The paths of all files that failed, if the errors name every one of them and a run of these alone
// can bring what the request asks for; else nothing: only a run from the beginning can.
//
// An error but source_vanished is about a file that is counted as failed.
Result<std::optional<std::vector<std::string>>> failed_files(sdk::StateStore& store,
                                                             const sdk::Request& request,
                                                             const model::RequestOptions& options);

}  // namespace godwit::master
