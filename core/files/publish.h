// How a file becomes visible: written under a hidden temporary name beside its place, given its
// attributes by descriptor, and renamed once. A reader sees the old file or the new one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "files/attributes.h"

namespace godwit::files {

// options.durability: what has reached the medium when a file counts as copied.
enum class Durability : std::uint8_t { None, File, FileAndDirectory };

// ".godwit.<16 hex of the name's hash>.<16 hex of the generation>": fixed length, so that names of
// 255 bytes work; the same for every worker that writes parts of the file.
std::string temporary_name(std::string_view name, std::uint64_t generation);
bool is_temporary(std::string_view name) noexcept;
// Whether it is one of the file's, of any generation.
bool is_temporary_of(std::string_view temporary, std::string_view name);

// Called with a descriptor of what is about to be seen (O_PATH for all but files and directories),
// when owner, mode and times are set: for what Attributes do not say. Its failure is that of the
// publication. Empty: nothing more.
using Finish = std::function<Status(int fd)>;

// A file that nobody sees yet. Thread-compatible; write_at() may be called from many threads at
// once. Unpublished, its destructor removes the temporary when it made it.
class NewFile {
public:
    // Makes the temporary, mode 0600, never through a symlink; one left over by an earlier attempt
    // is emptied first. `directory` must stay open as long as this lives.
    static Result<NewFile> create(int directory, std::string temporary);
    // Opens the temporary of a large file, that another range or worker may have made already, and
    // gives it its final size. The destructor leaves it.
    static Result<NewFile> open_shared(int directory, std::string temporary, std::uint64_t size);

    // Opens the temporary of a large file whose parts are all in. NotFound (ENOENT in `native`): it
    // is gone, or has another size, so what was written to it is lost.
    static Result<NewFile> open_existing(int directory, std::string temporary, std::uint64_t size);

    // Not a new file at all (options.inplace): the one that stands there under its final name, or
    // an empty one that is made, given its final size. Readers see it change. Never removed.
    static Result<NewFile> open_in_place(int directory, std::string name, std::uint64_t size);

    NewFile(NewFile&&) noexcept;
    NewFile& operator=(NewFile&&) noexcept;
    ~NewFile();

    int fd() const noexcept { return fd_.get(); }
    // Writes all of it.
    Status write_at(std::span<const std::byte> bytes, std::uint64_t offset);
    Status sync_data();  // fdatasync
    // For a large file that nobody will come back for.
    void remove_unless_published() noexcept { remove_ = !in_place_; }
    // Whether the temporary's name still is this file's: not after another has published or removed
    // it.
    bool is_in_place() const noexcept;

    // Publishing takes two steps, in this order. What fails in a way that may pass leaves the
    // temporary of a large file for another attempt; all else removes it.
    //
    // Attributes, then the way to the medium: whatever can fail before anything is seen.
    Result<Applied> prepare(const Attributes& wanted, Durability durability,
                            const Finish& finish = {}, Times times = Times::Modified);
    // The rename over `name`. InvalidArgument with EISDIR in `native` when a directory is in the
    // way: may be called again when it has made room.
    Status appear(const std::string& name, Durability durability);

private:
    NewFile(int directory, std::string temporary, base::UniqueFd fd, bool remove) noexcept;
    Result<Applied> try_to_prepare(const Attributes& wanted, Durability durability,
                                   const Finish& finish, Times times);
    void note_failure(const Error& error);

    int directory_ = -1;
    std::string temporary_;
    base::UniqueFd fd_;
    bool remove_ = false;
    bool in_place_ = false;
};

// A symlink replaces what is there (not a directory) in one rename, too.
Result<Applied> publish_symlink(int directory, const std::string& name, const std::string& target,
                                const Attributes& wanted, std::uint64_t generation,
                                const Finish& finish = {}, Times times = Times::Modified);

// A further name for what has `carrier` in `folder`; replaces what is there (not a directory) in
// one rename. EMLINK in `native`: the file system allows no more names.
Status publish_link(int folder, const std::string& carrier, int directory, const std::string& name,
                    std::uint64_t generation);

// Whether there was one before. InvalidArgument with ENOTDIR when something else has the name. New
// ones get (mode & 0777) | 0700, so that work can go on inside; final modes come at the end.
enum class Made : std::uint8_t { Created, Existing };
Result<Made> make_directory(int parent, const std::string& name, std::uint32_t mode);

Status remove_temporary(int directory, const std::string& temporary);  // Ok when it is not there.

// Copies bytes between files of this machine the cheapest way there is: reflink of the whole file
// where the file system has it, copy_file_range, or read and write. Stops at the end of `from`.
// Returns how many bytes were copied. `sparse`: holes of `from` are holes of `to`, whatever was
// there, and cost nothing (some that are shorter than kSmallestHoleBytes are filled); else they are
// zeros that have space. `to` gets longer where need be: who copies several ranges at once gives it
// its size first.
Result<std::uint64_t> copy_bytes(int from, int to, std::uint64_t offset, std::uint64_t length,
                                 bool sparse = true);

}  // namespace godwit::files
