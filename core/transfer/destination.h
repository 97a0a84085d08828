// The destination's side of one assignment: everything that touches its file system.
//
// The same for a source agent across the fabric (peer server) and for a source that is this agent
// itself (local copy), so that both have one meaning.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "files/publish.h"
#include "files/root.h"
#include "transfer/ledger.h"
#include "transfer/messages.h"
#include "transfer/source.h"

namespace godwit::transfer {

using Bytes = std::span<const std::byte>;

// Thread-safe: calls of one assignment run at once.
class Destination {
public:
    // Finds the storage path that the destination lies beneath; makes nothing yet. InvalidArgument
    // with ENODEV in `native`: this worker mounts no storage path above it. `ledger` outlives it.
    static Result<std::shared_ptr<Destination>> open(const peer::Open& open,
                                                     std::span<const std::string> storage_paths,
                                                     Ledger& ledger);

    // Removes the temporaries that nobody will come back for.
    ~Destination();

    peer::Opened::Found found() const noexcept { return found_; }

    peer::Viewed view(const peer::View& view);

    // Publishes the files of `files`, whose contents stand in `data`, one behind the other.
    // InvalidArgument: the lengths do not add up; nothing was done.
    Result<peer::FilesDone> write_files(const peer::Files& files, Bytes data);
    // The same for one entry, from a file of this machine; null for an entry without content.
    // Conflict: the source is not what was listed any more; nothing was published.
    Result<files::Applied> copy_file(const std::string& directory, const work::FileEntry& entry,
                                     const SourceFile* source);

    // Conflict: the file was published or given up meanwhile, so whoever asks has lost its lease.
    Status write_range(const peer::Range& range, Bytes data);
    // Copies the range from a descriptor of this machine. Fewer bytes: `source` ended early.
    Result<std::uint64_t> copy_range(const peer::Range& range, std::uint64_t length, int source);
    Status flush(const peer::Flush& flush);
    Result<files::Applied> publish(const peer::Publish& publish);
    peer::DirectoriesDone set_directories(const peer::Directories& directories);

private:
    struct SharedFile {
        base::UniqueFd directory;
        TemporaryPlace place;
        std::shared_ptr<Temporary> temporary;
        bool alone = false;
        std::optional<files::NewFile> file;
    };

    Destination() = default;

    Result<const files::Tree*> tree();
    // Opens the directory, and makes it with its parents where it is missing.
    Result<base::UniqueFd> enter(const std::string& path, std::uint32_t mode, bool& created);
    Result<base::UniqueFd> enter(const std::string& path);
    peer::DirectoryAnswer answer(const peer::DirectoryQuestion& question);
    void look_up(int directory, const peer::DirectoryQuestion& question,
                 peer::DirectoryAnswer& answer);
    Result<files::Applied> write_one(int directory, const work::FileEntry& entry, Bytes data);
    Result<std::shared_ptr<SharedFile>> shared_file(const peer::Range& range);
    // Null: nothing was written to it through this assignment.
    std::shared_ptr<SharedFile> take_shared_file(const std::string& directory,
                                                 const std::string& name, std::uint64_t temporary);
    Result<files::Applied> set_directory(const work::DirectoryAttributes& wanted);
    std::string target_name(const std::string& name) const;
    TemporaryPlace place_of(const std::string& directory, const std::string& name,
                            std::uint64_t temporary) const;

    RequestKey request_;
    std::string storage_path_;
    std::string root_;     // The directory that relative paths hang below.
    std::string renamed_;  // Not empty: the one file's name at the destination.
    files::Durability durability_ = files::Durability::None;
    std::uint64_t nonce_ = 0;  // In the names of this assignment's small temporaries.
    peer::Opened::Found found_ = peer::Opened::NOTHING;
    Ledger* ledger_ = nullptr;

    std::mutex mutex_;
    std::optional<files::Tree> tree_;                            // guarded by mutex_
    bool root_was_there_ = true;                                 // guarded by mutex_
    std::map<std::string, std::shared_ptr<SharedFile>> shared_;  // guarded by mutex_
};

}  // namespace godwit::transfer
