// `options` of a request: how a sync is done. docs/options.md tells operators of each.
//
// Defaults are the safe ones: nothing is deleted, nothing is replaced by another kind of thing,
// bytes are checked on their way. Values throughout; thread-compatible.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/reader.h"

namespace godwit::model {

class Writer;

enum class Compare : std::uint8_t { SizeMtime, Size, Checksum, Exists, Newer, Always };
enum class Delete : std::uint8_t { None, After };
enum class Durability : std::uint8_t { None, File, FileAndDirectory };
enum class Special : std::uint8_t { Skip, Copy };
enum class Symlinks : std::uint8_t { Preserve, Follow, Skip };
enum class Verify : std::uint8_t { Transfer, Readback, None };

// How much a delete may remove: so many entries, or such a share of what is at the destination.
struct DeleteLimit {
    std::uint64_t value = 50;
    bool is_percent = true;

    bool operator==(const DeleteLimit&) const = default;
};

struct RequestOptions {
    // Which files.
    // rsync's rules, "+ PATTERN" or "- PATTERN", as bytes; the first one that matches wins.
    std::vector<std::string> filters;
    std::optional<std::uint64_t> min_size_bytes;
    std::optional<std::uint64_t> max_size_bytes;
    std::optional<std::int64_t> modified_after_ms;  // Since 1970; the instant itself is in.
    std::optional<std::int64_t> modified_before_ms;
    Symlinks symlinks = Symlinks::Preserve;
    Special special = Special::Skip;
    bool copy_root = false;  // A directory goes to D/basename(S), as rsync's without a slash.
    bool dry_run = false;

    // What is the same already, and what gives way.
    Compare compare = Compare::SizeMtime;
    Delete delete_surplus = Delete::None;  // `delete`
    DeleteLimit max_delete;
    bool replace_type = false;

    // How much of a file.
    bool hardlinks = false;
    bool xattrs = false;
    bool acls = false;
    bool atime = false;
    bool sparse = true;

    // How it is written.
    bool inplace = false;
    Durability durability = Durability::None;
    Verify verify = Verify::Transfer;

    // How far it may go.
    std::int32_t priority = 0;               // Higher goes first.
    std::uint32_t max_workers = 0;           // That hold its work at once; 0: any number.
    std::uint32_t bandwidth_limit_mbps = 0;  // 10^6 bits a second, over all agents; 0: none.
    std::uint32_t max_attempts = 0;          // 0: the master's setting.
    std::uint64_t max_failures = 0;          // Files that may fail before it stops; 0: any.
    std::uint32_t mount_wait_seconds = 0;    // 0: the master's setting.

    bool operator==(const RequestOptions&) const = default;
};

inline constexpr std::size_t kFiltersMax = 1000;
inline constexpr std::size_t kFilterBytesMax = 4096;
// Of all filters together: every assignment carries them.
inline constexpr std::size_t kFiltersBytesMax = 128 << 10;
inline constexpr std::int64_t kPriorityMax = 1000;  // And as far below 0.
inline constexpr std::int64_t kMaxWorkersMax = 100'000;
inline constexpr std::int64_t kBandwidthLimitMbpsMax = 1'000'000'000;
inline constexpr std::int64_t kMaxAttemptsMax = 1000;
inline constexpr std::int64_t kMountWaitSecondsMax = 30 * 24 * 3600;

// The members of `options`, all of them, in the order of the struct, inside an object that the
// caller opened; and back, with a problem for each that is wrong or contradicts another one.
void write_options(Writer& json, const RequestOptions& options);
RequestOptions read_options(const Poco::Dynamic::Var& value, Location location,
                            std::vector<FieldError>& errors);

}  // namespace godwit::model
