// The destination's side of one assignment: everything that touches its file system.
//
// The same for a source agent across the fabric (peer server) and for a source that is this agent
// itself (local copy), so that both have one meaning. In files by subject: destination.cpp opens
// and enters, destination_view.cpp answers questions, destination_files.cpp writes whole entries,
// destination_ranges.cpp large files, destination_folders.cpp finishes directories and deletes.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "files/listing.h"
#include "files/publish.h"
#include "files/root.h"
#include "transfer/ledger.h"
#include "transfer/link_registry.h"
#include "transfer/messages.h"
#include "transfer/source.h"

namespace godwit::transfer {

using Bytes = std::span<const std::byte>;

// What became of one entry that could be written.
struct Written {
    peer::Losses losses;
    bool unchanged = false;  // It was as it should be already.
};

// Thread-safe: calls of one assignment run at once.
class Destination {
public:
    // True once whoever has this written was given up: others may do its work by then. Thread-safe,
    // and asked before each entry that appears, changes or goes.
    using IsGivenUp = std::function<bool()>;

    // Finds the storage path that the destination lies beneath; makes nothing yet. InvalidArgument
    // with ENODEV in `native`: this worker mounts no storage path above it. `ledger` outlives it.
    static Result<std::shared_ptr<Destination>> open(const peer::Open& open,
                                                     std::span<const std::string> storage_paths,
                                                     Ledger& ledger, IsGivenUp is_given_up = {});

    // Removes the temporaries that nobody will come back for.
    ~Destination();

    // What is at the destination, and what this agent can do there.
    const peer::Opened& opened() const noexcept { return opened_; }

    peer::Viewed view(const peer::View& view);
    peer::DigestsDone digests(const peer::Digests& digests);

    // Publishes the files of `files`, whose contents stand in `data`, one behind the other.
    // InvalidArgument: the lengths do not add up; nothing was done. Internal with EIO in `native`:
    // what was read back is not what was written; files may have been published. Cancelled: it was
    // given up meanwhile, and what had not appeared will not.
    Result<peer::FilesDone> write_files(const peer::Files& files, Bytes data);
    // The same for one entry, from a file of this machine; null for an entry without content.
    // Conflict: the source is not what was listed any more; nothing was published. Cancelled: as
    // above.
    Result<Written> copy_file(const std::string& directory, const work::FileEntry& entry,
                              const SourceFile* source);

    // Conflict: the file was published or given up meanwhile, so whoever asks has lost its lease.
    Status write_range(const peer::Range& range, Bytes data);
    // Copies the range from a descriptor of this machine. Fewer bytes: `source` ended early.
    Result<std::uint64_t> copy_range(const peer::Range& range, std::uint64_t length,
                                     const SourceFile& source);
    Status flush(const peer::Flush& flush);
    Result<Written> publish(const peer::Publish& publish);

    peer::DirectoriesDone set_directories(const peer::Directories& directories);
    peer::Removed remove(const peer::Remove& remove);

private:
    struct SharedFile {
        base::UniqueFd directory;
        TemporaryPlace place;
        std::shared_ptr<Temporary> temporary;
        bool alone = false;
        std::optional<files::NewFile> file;
    };

    Destination() = default;

    // destination.cpp
    // Cancelled: it was given up.
    Status check_wanted() const;
    Result<const files::Tree*> tree();
    // Opens the directory; makes it, with its parents, where it is missing and `make`.
    struct Entered {
        base::UniqueFd directory;
        bool created = false;
    };
    Result<Entered> enter(const std::string& path, std::uint32_t mode, bool make);
    Result<base::UniqueFd> enter(const std::string& path);
    Result<files::Made> make_directory(int parent, const std::string& name, std::uint32_t mode);
    // Where the request wants names to be on the medium, too.
    Status sync_folder(int directory) const;
    // Of a root that was made, the folders above it.
    Status sync_above_root() const;
    std::string target_path(const std::string& path) const;
    std::string target_name(const std::string& name) const;
    // Lets its owner in where the mode does not.
    Result<base::UniqueFd> open_directory(const std::string& path);
    // Lets the owner, who this is, do everything in a directory that denies it: its mode is set
    // when the request comes to its end. False: it would not help, or nobody would set it.
    bool open_up(int directory) const;
    // Calls `put`, which is to bring a directory (or anything else) to the name; again where the
    // folder was closed to its owner. Where something of another kind has it, and the request says
    // so, that goes aside before `put` is called again; it is removed when that has succeeded, and
    // comes back else.
    enum class Kind : std::uint8_t { Directory, Other };
    template <class Put>
    auto replacing(int directory, const std::string& name, Kind kind, Put&& put) {
        auto done = put();
        if (!done && done.error().native == EACCES && open_up(directory)) done = put();
        if (done || !gives_way(done.error())) return done;
        const Result<std::string> aside = put_aside(directory, name, kind);
        if (!aside) return decltype(done){aside.error()};
        done = put();
        if (!aside->empty()) end_aside(directory, name, *aside, done.ok());
        return done;
    }
    bool gives_way(const Error& why) const noexcept;
    // What a dry run takes for missing: it is, or would give way.
    bool would_be_made(const Error& why) const noexcept;
    // Under which name; empty: nothing of another kind is there.
    Result<std::string> put_aside(int directory, const std::string& name, Kind kind) const;
    static bool put_back(int directory, const std::string& name, const std::string& aside,
                         Kind kind);
    void end_aside(int directory, const std::string& name, const std::string& aside,
                   bool replaced) const;
    files::XattrSelection xattr_selection() const noexcept;
    files::Times times() const noexcept;
    // Sets what attributes do not say, on a descriptor that O_PATH may have opened.
    files::Finish finish_of(const google::protobuf::RepeatedPtrField<work::Xattr>& xattrs,
                            peer::Losses& losses) const;
    Result<LinkRegistry*> links();

