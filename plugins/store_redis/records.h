// The values of the interface as the scripts take and give them.
//
// What comes back was written by the scripts, but a server is outside: whatever does not look as it
// should is an Internal error, never a crash.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec.h"
#include "connection.h"
#include "godwit/sdk/result.h"
#include "godwit/sdk/types.h"

namespace godwit::store_redis {

std::string to_hex(std::uint64_t number);

void pack(Packer& packer, const sdk::Unit& unit);
void pack(Packer& packer, std::span<const sdk::Unit> units);
void pack(Packer& packer, const sdk::LeaseRef& lease);     // Three items.
void pack(Packer& packer, const sdk::Counters& counters);  // Names and values of those not 0.
std::string pack_error(const sdk::FileError& error);
std::string pack_worker(const sdk::Worker& worker);

sdk::Result<sdk::FileError> read_error(std::string_view record);
sdk::Result<sdk::Worker> read_worker(const std::string& id, std::string_view record);
sdk::Result<sdk::Lease> read_lease(const Reply& described);
sdk::Result<std::vector<sdk::Lease>> read_leases(const Reply& list);
sdk::Result<sdk::Outcome> read_outcome(const Reply& word);

// What the scripts show of a request, and what the plugin needs beside.
struct Shown {
    sdk::Request request;
    std::string member;        // Its entry in the index.
    std::uint64_t now_us = 0;  // The server's clock.
};
sdk::Result<Shown> read_shown(const sdk::RequestId& id, const Reply& shown);

// Decimal text; Internal when it is none.
sdk::Result<std::uint64_t> read_number(std::string_view text);

sdk::Error malformed(std::string_view what);

}  // namespace godwit::store_redis
