// What lets an agent touch a path: signed by the master for one assignment, checked by the
// destination before it opens anything.
//
// "<expiry, Unix seconds>.<HMAC-SHA-256, hex>" over request, generation, both workers and the
// destination path. Without a secret a ticket proves nothing; agents accept that only where the
// configuration says so (loopback, or `insecure: true`).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"

namespace godwit::base {

struct TicketClaim {
    std::string request_id;
    std::uint64_t generation = 0;
    std::string source_worker;
    std::string destination_worker;
    std::string destination_path;
};

std::string sign_ticket(const Secret& secret, const TicketClaim& claim, WallTime expiry);

// InvalidArgument: not signed with this secret for this claim, or expired.
Status check_ticket(const Secret& secret, const TicketClaim& claim, std::string_view ticket,
                    WallTime now);

}  // namespace godwit::base
