// Special files: FIFOs, sockets and devices, which have a type, a number perhaps, and no content.
#pragma once

#include <cstdint>
#include <string>

#include "files/attributes.h"
#include "files/publish.h"

namespace godwit::files {

// Makes one under its temporary name, closed to everybody, gives it its attributes and renames it
// over what is there (not a directory: EISDIR in `native`). Opens it never. A device gets
// `wanted.device_number`; who may not make devices (they need CAP_MKNOD) gets EPERM. A socket is a
// name only: nobody listens at it.
// InvalidArgument: `wanted.type` is none of theirs.
Result<Applied> publish_node(int directory, const std::string& name, const Attributes& wanted,
                             std::uint64_t generation, const Finish& finish = {},
                             Times times = Times::Modified);

}  // namespace godwit::files
