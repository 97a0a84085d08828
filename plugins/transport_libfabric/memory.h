// Registered memory of a rail, and the windows that it opens on it.
#pragma once

#include <sys/resource.h>

#include <cstddef>
#include <deque>
#include <map>
#include <span>
#include <utility>

#include "endpoint.h"
#include "fabric_handles.h"
#include "godwit/sdk/transport.h"
#include "wire.h"

namespace godwit::transport_libfabric {

inline constexpr std::size_t kWindowsMax = 65536;  // Of one rail.

struct RegisteredRegion final : sdk::Region {
    std::span<std::byte> memory;
    FidPtr<fid_mr> local;        // Null where the provider needs no registration for targets.
    void* descriptor = nullptr;  // What fi_read wants of it.
};

// Whether the process may lock `bytes` in total. NoMemory: it may not; says which limit to raise.
sdk::Status check_lockable(std::size_t bytes, ::rlim_t limit, bool is_privileged);

// Owned by the rail's thread; lives after the rail's endpoints and before its domain.
class Memory {
public:
    explicit Memory(const Fabric& fabric) : fabric_{fabric} {}

    sdk::Result<RegisteredRegion*> add_region(std::span<std::byte> memory);

    // Registers exactly the window, so that its key opens nothing beside it. The same window of the
    // same epoch is registered once.
    sdk::Result<RemoteMemory> open_window(const RegisteredRegion& region, std::size_t offset,
                                          std::size_t length, sdk::Epoch epoch);
    void revoke(sdk::Epoch epoch);

private:
    using Extent = std::pair<const std::byte*, std::size_t>;
    struct Window {
        FidPtr<fid_mr> registration;
        RemoteMemory remote;
    };

    sdk::Result<FidPtr<fid_mr>> register_for(std::span<std::byte> memory, std::uint64_t access);
    sdk::Status check_limit(std::size_t more_bytes) const;
    bool pins_memory() const noexcept;

    const Fabric& fabric_;
    std::size_t locked_bytes_ = 0;
    std::size_t window_count_ = 0;
    std::deque<RegisteredRegion> regions_;  // Addresses are stable.
    std::map<sdk::Epoch, std::map<Extent, Window>> windows_;
};

}  // namespace godwit::transport_libfabric
