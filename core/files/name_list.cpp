#include "files/name_list.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace godwit::files {
namespace {

// The first block is small, since most directories are; the largest wastes little of its own size.
constexpr std::size_t kFirstBlockBytes = 1 << 10;
constexpr std::size_t kLargestBlockBytes = 1 << 20;

// strcmp() compares bytes as unsigned, as std::string_view does.
bool is_before(const char* a, const char* b) noexcept {
    return std::strcmp(a, b) < 0;
}

}  // namespace

char* NameList::take(std::size_t bytes) {
    if (blocks_.empty() || left_ < bytes) {  // Empty also when the list was moved from.
        const std::size_t doublings = std::min<std::size_t>(blocks_.size(), 10);
        left_ = std::max(std::min(kFirstBlockBytes << doublings, kLargestBlockBytes), bytes);
        // Uninitialised: what is not used is no memory yet.
        blocks_.push_back(std::make_unique_for_overwrite<char[]>(left_));
        free_ = blocks_.back().get();
    }
    left_ -= bytes;
    return std::exchange(free_, free_ + bytes);
}

void NameList::add(std::string_view name) {
    char* const place = take(name.size() + 1);
    name.copy(place, name.size());
    place[name.size()] = '\0';
    names_.push_back(place);
}

void NameList::sort() {
    std::sort(names_.begin(), names_.end(), is_before);
}

std::size_t NameList::upper_bound(const std::string& name) const noexcept {
    const auto place = std::upper_bound(names_.begin(), names_.end(), name.c_str(), is_before);
    return static_cast<std::size_t>(place - names_.begin());
}

}  // namespace godwit::files
