#include "completion_code.h"

#include "fabric_handles.h"

namespace godwit::transport_libfabric {

sdk::Code code_of(int error) noexcept {
    switch (error) {
    case FI_EACCES:
    case FI_EPERM:
    case FI_EKEYREJECTED:
    case FI_ENOKEY: return sdk::Code::BadKey;
    case FI_EFAULT:
    case FI_EINVAL:
    case FI_EMSGSIZE:
    case FI_ENOMEM:
    case FI_ETRUNC: return sdk::Code::Internal;
    // A reset, a refusal, an unplugged cable and a device's own "input/output error": the caller
    // goes to another peer or rail in each case.
    default: return sdk::Code::PeerLost;
    }
}

}  // namespace godwit::transport_libfabric
