#include "transfer/source.h"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "files/attributes.h"
#include "files/publish.h"
#include "transfer/digest.h"
#include "transfer/medium.h"

namespace godwit::transfer {
namespace {

constexpr std::size_t kReadBytes = 1 << 20;

}  // namespace

using base::FileCode;

Trouble Trouble::of_source(const Error& error) {
    return {files::source_code(error), error.message, error.native};
}

Trouble Trouble::of_listed(const Error& error) {
    Trouble trouble = of_source(error);
    if (trouble.code == FileCode::SourceMissing) trouble.code = FileCode::SourceVanished;
    return trouble;
}

Trouble Trouble::changed() {
    return {FileCode::SourceChanged, "the file changed after it was listed"};
}

Trouble Trouble::stopped() {
    Trouble trouble{FileCode::PeerLost, "told to stop before it was done"};
    trouble.is_stop = true;
    return trouble;
}

Trouble Trouble::of_destination(const Error& error) {
    if (error.code == Code::Cancelled) return stopped();
    return {files::destination_code(error), error.message, error.native};
}

Trouble Trouble::of_peer(const Error& error) {
    return {error.code == Code::TimedOut ? FileCode::TimedOut : FileCode::PeerLost, error.message,
            error.native};
}

bool is_same(const files::Attributes& now, const work::Attributes& listed) noexcept {
    return now.inode == listed.inode() && now.size == listed.size() &&
           now.mtime_ns == listed.mtime_ns() && now.ctime_ns == listed.ctime_ns();
}

Result<SourceFolder> SourceFolder::open(const files::Tree& tree, const std::string& path) {
    auto fd = tree.open_directory(path);
    if (!fd) return std::move(fd).error();
    return SourceFolder{tree, path, std::move(*fd)};
}

Result<files::Attributes> SourceFolder::stat(const std::string& name) const {
    if (!tree_->follows()) return files::stat_at(fd(), name);
    const auto real = tree_->open_real(files::join(path_, name));
    if (!real) return real.error();
    return files::stat_of(real->get());
}

Result<base::UniqueFd> SourceFolder::open_file(const std::string& name, bool keep_atime) const {
    if (!tree_->follows()) return files::open_file_at(fd(), name, keep_atime);
    const auto real = tree_->open_real(files::join(path_, name));
    if (!real) return real.error();
    return files::reopen_file(real->get(), keep_atime);
}

Result<std::vector<files::Xattr>> SourceFolder::xattrs(const std::string& name,
                                                       files::XattrSelection selection) const {
    if (!tree_->follows()) return files::read_xattrs_at(fd(), name, selection);
    const auto real = tree_->open_real(files::join(path_, name));
    if (!real) return real.error();
    return files::read_xattrs(real->get(), selection);
}

Result<SourceFile> SourceFile::open(const SourceFolder& folder, const work::FileEntry& listed,
                                    bool keep_atime, Trouble& trouble) {
    auto fd = folder.open_file(listed.name(), keep_atime);
    if (!fd) {
        trouble = Trouble::of_listed(fd.error());
        return std::move(fd).error();
    }
    SourceFile file{std::move(*fd), listed};
    if (!file.is_unchanged()) {
        trouble = Trouble::changed();
        return Error{Code::Conflict, trouble.message};
    }
    return file;
}

bool is_as_listed(const SourceFolder& folder, const work::FileEntry& listed, Trouble& trouble) {
    const auto now = folder.stat(listed.name());
    if (now && is_same(*now, listed.attributes())) return true;
    trouble = now ? Trouble::changed() : Trouble::of_listed(now.error());
    return false;
}

bool SourceFile::read(std::span<std::byte> out, std::uint64_t offset, Trouble& trouble) const {
    std::size_t done = 0;
    while (done < out.size()) {
        const ssize_t count = ::pread(fd_.get(), out.data() + done, out.size() - done,
                                      static_cast<off_t>(offset + done));
        if (count > 0) {
            done += static_cast<std::size_t>(count);
        } else if (count == 0) {
            trouble = Trouble::changed();
            return false;
        } else if (errno != EINTR) {
            trouble = Trouble::of_source(base::errno_error("read"));
            return false;
        }
    }
    return true;
}

std::string SourceFile::digest(std::uint64_t offset, std::uint64_t length) const {
    Digester digester;
    std::vector<std::byte> buffer(std::min<std::uint64_t>(kReadBytes, length));
    for (std::uint64_t at = 0; at < length;) {
        const std::size_t count = std::min<std::uint64_t>(buffer.size(), length - at);
        Trouble trouble;
        if (!read(std::span{buffer}.first(count), offset + at, trouble)) return {};
        digester.add(std::span{buffer}.first(count));
        at += count;
    }
    return digester.digest();
}

Result<std::uint64_t> SourceFile::copy_to(int to, std::uint64_t offset, std::uint64_t length,
                                          bool sparse) const {
    return files::copy_bytes(fd_.get(), to, offset, length, sparse);
}

Status SourceFile::compare_with(int other, std::uint64_t offset, std::uint64_t length) const {
    std::vector<std::byte> buffer(std::min<std::uint64_t>(kReadBytes, length));
    for (std::uint64_t done = 0; done < length;) {
        const std::size_t count = std::min<std::uint64_t>(buffer.size(), length - done);
        Trouble trouble;
        if (!read(std::span{buffer}.first(count), offset + done, trouble)) {
            return Error{Code::Conflict, trouble.message};
        }
        auto status = check_on_medium(other, offset + done, std::span{buffer}.first(count));
        if (!status) return status;
        done += count;
    }
    return {};
}

bool SourceFile::is_unchanged() const {
    const auto now = files::stat_of(fd_.get());
    return now && is_same(*now, listed_);
}

}  // namespace godwit::transfer
