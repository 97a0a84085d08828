// Lists of files, relative to the source of a request: as clients write them, and packed into one
// text, which the store keeps beside the request and listings of named files carry.
//
// Packed, it is the magic "GFL1", 'L' or, for another attempt, 'R', and then each path with a NUL
// behind it; a '/' before the NUL marks one that another entry covers. No frame of zstd, which is
// what agents' own payloads are, begins like that. Pure functions over bytes; paths are not assumed
// to be UTF-8.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace godwit::model {

inline constexpr std::size_t kListedPathsMax = 1'000'000;
inline constexpr std::size_t kListedPathBytesMax = 64 << 10;

// An entry of a list as it is kept: "a//./b/" is "a/b", "a/../b" is "b", "." is "" (the source
// itself), and "/data/a" is "a" when the source is "/data" (normalised; or empty, when it is not
// known). InvalidArgument, with the reason as the message: empty, a NUL, too long, a ".." that
// climbs out of the source, not beneath it.
Result<std::string> listed_path(std::string_view entry, std::string_view source_path);

// In the order of a walk: what is beneath a path follows it at once. Each path once.
void sort_file_list(std::vector<std::string>& paths);

struct FileList {
    // They failed in an earlier attempt, and were planned then.
    bool again = false;
    // To be walked, or copied, each on its own. "" is the source itself.
    std::vector<std::string> paths;
    // Beneath one of the list that comes before, perhaps in an earlier slice: the walk of that one
    // meets them, unless they are missing, or it, or a folder between, is no directory but a
    // symlink. So only to be looked at; what the walk cannot meet is then as one of `paths`.
    std::vector<std::string> covered;
};

// `paths`, relative and normalised (listed_path), in any order.
std::string pack_file_list(std::span<const std::string> paths, bool again = false);

// Whether these bytes are a packed list, rather than another payload.
bool is_file_list(std::string_view bytes) noexcept;

// InvalidArgument for everything that pack_file_list() or slice_file_list() cannot have made.
Result<FileList> unpack_file_list(std::string_view packed);

// Cuts a list into lists of up to `bytes_max` packed bytes (or of one path), which together have
// its paths, in order. None when there are no paths.
std::vector<std::string> slice_file_list(std::string_view packed, std::size_t bytes_max);

}  // namespace godwit::model
