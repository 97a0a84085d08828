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

// A source file that is open and is what was listed. Thread-compatible.
class SourceFile {
public:
    // `directory` is open for reading names. SourceVanished or SourceChanged in `trouble` when it
    // is not there, or differs from `listed` in inode, size, mtime or ctime.
    static Result<SourceFile> open(int directory, const work::FileEntry& listed, Trouble& trouble);

    int fd() const noexcept { return fd_.get(); }
    // Fills all of `out` from `offset`. False, with `trouble` set: an error, or the file ended
    // early.
    bool read(std::span<std::byte> out, std::uint64_t offset, Trouble& trouble) const;
    // Whether it still is what was listed, after reading.
    bool is_unchanged() const;

private:
    SourceFile(base::UniqueFd fd, const work::Attributes& listed)
        : fd_{std::move(fd)}, listed_{listed} {}

    base::UniqueFd fd_;
    work::Attributes listed_;
};

// Whether what stands there now is what was listed.
bool is_same(const files::Attributes& now, const work::Attributes& listed) noexcept;

}  // namespace godwit::transfer
