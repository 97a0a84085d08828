// What a request becomes in the store when it comes in, and what it begins with. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "godwit/sdk/state_store.h"
#include "model/sync_request.h"

namespace godwit::master {

// The path that is written to: with copy_root a folder, or a file, of the source's name in the
// destination that was asked for.
std::string effective_destination(const model::SyncRequest& request);

sdk::NewRequest new_request(const model::SyncRequest& request);

// One listing, of the source itself; or, where the request came with a list of files (its
// attachment in the store), one for each slice of that.
std::vector<sdk::Unit> first_units(const std::string& source_path, std::string_view attachment);
// A listing for each slice of a packed list of files (model/file_list.h).
std::vector<sdk::Unit> list_units(const std::string& source_path, std::string_view packed);

}  // namespace godwit::master
