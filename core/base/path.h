// Paths as text: lexical, no file system involved. Bytes, never assumed to be UTF-8.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace godwit::base {

// "/a//b/./c/" is "/a/b/c", "/a/../b" is "/b". InvalidArgument, with the reason as the message:
// empty, relative, a NUL, or a ".." that climbs above the root.
Result<std::string> normalise_path(std::string_view path);

// Whether one is the other, or lies beneath it. Both normalised.
bool paths_overlap(std::string_view a, std::string_view b) noexcept;

}  // namespace godwit::base
