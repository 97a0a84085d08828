// The source's side of one assignment: reading files as they were listed, or noticing that they are
// not what was listed any more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/file_code.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "files/attributes.h"
#include "files/root.h"
#include "files/xattrs.h"
#include "work.pb.h"

namespace godwit::transfer {

// Why a file, or a whole unit, could not be done; for the operator, and for deciding about a retry.
struct Trouble {
    base::FileCode code = base::FileCode::Internal;
    std::string message;
    std::int32_t error_number = 0;

    static Trouble of_source(const Error& error);
    // Of what was listed: if it is missing now, it has vanished.
    static Trouble of_listed(const Error& error);
    static Trouble of_destination(const Error& error);
    static Trouble of_peer(const Error& error);
    static Trouble changed();
    static Trouble stopped();

    // The source is not what was listed any more.
    bool is_of_listing() const noexcept {
        return code == base::FileCode::SourceChanged || code == base::FileCode::SourceVanished;
    }
    // This agent was told to stop; nothing is wrong.
    bool is_stop = false;
};

// A directory of the source that files are read in. Thread-compatible.
class SourceFolder {
public:
    // `tree` outlives it.
    static Result<SourceFolder> open(const files::Tree& tree, const std::string& path);

    const std::string& path() const noexcept { return path_; }
    int fd() const noexcept { return fd_.get(); }
    // Of the entry, or of what it leads to, where links are followed.
    Result<files::Attributes> stat(const std::string& name) const;
    Result<base::UniqueFd> open_file(const std::string& name, bool keep_atime) const;
    Result<std::vector<files::Xattr>> xattrs(const std::string& name,
                                             files::XattrSelection selection) const;

private:
    SourceFolder(const files::Tree& tree, std::string path, base::UniqueFd fd)
        : tree_{&tree}, path_{std::move(path)}, fd_{std::move(fd)} {}

    const files::Tree* tree_;
    std::string path_;
    base::UniqueFd fd_;
};

// A source file that is open and is what was listed. Thread-compatible.
class SourceFile {
public:
    // SourceVanished or SourceChanged in `trouble` when it is not there, or differs from `listed`
    // in inode, size, mtime or ctime.
    static Result<SourceFile> open(const SourceFolder& folder, const work::FileEntry& listed,
                                   bool keep_atime, Trouble& trouble);

    int fd() const noexcept { return fd_.get(); }
    // False: it has no holes, and looking for one would read through all of its map.
    bool may_have_holes() const noexcept { return may_have_holes_; }
    // Fills all of `out` from `offset`. False, with `trouble` set: an error, or the file ended
    // early.
    bool read(std::span<std::byte> out, std::uint64_t offset, Trouble& trouble) const;
    // As digest_of(). Empty: it could not be read whole.
    std::string digest(std::uint64_t offset, std::uint64_t length) const;
    // Copies the range to the same place of another file of this machine, holes as holes when
    // `sparse`. Fewer bytes: it ended early.
    Result<std::uint64_t> copy_to(int to, std::uint64_t offset, std::uint64_t length,
                                  bool sparse) const;
    // Whether the other file's medium holds the same bytes in this range. Internal with EIO in
    // `native`: it does not. Conflict: this file is not what was listed any more.
    Status compare_with(int other, std::uint64_t offset, std::uint64_t length) const;
    // Whether it still is what was listed, after reading.
    bool is_unchanged() const;

private:
    SourceFile(base::UniqueFd fd, const work::FileEntry& listed)
        : fd_{std::move(fd)}, listed_{listed.attributes()}, may_have_holes_{listed.sparse()} {}

    base::UniqueFd fd_;
    work::Attributes listed_;
    bool may_have_holes_;
};

// The same of what has no content to be opened: symlinks, special files, new attributes. False,
// with `trouble` set as by SourceFile::open().
bool is_as_listed(const SourceFolder& folder, const work::FileEntry& listed, Trouble& trouble);

// Whether what stands there now is what was listed.
bool is_same(const files::Attributes& now, const work::Attributes& listed) noexcept;

}  // namespace godwit::transfer
