// Following symlinks (options.symlinks: follow) without leaving a storage path.
//
// The kernel can confine a lookup (openat2), but refuses absolute links even where they lead back
// inside. So links are followed here, one component after the other, to a path that has none; what
// is then opened by that path is opened without following anything, whatever was swapped meanwhile.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace godwit::files {

// `path`, relative to the storage path (open as `storage`), with every link in it followed:
// relative again, "" for the storage path itself. Absolute links have to lead beneath
// `storage_path`, which is normalised. NotFound. EXDEV in `native`: it leads outside. ELOOP: more
// than 40 links.
Result<std::string> follow_links(int storage, const std::string& storage_path,
                                 std::string_view path);

}  // namespace godwit::files
