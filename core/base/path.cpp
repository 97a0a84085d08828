#include "base/path.h"

#include <vector>

#include "godwit/sdk/types.h"

namespace godwit::base {

Result<std::string> normalise_path(std::string_view path) {
    if (path.empty()) return Error{Code::InvalidArgument, "a path must not be empty"};
    if (path.find('\0') != std::string_view::npos) {
        return Error{Code::InvalidArgument, "a path must not contain a NUL byte"};
    }
    if (path.front() != '/') {
        return Error{Code::InvalidArgument, "a path must be absolute (begin with '/')"};
    }
    std::vector<std::string_view> parts;
    for (std::size_t start = 1; start <= path.size();) {
        std::size_t end = path.find('/', start);
        if (end == std::string_view::npos) end = path.size();
        const std::string_view part = path.substr(start, end - start);
        start = end + 1;
        if (part.empty() || part == ".") continue;
        if (part != "..") {
            parts.push_back(part);
        } else if (!parts.empty()) {
            parts.pop_back();
        } else {
            return Error{Code::InvalidArgument, "a path must not climb above '/' with '..'"};
        }
    }
    if (parts.empty()) return std::string{"/"};
    std::string normalised;
    normalised.reserve(path.size());
    for (const std::string_view part : parts) {
        normalised += '/';
        normalised += part;
    }
    return normalised;
}

bool paths_overlap(std::string_view a, std::string_view b) noexcept {
    return sdk::is_beneath(a, b) || sdk::is_beneath(b, a);
}

}  // namespace godwit::base
