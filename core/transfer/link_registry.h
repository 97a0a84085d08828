// Hard links: which path of the destination copies an inode of the source that has several names,
// and which name may keep an inode of the destination. All agents of a request have to agree, and
// none of them sees the whole tree.
//
// They agree in a hidden folder of the request's destination. An entry in it is made once, by
// whoever comes first (symlink(2) and link(2) do not replace), and says the same to everybody after
// that, also after a restart of any agent. The folder has the name of a temporary, so that it is
// never listed, and goes with the request.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace godwit::transfer {

// Thread-safe.
class LinkRegistry {
public:
    // `root` is the destination's, and stays open as long as this lives. Makes nothing yet.
    LinkRegistry(int root, std::uint64_t generation);

    // The path that copies the inode of this key: `path`, if it is the first that is named.
    Result<std::string> elect(std::string_view key, const std::string& path);
    // Whether an inode of the destination may be kept by `owner`: nobody else has claimed it.
    Result<bool> claim(std::uint64_t inode, std::string_view owner);

    // Of this request, beside its root.
    static std::string folder_name(std::uint64_t generation);

private:
    Result<int> folder();
    // What the entry says; `text`, if it was made by this call.
    Result<std::string> agree(const std::string& entry, std::string_view text);
    Status make_file(const std::string& entry, std::string_view text);
    Result<std::string> read(const std::string& entry);

    const int root_;
    const std::uint64_t generation_;
    std::mutex mutex_;
    base::UniqueFd folder_;  // guarded by mutex_
};

}  // namespace godwit::transfer
