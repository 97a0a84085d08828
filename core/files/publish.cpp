#include "files/publish.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "base/bytes.h"

namespace godwit::files {
namespace {

using base::UniqueFd;

constexpr std::string_view kPrefix = ".godwit.";
constexpr std::size_t kHexDigits = 16;
constexpr mode_t kUnpublishedMode = 0600;
// A leftover with the same name is removed; if somebody keeps making it, that is no leftover.
constexpr int kCreateTries = 3;

// FNV-1a, 64 bit (Fowler, Noll, Vo; offset basis and prime as published). Not for secrets: names
// that collide in one directory differ in their generation, or wait for each other's rename.
std::uint64_t hash_of(std::string_view name) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char byte : name) {
        hash ^= static_cast<unsigned char>(byte);
        hash *= 0x100000001b3;
    }
    return hash;
}

Error failed_on(std::string_view what, const std::string& name, int error_number = errno) {
    return base::errno_error(std::string{what} + " '" + base::printable(name) + "'", error_number);
}

// Invalid with errno set. An attempt to publish it may have given it a mode that keeps out whoever
// owns it.
UniqueFd open_kept(int directory, const std::string& name, int create) {
    const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | create;
    UniqueFd fd{::openat(directory, name.c_str(), flags, kUnpublishedMode)};
    if (fd || errno != EACCES) return fd;
    // By its descriptor, so that no link that is there by now leads the mode elsewhere.
    const UniqueFd place{::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
    const std::string opened = "/proc/self/fd/" + std::to_string(place.get());
    if (place && ::chmod(opened.c_str(), kUnpublishedMode) == 0) {
        fd.reset(::openat(directory, name.c_str(), flags, kUnpublishedMode));
    } else {
        errno = EACCES;
    }
    return fd;
}

}  // namespace

std::string temporary_name(std::string_view name, std::uint64_t generation) {
    return std::string{kPrefix} + base::to_hex(hash_of(name)) + "." + base::to_hex(generation);
}

bool is_temporary(std::string_view name) noexcept {
    constexpr std::string_view kHex = "0123456789abcdef";
    if (name.size() != kPrefix.size() + 2 * kHexDigits + 1 || !name.starts_with(kPrefix)) {
        return false;
    }
    name.remove_prefix(kPrefix.size());
    return name[kHexDigits] == '.' &&
           name.substr(0, kHexDigits).find_first_not_of(kHex) == std::string_view::npos &&
           name.substr(kHexDigits + 1).find_first_not_of(kHex) == std::string_view::npos;
}

bool is_temporary_of(std::string_view temporary, std::string_view name) {
    const std::string any = temporary_name(name, 0);
    return is_temporary(temporary) &&
           temporary.starts_with(std::string_view{any}.substr(0, any.size() - kHexDigits));
}

NewFile::NewFile(int directory, std::string temporary, UniqueFd fd, bool remove) noexcept
    : directory_{directory},
      temporary_{std::move(temporary)},
      fd_{std::move(fd)},
      remove_{remove} {}

NewFile::NewFile(NewFile&& other) noexcept
    : directory_{other.directory_},
      temporary_{std::move(other.temporary_)},
      fd_{std::move(other.fd_)},
      remove_{std::exchange(other.remove_, false)},
      in_place_{other.in_place_} {}

NewFile& NewFile::operator=(NewFile&& other) noexcept {
    if (this != &other) {
        if (remove_) ::unlinkat(directory_, temporary_.c_str(), 0);
        directory_ = other.directory_;
        temporary_ = std::move(other.temporary_);
        fd_ = std::move(other.fd_);
        remove_ = std::exchange(other.remove_, false);
        in_place_ = other.in_place_;
    }
    return *this;
}

NewFile::~NewFile() {
    if (remove_) ::unlinkat(directory_, temporary_.c_str(), 0);
}

Result<NewFile> NewFile::create(int directory, std::string temporary) {
    for (int attempt = 0; attempt < kCreateTries; ++attempt) {
        UniqueFd fd{::openat(directory, temporary.c_str(),
                             O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kUnpublishedMode)};
        if (fd) return NewFile{directory, std::move(temporary), std::move(fd), true};
        if (errno != EEXIST) return failed_on("create", temporary);
        if (auto removed = remove_temporary(directory, temporary); !removed) {
            return std::move(removed).error();
        }
    }
    return failed_on("create", temporary, EEXIST);
}

Result<NewFile> NewFile::open_shared(int directory, std::string temporary, std::uint64_t size) {
    UniqueFd fd = open_kept(directory, temporary, O_CREAT);
    if (!fd) return failed_on("create", temporary);
    const auto now = stat_of(fd.get());
    if (!now) return now.error();
    if (now->type != EntryType::File) return failed_on("create", temporary, EEXIST);
    if (now->size != size && ::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
        return failed_on("size", temporary);
    }
    return NewFile{directory, std::move(temporary), std::move(fd), false};
}

Result<NewFile> NewFile::open_existing(int directory, std::string temporary, std::uint64_t size) {
    UniqueFd fd = open_kept(directory, temporary, 0);
    if (!fd) return failed_on("open", temporary);
    const auto now = stat_of(fd.get());
    if (!now) return now.error();
    if (now->type != EntryType::File || now->size != size) {
        return failed_on("open whole", temporary, ENOENT);
    }
    return NewFile{directory, std::move(temporary), std::move(fd), false};
}

