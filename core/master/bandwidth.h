// How much of a request's bandwidth limit a worker may use. Pure.
#pragma once

#include <cstdint>

#include "godwit/sdk/types.h"
#include "model/options.h"

namespace godwit::master {

// How many workers send for the request, `self` among them whether it holds leases yet or not.
inline std::size_t senders_of(const sdk::Request& request, const sdk::WorkerId& self) {
    return request.holders.size() + (request.holders.contains(self) ? 0 : 1);
}

// The bytes a second that each of so many workers may send; 0: there is no limit.
constexpr std::uint64_t share_of(const model::RequestOptions& options,
                                 std::size_t workers) noexcept {
    constexpr std::uint64_t kBytesPerMegabit = 1'000'000 / 8;
    if (options.bandwidth_limit_mbps == 0) return 0;
    const std::uint64_t share = options.bandwidth_limit_mbps * kBytesPerMegabit / workers;
    return share > 0 ? share : 1;  // However many they are, nobody is let go without a limit.
}

}  // namespace godwit::master
