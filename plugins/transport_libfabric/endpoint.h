// One RDM endpoint with a queue and an address table of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fabric_handles.h"
#include "godwit/sdk/transport.h"

namespace godwit::transport_libfabric {

// What the endpoints of a rail have in common. Immutable after open().
struct Fabric {
    InfoPtr info;
    FidPtr<fid_fabric> fabric;
    FidPtr<fid_domain> domain;

    static sdk::Result<Fabric> open(InfoPtr info);
    bool needs(int mr_mode_bit) const noexcept {
        return (info->domain_attr->mr_mode & mr_mode_bit) != 0;
    }
};

// An operation that ended. `context` is the one it was posted with; null where the provider lost it
// (shm does when a peer dies). `error` is 0 or an FI_E… number, always positive.
struct Completion {
    void* context = nullptr;
    int error = 0;
};

// Owned by the rail's thread. After its destruction the fabric touches no memory on behalf of what
// was posted here, and no context either: that is how a peer is given up, since no provider can
// cancel a read.
class Endpoint {
public:
    enum class Wait : std::uint8_t { Descriptor, None };

    // Ready for operations. Unsupported: the provider has no wait descriptors (try Wait::None).
    static sdk::Result<Endpoint> open(const Fabric& fabric, std::size_t completions_max, Wait wait);

    sdk::Result<std::vector<std::byte>> name() const;

    // A peer's name may be inserted several times. None is ever taken out: shm would unmap what the
    // peer may be using just then, and crash.
    sdk::Result<fi_addr_t> insert(sdk::ByteView name);
    fid_ep* get() const noexcept { return endpoint_.get(); }
    int wait_fd() const noexcept { return wait_fd_; }

    // Makes progress; how many entries of `out` it filled, or the error that the queue itself has.
    struct Progress {
        std::size_t count = 0;
        int queue_error = 0;  // An FI_E… number: no operation failed, but the device.
    };
    Progress progress(std::span<Completion> out);

    // True: sleeping on wait_fd() misses nothing.
    bool may_sleep(const Fabric& fabric);

private:
    static sdk::Result<Endpoint> open_once(const Fabric& fabric, std::size_t completions_max,
                                           Wait wait);

    struct Inserted {
        std::vector<std::byte> name;
        fi_addr_t address = FI_ADDR_UNSPEC;
    };

    FidPtr<fid_av> addresses_;
    FidPtr<fid_cq> queue_;
    FidPtr<fid_ep> endpoint_;  // Closed first: it refers to both.
    int wait_fd_ = -1;         // The queue's.
    std::vector<Inserted> inserted_;
};

}  // namespace godwit::transport_libfabric
