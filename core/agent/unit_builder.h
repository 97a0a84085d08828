// Turns what a listing found into units: packs of small files, ranges of large ones, further
// listings, directory attributes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "godwit/sdk/types.h"
#include "work.pb.h"

namespace godwit::agent {

// Bounds of one assignment's result.
inline constexpr int kFilesPerPack = 1024;
inline constexpr std::size_t kUnitsMax = 1024;

// Thread-compatible. Everything it makes goes into the effects that the caller sends.
class UnitBuilder {
public:
    UnitBuilder(work::Roots roots, std::uint64_t chunk_bytes, sdk::Effects& effects)
        : roots_{roots}, chunk_bytes_{chunk_bytes}, effects_{effects} {}

    // Plans a file (or symlink) of the directory.
    void add_file(const std::string& directory, const work::FileEntry& entry);
    // Goes on with a large file from where an earlier listing stopped.
    void add_large_file(const work::FileCursor& cursor);
    void add_directory(const std::string& path, const work::Attributes& attributes);
    // What this assignment did not get to; cut into several listings, so that others can help.
    void add_rest(std::vector<work::DirectoryCursor> directories);

    // Whether the result is as long as it should get.
    bool is_full() const noexcept { return effects_.units.size() >= kUnitsMax; }
    // Closes what is open. Call once, last.
    void finish();

private:
    void close_pack();
    void close_directories();
    void append(sdk::UnitKind kind, work::Work work, sdk::Unit unit);
    work::Work new_work() const;

    const work::Roots roots_;
    const std::uint64_t chunk_bytes_;
    sdk::Effects& effects_;
    work::Pack pack_;
    int pack_files_ = 0;
    std::uint64_t pack_bytes_ = 0;
    std::vector<work::FileCursor> large_rest_;
    // Deepest first: a directory is finished after what is in it.
    std::multimap<std::uint32_t, work::DirectoryAttributes, std::greater<>> directories_;
};

std::uint32_t depth_of(const std::string& path) noexcept;

}  // namespace godwit::agent
