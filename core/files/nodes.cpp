#include "files/nodes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"

namespace godwit::files {
namespace {

// 0 for what is no special file.
mode_t kind_of(EntryType type) noexcept {
    switch (type) {
    case EntryType::Fifo: return S_IFIFO;
    case EntryType::Socket: return S_IFSOCK;
    case EntryType::BlockDevice: return S_IFBLK;
    case EntryType::CharDevice: return S_IFCHR;
    case EntryType::File:
    case EntryType::Directory:
    case EntryType::Symlink: break;
    }
    return 0;
}

Error failed_on(const char* what, const std::string& name, int error_number = errno) {
    return base::errno_error(what + (" '" + base::printable(name) + "'"), error_number);
}

// Without any right: nobody is to open a device before it has its owner. (FIFOs and sockets take no
// number; the kernel leaves it out.)
int make(int directory, const std::string& name, const Attributes& wanted) noexcept {
    return ::mknodat(directory, name.c_str(), kind_of(wanted.type),
                     static_cast<dev_t>(wanted.device_number));
}

}  // namespace

Result<Applied> publish_node(int directory, const std::string& name, const Attributes& wanted,
                             std::uint64_t generation, const Finish& finish, Times times) {
    if (kind_of(wanted.type) == 0) return failed_on("make special file", name, EINVAL);
    const std::string temporary = temporary_name(name, generation);
    if (make(directory, temporary, wanted) != 0) {
        if (errno != EEXIST) return failed_on("make special file", name);
        // Left over by an earlier attempt.
        if (auto removed = remove_temporary(directory, temporary); !removed) {
            return std::move(removed).error();
        }
        if (make(directory, temporary, wanted) != 0) return failed_on("make special file", name);
    }
    auto applied = apply_at(directory, temporary, wanted, finish, times);
    if (applied && ::renameat(directory, temporary.c_str(), directory, name.c_str()) != 0) {
        applied = failed_on("publish special file", name);
    }
    if (!applied) ::unlinkat(directory, temporary.c_str(), 0);
    return applied;
}

}  // namespace godwit::files
