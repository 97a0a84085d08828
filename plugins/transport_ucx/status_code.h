// UCX's status in the SDK's words.
#pragma once

#include <ucs/type/status.h>

#include "godwit/sdk/result.h"

namespace godwit::transport_ucx {

// What an endpoint's or an operation's end means to the owner of the rail.
constexpr sdk::Code code_of(ucs_status_t status) noexcept {
    switch (status) {
    case UCS_OK: return sdk::Code::Ok;
    case UCS_ERR_CANCELED:
    case UCS_ERR_CONNECTION_RESET:
    case UCS_ERR_ENDPOINT_TIMEOUT:
    case UCS_ERR_IO_ERROR:
    case UCS_ERR_NOT_CONNECTED:
    case UCS_ERR_REJECTED:
    case UCS_ERR_TIMED_OUT:
    case UCS_ERR_UNREACHABLE: return sdk::Code::PeerLost;
    default: return sdk::Code::Internal;
    }
}

// What a call of UCX that makes something returned.
constexpr sdk::Code code_of_setup(ucs_status_t status) noexcept {
    switch (status) {
    case UCS_ERR_NO_DEVICE: return sdk::Code::NotFound;
    case UCS_ERR_NO_MEMORY: return sdk::Code::NoMemory;
    case UCS_ERR_INVALID_PARAM:
    case UCS_ERR_INVALID_ADDR: return sdk::Code::InvalidArgument;
    case UCS_ERR_UNSUPPORTED:
    case UCS_ERR_NOT_IMPLEMENTED: return sdk::Code::Unsupported;
    case UCS_ERR_BUSY:
    case UCS_ERR_UNREACHABLE: return sdk::Code::Unavailable;
    default: return sdk::Code::Internal;
    }
}

}  // namespace godwit::transport_ucx
