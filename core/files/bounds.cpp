#include "files/bounds.h"

namespace godwit::files {

bool Bounds::admits(const Attributes& attributes) const noexcept {
    if (attributes.type == EntryType::Directory) return true;
    if (attributes.type == EntryType::File) {
        if (min_size && attributes.size < *min_size) return false;
        if (max_size && attributes.size > *max_size) return false;
    }
    if (modified_after_ns && attributes.mtime_ns < *modified_after_ns) return false;
    return !modified_before_ns || attributes.mtime_ns <= *modified_before_ns;
}

}  // namespace godwit::files
