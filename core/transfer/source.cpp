#include "transfer/source.h"

#include <unistd.h>

#include "files/attributes.h"

namespace godwit::transfer {

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
    Trouble trouble{FileCode::PeerLost, "the agent was stopped"};
    trouble.is_stop = true;
    return trouble;
}

Trouble Trouble::of_destination(const Error& error) {
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

Result<SourceFile> SourceFile::open(int directory, const work::FileEntry& listed,
                                    Trouble& trouble) {
    auto fd = files::open_file_at(directory, listed.name());
    if (!fd) {
        trouble = Trouble::of_listed(fd.error());
        return std::move(fd).error();
    }
    SourceFile file{std::move(*fd), listed.attributes()};
    if (!file.is_unchanged()) {
        trouble = Trouble::changed();
        return Error{Code::Conflict, trouble.message};
    }
    return file;
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

bool SourceFile::is_unchanged() const {
    const auto now = files::stat_of(fd_.get());
    return now && is_same(*now, listed_);
}

}  // namespace godwit::transfer
