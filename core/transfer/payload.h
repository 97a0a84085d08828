// A unit's payload: a Work message, compressed, as master and store carry it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "work.pb.h"

namespace godwit::transfer {

// The longest Work that open_payload() unpacks: what comes from outside is never trusted for size.
inline constexpr std::size_t kWorkBytesMax = 16 << 20;

// The result may exceed sdk::kPayloadBytesMax only if the Work is built beyond the limits of its
// planner; then InvalidArgument.
Result<std::string> seal_payload(const work::Work& work);
Result<work::Work> open_payload(std::string_view payload);

}  // namespace godwit::transfer
