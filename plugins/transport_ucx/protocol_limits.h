// Limits that belong to the protocol between rails rather than to a site's settings.
#pragma once

#include <cstddef>

namespace godwit::transport_ucx {

// Far beyond any chunk, and far below where a length could overflow anything.
inline constexpr std::size_t kGetBytesMax = std::size_t{128} << 20;

// What a source answers at once to one peer. No peer may have more gets in flight
// (gets_in_flight_max is at most 1024), so one that asks for more is not of our kind.
inline constexpr std::size_t kAnswersPerPeerMax = 2048;

}  // namespace godwit::transport_ucx
