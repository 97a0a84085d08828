// Going on inside of a range that an earlier attempt had begun.
#pragma once

#include <cstdint>
#include <vector>

#include "files/extents.h"
#include "transfer/delivery.h"
#include "transfer/source.h"
#include "transfer/waits.h"

namespace godwit::transfer {

using Extents = std::vector<files::Extent>;

// What of the range is not at the destination as it should be, in order; in pieces of this length
// (bytes), which should be what an attempt writes at once. Both sides read what is in question:
// cheaper than the way between them, and than writing.
Attempt<Extents> missing_of(Delivery& delivery, const SourceFile& file, const work::Range& range,
                            std::uint64_t piece_bytes, Waits& waits);

}  // namespace godwit::transfer
