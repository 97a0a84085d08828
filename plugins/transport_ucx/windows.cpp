#include "windows.h"

#include <string>

namespace godwit::transport_ucx {

sdk::Result<Key> Windows::open(const MappedRegion& region, std::size_t offset, std::size_t length,
                               sdk::Epoch epoch) {
    if (!is_inside(offset, length, region.bytes.size())) {
        return sdk::Error{sdk::Code::InvalidArgument,
                          "export a window: " + std::to_string(offset) + "+" +
                              std::to_string(length) + " is outside of the region's " +
                              std::to_string(region.bytes.size()) + " bytes"};
    }
    if (windows_.size() >= kWindowsMax) {
        return sdk::Error{sdk::Code::NoMemory, "export a window: " + std::to_string(kWindowsMax) +
                                                   " are open; revoke epochs that are done"};
    }
    Key key{++last_window_, epoch, {}};
    random_.fill(key.secret);
    windows_[key.window] = {epoch, key.secret, region.bytes.subspan(offset, length),
                            region.handle.get()};
    return key;
}

void Windows::revoke(sdk::Epoch epoch) noexcept {
    std::erase_if(windows_, [&](const auto& entry) { return entry.second.epoch == epoch; });
}

Windows::Range Windows::find(const Key& key, std::uint64_t offset,
                             std::uint64_t length) const noexcept {
    const auto found = windows_.find(key.window);
    if (found == windows_.end()) return {};
    const Window& window = found->second;
    if (window.epoch != key.epoch || !is_equal(window.secret, key.secret)) return {};
    if (!is_inside(offset, length, window.bytes.size())) return {};
    return {window.bytes.subspan(offset, length), window.handle};
}

}  // namespace godwit::transport_ucx
