#include "model/file_list.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/path.h"
#include "godwit/sdk/types.h"

namespace godwit::model {
namespace {

constexpr std::string_view kMagic = "GFL1";
constexpr char kAsked = 'L';
constexpr char kAgain = 'R';
constexpr std::size_t kHeadBytes = kMagic.size() + 1;

Error refuse(std::string message) {
    return Error{Code::InvalidArgument, std::move(message)};
}

// '/' before all other bytes: "a/b" follows "a" at once, and "a.b" comes behind both.
bool is_before(std::string_view a, std::string_view b) noexcept {
    const std::size_t common = std::min(a.size(), b.size());
    std::size_t i = 0;
    while (i < common && a[i] == b[i]) ++i;
    if (i == a.size() || i == b.size()) return a.size() < b.size();
    if (a[i] == '/' || b[i] == '/') return a[i] == '/';
    return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[i]);
}

bool is_sorted(std::span<const std::string> paths) noexcept {
    for (std::size_t i = 1; i < paths.size(); ++i) {
        if (!is_before(paths[i - 1], paths[i])) return false;
    }
    return true;
}

// Both relative and normalised, and not the same.
bool is_under(std::string_view path, std::string_view above) noexcept {
    return above.empty() ||
           (path.size() > above.size() && path.starts_with(above) && path[above.size()] == '/');
}

bool is_normal(std::string_view path) noexcept {
    while (!path.empty()) {
        const std::size_t slash = path.find('/');
        const std::string_view part = path.substr(0, slash);
        if (part.empty() || part == "." || part == "..") return false;
        if (slash == std::string_view::npos) return true;
        path.remove_prefix(slash + 1);
        if (path.empty()) return false;
    }
    return true;
}

}  // namespace

Result<std::string> listed_path(std::string_view entry, std::string_view source_path) {
    if (entry.empty()) return refuse("is empty (the source itself is '.')");
    if (entry.size() > kListedPathBytesMax) {
        return refuse("is longer than " + std::to_string(kListedPathBytesMax) + " bytes");
    }
    if (entry.find('\0') != std::string_view::npos) return refuse("has a NUL byte");
    if (is_normal(entry)) return std::string{entry};  // As nearly all of a long list are.
    const bool absolute = entry.front() == '/';
    auto path =
        absolute ? base::normalise_path(entry) : base::normalise_path("/" + std::string{entry});
    if (!path) return refuse("climbs out of the source with '..'");
    std::size_t skipped = 1;
    if (absolute) {
        if (!sdk::is_beneath(*path, source_path)) {
            return refuse("lies not beneath the source '" + base::printable(source_path) + "'");
        }
        skipped = source_path == "/" ? 1 : source_path.size() + 1;
    }
    path->erase(0, skipped);
    return path;
}

void sort_file_list(std::vector<std::string>& paths) {
    if (is_sorted(paths)) return;
    std::sort(paths.begin(), paths.end(), is_before);
    paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
}

std::string pack_file_list(std::span<const std::string> paths, bool again) {
    std::vector<std::string> sorted;
    if (!is_sorted(paths)) {
        sorted.assign(paths.begin(), paths.end());
        sort_file_list(sorted);
        paths = sorted;
    }
    std::size_t bytes = kHeadBytes;
    for (const std::string& path : paths) bytes += path.size() + 2;
    std::string packed;
    packed.reserve(bytes);
    packed.append(kMagic).push_back(again ? kAgain : kAsked);
    const std::string* above = nullptr;
    for (const std::string& path : paths) {
        packed += path;
        if (above != nullptr && is_under(path, *above)) {
            packed += '/';
        } else {
            above = &path;
        }
        packed += '\0';
    }
    return packed;
}

bool is_file_list(std::string_view bytes) noexcept {
    return bytes.size() >= kHeadBytes && bytes.starts_with(kMagic) &&
           (bytes[kMagic.size()] == kAsked || bytes[kMagic.size()] == kAgain);
}

Result<FileList> unpack_file_list(std::string_view packed) {
    if (!is_file_list(packed)) return refuse("not a packed list of files");
    FileList list;
    list.again = packed[kMagic.size()] == kAgain;
    packed.remove_prefix(kHeadBytes);
    while (!packed.empty()) {
        const std::size_t end = packed.find('\0');
        if (end == std::string_view::npos) return refuse("a packed list of files is cut short");
        std::string_view path = packed.substr(0, end);
        packed.remove_prefix(end + 1);
        const bool covered = path.ends_with('/');
        if (covered) path.remove_suffix(1);
        if (!is_normal(path) || path.size() > kListedPathBytesMax || (covered && path.empty())) {
            return refuse("a packed list of files has the path '" + base::printable(path, 256) +
                          "'");
        }
        if (list.paths.size() + list.covered.size() == kListedPathsMax) {
            return refuse("a packed list of files has more than " +
                          std::to_string(kListedPathsMax) + " paths");
        }
        (covered ? list.covered : list.paths).emplace_back(path);
    }
    return list;
}

std::vector<std::string> slice_file_list(std::string_view packed, std::size_t bytes_max) {
    std::vector<std::string> slices;
    if (!is_file_list(packed)) return slices;
    const std::string_view head = packed.substr(0, kHeadBytes);
    packed.remove_prefix(kHeadBytes);
    const std::size_t room = bytes_max > kHeadBytes ? bytes_max - kHeadBytes : 0;
    while (!packed.empty()) {
        const std::size_t last = packed.substr(0, room).rfind('\0');
        const std::size_t end = last != std::string_view::npos ? last : packed.find('\0');
        const std::string_view slice = packed.substr(0, end + 1);  // npos + 1 is 0
        if (slice.empty()) break;
        slices.emplace_back(head).append(slice);
        packed.remove_prefix(slice.size());
    }
    return slices;
}

}  // namespace godwit::model
