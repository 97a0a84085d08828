// Turns what a listing found into units: packs of small files, ranges of large ones, further
// listings, directory attributes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "godwit/sdk/types.h"
#include "model/options.h"
#include "model/progress.h"
#include "work.pb.h"

namespace godwit::agent {

// Bounds of one assignment's result.
inline constexpr int kFilesPerPack = 1024;
inline constexpr std::size_t kUnitsMax = 1024;

// Where a large file's data is: the first byte at or behind an offset that is not in a hole;
// nothing when all the rest is one.
using DataMap = std::function<std::optional<std::uint64_t>(std::uint64_t offset)>;
DataMap all_data();
// Of an open file; all of it where the request or the file has no holes to look for.
DataMap data_map(int fd, const work::FileEntry& entry, const model::RequestOptions& options);

// Thread-compatible. Everything it makes goes into the effects that the caller sends.
class UnitBuilder {
public:
    UnitBuilder(work::Roots roots, std::uint64_t chunk_bytes, sdk::Effects& effects)
        : roots_{roots}, chunk_bytes_{chunk_bytes}, effects_{effects} {
        links_.stage = model::kLinkStage;
    }

    // Whether the file is longer than a chunk.
    bool is_large(const work::FileEntry& entry) const noexcept;
    // Plans a file (or symlink, or special file) of the directory that is not large.
    void add_file(const std::string& directory, const work::FileEntry& entry);
    // Of a large one, the pieces that hold data.
    void add_large_file(const std::string& directory, const work::FileEntry& entry,
                        const DataMap& data);
    // Goes on from where an earlier listing stopped.
    void continue_large_file(work::FileCursor cursor, const DataMap& data);
    // A hard link to what is copied meanwhile.
    void add_link(const std::string& directory, const work::FileEntry& entry);
    void add_directory(const std::string& path, const work::Attributes& attributes);
    // What the master judges when all copies have ended: whether the removals may go.
    void add_delete_verdict();
    // Removes what is surplus in a part of a directory. Parts of one directory come in order.
    void add_removal(work::Removal removal);
    // What this assignment did not get to; cut into several listings, so that others can help.
    void add_rest(std::vector<work::DirectoryCursor> directories);
    // Of a list of files.
    void add_rest(const work::Listing& list);

    // Whether the result is as long as it should get.
    bool is_full() const noexcept { return effects_.units.size() + removals_.size() >= kUnitsMax; }
    // Closes what is open. Call once, last.
    void finish();

private:
    // Files of one pack that is being filled.
    struct OpenPack {
        std::uint32_t stage = 0;
        work::Pack pack;
        int files = 0;
        std::uint64_t bytes = 0;
        std::size_t described = 0;  // Bytes of paths and attributes.
    };
    // Removals at one depth, in one unit that is being filled.
    struct OpenRemovals {
        work::Removals removals;
        std::size_t described = 0;  // Bytes of paths and names.
    };

    void add_to(OpenPack& pack, const std::string& directory, const work::FileEntry& entry);
    void close(OpenPack& pack);
    void close_directories();
    void close(std::uint32_t depth, OpenRemovals& open);
    void append(sdk::UnitKind kind, work::Work work, sdk::Unit unit);
    work::Work new_work() const;

    const work::Roots roots_;
    const std::uint64_t chunk_bytes_;
    sdk::Effects& effects_;
    OpenPack files_;
    OpenPack links_;
    std::vector<work::FileCursor> large_rest_;
    // Deepest first: a directory is finished after what is in it.
    std::multimap<std::uint32_t, work::DirectoryAttributes, std::greater<>> directories_;
    std::map<std::uint32_t, OpenRemovals> removals_;  // By depth.
};

std::uint32_t depth_of(const std::string& path) noexcept;

}  // namespace godwit::agent