    // destination_view.cpp
    peer::DirectoryAnswer answer(const peer::DirectoryQuestion& question);
    void look_up(int directory, const peer::DirectoryQuestion& question,
                 peer::DirectoryAnswer& answer);
    void look_at_links(const peer::DirectoryQuestion& question, int index,
                       const files::Attributes* there, peer::FoundEntry* found,
                       peer::DirectoryAnswer& answer);
    Status find_surplus(int directory, const peer::DirectoryQuestion& question,
                        peer::DirectoryAnswer& answer);
    base::UniqueFd open_to_digest(const peer::DigestQuestion& question);
    static std::string digest_of_range(int file, const peer::DigestQuestion& question);
    std::string xattrs_digest_at(int directory, const std::string& name) const;

    // destination_files.cpp
    Result<Written> write_entry(int directory, const work::FileEntry& entry, Bytes data);
    Result<Written> write_content(int directory, const std::string& name,
                                  const work::FileEntry& entry, Bytes data);
    Result<Written> set_attributes(int directory, const std::string& name,
                                   const work::FileEntry& entry);
    Result<Written> make_link(int directory, const std::string& name, const work::FileEntry& entry);
    bool is_as_listed(int directory, const std::string& name, const files::Attributes& there,
                      const work::FileEntry& entry) const;
    Result<files::NewFile> new_file(int directory, const std::string& name, std::uint64_t size);
    void sweep_around(int directory, const std::string& name) const;
    Result<Written> publish_file(files::NewFile file, int directory, const std::string& name,
                                 const work::FileEntry& entry);

    // destination_ranges.cpp
    Result<std::shared_ptr<SharedFile>> shared_file(const peer::Range& range);
    // Null: nothing was written to it through this assignment.
    std::shared_ptr<SharedFile> take_shared_file(const std::string& directory,
                                                 const std::string& name, std::uint64_t temporary);
    TemporaryPlace place_of(const std::string& directory, const std::string& name,
                            std::uint64_t temporary) const;

    // destination_folders.cpp
    Result<peer::Losses> set_directory(const work::DirectoryAttributes& wanted);
    Status sweep(int directory);
    Status sweep_below(int directory, const std::string& name);
    Status remove_one(int directory, const std::string& name, peer::Removed& removed);

    RequestKey request_;
    std::string storage_path_;
    std::string root_;     // The directory that relative paths hang below.
    bool is_tree_ = true;  // False: of a single file, whose folder is nobody's business.
    std::string renamed_;  // Not empty: the one file's name at the destination.
    peer::Manner manner_;
    files::Durability durability_ = files::Durability::None;
    std::uint64_t nonce_ = 0;  // In the names of this assignment's small temporaries.
    peer::Opened opened_;
    Ledger* ledger_ = nullptr;
    IsGivenUp is_given_up_;

    std::mutex mutex_;
    // Until there is a tree. Of the file system that was there when it was opened: writes must not
    // fall beneath a mount point that has lost its mount since.
    base::UniqueFd storage_;                                     // guarded by mutex_
    std::optional<files::Tree> tree_;                            // guarded by mutex_
    bool root_was_there_ = true;                                 // guarded by mutex_
    base::UniqueFd links_root_;                                  // guarded by mutex_
    std::optional<LinkRegistry> links_;                          // guarded by mutex_
    std::map<std::string, std::shared_ptr<SharedFile>> shared_;  // guarded by mutex_
    // The names of the directory that was looked at for surplus last, for its next slice.
    struct Listed {
        std::string path;
        files::NameList names;
    };
    std::optional<Listed> listed_;  // guarded by mutex_
};

}  // namespace godwit::transfer
