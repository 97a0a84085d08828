// The one header that lets libfabric in: its handles as RAII, its errors as ours.
#pragma once

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>

#include <cassert>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "godwit/sdk/result.h"

namespace godwit::transport_libfabric {

// Every fid closes the same way, so one deleter serves all. Declare members parent first.
struct FidCloser {
    template <class Fid>
    void operator()(Fid* object) const noexcept {
        [[maybe_unused]] const int rc = fi_close(&object->fid);
        assert(rc == 0 && "closed before what refers to it");
    }
};
template <class Fid>
using FidPtr = std::unique_ptr<Fid, FidCloser>;

struct InfoFreer {
    void operator()(fi_info* info) const noexcept { fi_freeinfo(info); }
};
using InfoPtr = std::unique_ptr<fi_info, InfoFreer>;

inline constexpr std::uint32_t kFabricApi = FI_VERSION(1, 17);

// `rc` as libfabric returns it: negative.
inline sdk::Error fabric_error(std::string_view what, long rc,
                               sdk::Code code = sdk::Code::Unavailable) {
    return {code, std::string{what} + ": " + fi_strerror(static_cast<int>(-rc)),
            static_cast<std::int32_t>(rc)};
}

}  // namespace godwit::transport_libfabric