Result<NewFile> NewFile::open_in_place(int directory, std::string name, std::uint64_t size) {
    // A link or a device cannot be written into: it makes room, as it would for a rename.
    const auto now = stat_at(directory, name);
    const bool in_the_way =
        now && now->type != EntryType::File && now->type != EntryType::Directory;
    if (in_the_way && ::unlinkat(directory, name.c_str(), 0) != 0 && errno != ENOENT) {
        return failed_on("remove", name);
    }
    auto file = open_shared(directory, std::move(name), size);
    if (file) file->in_place_ = true;
    return file;
}

Status NewFile::write_at(std::span<const std::byte> bytes, std::uint64_t offset) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t count = ::pwrite(fd_.get(), bytes.data() + done, bytes.size() - done,
                                       static_cast<off_t>(offset + done));
        if (count > 0) {
            done += static_cast<std::size_t>(count);
        } else if (count == 0) {
            return base::errno_error("write", EIO);
        } else if (errno != EINTR) {
            return base::errno_error("write");
        }
    }
    return {};
}

bool NewFile::is_in_place() const noexcept {
    struct stat named {};
    struct stat open {};
    return ::fstatat(directory_, temporary_.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           ::fstat(fd_.get(), &open) == 0 && named.st_ino == open.st_ino &&
           named.st_dev == open.st_dev;
}

Status NewFile::sync_data() {
    if (::fdatasync(fd_.get()) != 0) return base::errno_error("write to the medium");
    return {};
}

Result<Applied> NewFile::prepare(const Attributes& wanted, Durability durability,
                                 const Finish& finish, Times times) {
    auto applied = try_to_prepare(wanted, durability, finish, times);
    if (!applied) note_failure(applied.error());
    return applied;
}

// Nobody comes back for a temporary when what failed will not pass.
void NewFile::note_failure(const Error& error) {
    if (!base::is_retryable(destination_code(error))) remove_unless_published();
}

Result<Applied> NewFile::try_to_prepare(const Attributes& wanted, Durability durability,
                                        const Finish& finish, Times times) {
    auto applied = apply_to_file(fd_.get(), wanted, times);
    if (!applied) return applied;
    if (finish) {
        if (auto status = finish(fd_.get()); !status) return std::move(status).error();
    }
    if (durability != Durability::None && ::fsync(fd_.get()) != 0) {
        return base::errno_error("write to the medium");
    }
    // Closed before it is seen: NFS shows the contents to others from then on.
    fd_.reset();
    return applied;
}

Status NewFile::appear(const std::string& name, Durability durability) {
    if (!in_place_ && ::renameat(directory_, temporary_.c_str(), directory_, name.c_str()) != 0) {
        Error error = failed_on("publish", name);
        note_failure(error);
        return error;
    }
    remove_ = false;
    if (durability == Durability::FileAndDirectory && ::fsync(directory_) != 0) {
        return base::errno_error("write the directory to the medium");
    }
    return {};
}

Result<Applied> publish_symlink(int directory, const std::string& name, const std::string& target,
                                const Attributes& wanted, std::uint64_t generation,
                                const Finish& finish, Times times) {
    const std::string temporary = temporary_name(name, generation);
    if (::symlinkat(target.c_str(), directory, temporary.c_str()) != 0) {
        if (errno != EEXIST) return failed_on("create link", name);
        if (auto removed = remove_temporary(directory, temporary); !removed) {
            return std::move(removed).error();
        }
        if (::symlinkat(target.c_str(), directory, temporary.c_str()) != 0) {
            return failed_on("create link", name);
        }
    }
    auto applied = apply_at(directory, temporary, wanted, finish, times);
    if (applied && ::renameat(directory, temporary.c_str(), directory, name.c_str()) != 0) {
        applied = failed_on("publish link", name);
    }
    if (!applied) ::unlinkat(directory, temporary.c_str(), 0);
    return applied;
}

Status publish_link(int folder, const std::string& carrier, int directory, const std::string& name,
                    std::uint64_t generation) {
    const std::string temporary = temporary_name(name, generation);
    if (auto removed = remove_temporary(directory, temporary); !removed) return removed;
    if (::linkat(folder, carrier.c_str(), directory, temporary.c_str(), 0) != 0) {
        return failed_on("link", name);
    }
    const bool renamed = ::renameat(directory, temporary.c_str(), directory, name.c_str()) == 0;
    const int error_number = errno;
    // A rename between two names of one file does nothing, and leaves both.
    ::unlinkat(directory, temporary.c_str(), 0);
    if (!renamed) return failed_on("publish link", name, error_number);
    return {};
}

Result<Made> make_directory(int parent, const std::string& name, std::uint32_t mode) {
    if (::mkdirat(parent, name.c_str(), (mode & 0777) | 0700) == 0) return Made::Created;
    if (errno != EEXIST) return failed_on("make directory", name);
    const auto there = stat_at(parent, name);
    if (!there) return there.error();
    if (there->type != EntryType::Directory) return failed_on("make directory", name, ENOTDIR);
    return Made::Existing;
}

Status remove_temporary(int directory, const std::string& temporary) {
    if (::unlinkat(directory, temporary.c_str(), 0) == 0 || errno == ENOENT) return {};
    return failed_on("remove", temporary);
}

}  // namespace godwit::files
