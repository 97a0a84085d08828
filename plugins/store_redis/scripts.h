// The Lua scripts, one per operation. Their text stands in scripts/*.lua and is embedded by the
// build.
#pragma once

#include <string_view>

namespace godwit::store_redis {

struct Script {
    std::string_view name;
    std::string_view sha1;  // By which a server that has seen the text knows it.
    std::string_view text;
};

// Of one request. They take all of its keys, in the order of prelude.lua, which they start with.
extern const Script kCreate;
extern const Script kGet;
extern const Script kTransition;
extern const Script kRemove;
extern const Script kErrors;
extern const Script kAttachment;
extern const Script kClaim;
extern const Script kComplete;
extern const Script kFail;
extern const Script kRenew;
extern const Script kReap;
extern const Script kLeases;

// Of the index of requests, of the workers, and of the server.
extern const Script kIndexAnnounce;
extern const Script kIndexSettle;
extern const Script kWorkerUpsert;
extern const Script kWorkers;
extern const Script kEpoch;

}  // namespace godwit::store_redis
