// Which files take part by their size and age.
#pragma once

#include <cstdint>
#include <optional>

#include "files/attributes.h"

namespace godwit::files {

// What a file must be like to take part. Each bound is in itself; absent ones admit everything.
struct Bounds {
    std::optional<std::uint64_t> min_size;  // Bytes; of regular files only.
    std::optional<std::uint64_t> max_size;
    std::optional<std::int64_t> modified_after_ns;   // Of everything but directories, which are
    std::optional<std::int64_t> modified_before_ns;  // there for what is in them. Since 1970.

    bool admits(const Attributes& attributes) const noexcept;
    bool operator==(const Bounds&) const = default;
};

}  // namespace godwit::files
