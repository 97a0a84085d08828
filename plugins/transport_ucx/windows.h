// The windows that a rail offers, and who may read them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>

#include "godwit/sdk/transport.h"
#include "handles.h"
#include "random.h"
#include "wire.h"

namespace godwit::transport_ucx {

// Memory of the caller, known to the fabric.
struct MappedRegion final : sdk::Region {
    MappedRegion(std::span<std::byte> bytes, MemoryPtr handle)
        : bytes{bytes}, handle{std::move(handle)} {}

    std::span<std::byte> bytes;
    MemoryPtr handle;
};

inline constexpr std::size_t kWindowsMax = std::size_t{1} << 20;

// Belongs to the rail's thread.
class Windows {
public:
    explicit Windows(Random& random) : random_{random} {}

    // InvalidArgument: outside of the region. NoMemory: kWindowsMax of them are open.
    sdk::Result<Key> open(const MappedRegion& region, std::size_t offset, std::size_t length,
                          sdk::Epoch epoch);
    void revoke(sdk::Epoch epoch) noexcept;

    struct Range {
        std::span<const std::byte> bytes;  // Empty: this key does not open this range.
        ucp_mem_h handle = nullptr;
    };
    Range find(const Key& key, std::uint64_t offset, std::uint64_t length) const noexcept;

private:
    struct Window {
        sdk::Epoch epoch = 0;
        Secret secret{};
        std::span<const std::byte> bytes;
        ucp_mem_h handle = nullptr;
    };

    Random& random_;
    std::unordered_map<std::uint64_t, Window> windows_;
    std::uint64_t last_window_ = 0;
};

// Whether [offset, offset + length) lies in [0, size), whatever the numbers are.
constexpr bool is_inside(std::uint64_t offset, std::uint64_t length, std::uint64_t size) noexcept {
    return offset <= size && length <= size - offset;
}

}  // namespace godwit::transport_ucx
