// Changes to a request, as they come over the wire.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "cluster_in_memory.h"
#include "model/sync_patch.h"

namespace godwit::master {

// With these members of "options".
inline model::SyncPatch patch_of(const std::string& options) {
    const auto patch = model::parse_sync_patch(R"({"options":{)" + options + "}}");
    EXPECT_TRUE(patch.ok());
    return patch.document.value_or(model::SyncPatch{});
}

}  // namespace godwit::master
