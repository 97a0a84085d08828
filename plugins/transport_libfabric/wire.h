// The two blobs that leave the process: a rail's address and a window's key.
//
// Both come back from other hosts, so decoding trusts nothing. All numbers are little endian.
//
//     address  "GWLF" version:8 wire:text8 endpoint:bytes8 probe:key checksum:32
//     key      version:8 address:64 length:64 key:64
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/sdk/transport.h"

namespace godwit::transport_libfabric {

// What fi_read needs to know of remote memory.
struct RemoteMemory {
    std::uint64_t address = 0;  // Of the window's first byte, as the provider counts.
    std::uint64_t length = 0;
    std::uint64_t key = 0;

    bool operator==(const RemoteMemory&) const = default;
};

struct RailAddress {
    std::string wire;                 // Transport::wire() of the rail.
    std::vector<std::byte> endpoint;  // As fi_getname() gives it; up to kEndpointBytesMax.
    RemoteMemory probe;               // A window to try the connection with.

    bool operator==(const RailAddress&) const = default;
};

inline constexpr std::size_t kEndpointBytesMax = 255;

std::vector<std::byte> encode(const RailAddress& address);
sdk::WindowKey encode(const RemoteMemory& window);

// Nothing: malformed, truncated, of another version, or damaged on the way.
std::optional<RailAddress> decode_address(sdk::ByteView blob);
std::optional<RemoteMemory> decode_key(const sdk::WindowKey& key);

}  // namespace godwit::transport_libfabric
