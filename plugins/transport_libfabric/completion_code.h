// What a provider's error number means to a caller.
#pragma once

#include "godwit/sdk/result.h"

namespace godwit::transport_libfabric {

// `error`: a positive FI_E… number.
sdk::Code code_of(int error) noexcept;

}  // namespace godwit::transport_libfabric
