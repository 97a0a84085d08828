#include "files/file_system.h"

#include <fcntl.h>
#include <libmount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <memory>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/unique_fd.h"

namespace godwit::files {
namespace {

using base::UniqueFd;

// Without a block device, and yet with more to tell them by than their source.
constexpr std::string_view kToldByMedium[] = {"btrfs", "zfs", "tmpfs", "ramfs"};

// Kernels before 5.8 may leave out lines while others mount and unmount.
constexpr int kLookUps = 3;

struct NamingOption {
    std::string_view type;
    const char* option;
};
constexpr NamingOption kNamingOptions[] = {
    {"overlay", "lowerdir"},
    {"overlay", "upperdir"},
    {"beegfs", "cfgFile"},
};

struct UnrefTable {
    void operator()(libmnt_table* table) const noexcept { mnt_unref_table(table); }
};
struct FreeIterator {
    void operator()(libmnt_iter* iterator) const noexcept { mnt_free_iter(iterator); }
};

std::string text(const char* value) {
    return value == nullptr ? std::string{} : std::string{value};
}

// How f_fsid says the device, in file systems that have nothing else to say in it
// (huge_encode_dev() in the kernel's include/linux/kdev_t.h).
std::uint64_t encoded(dev_t device) noexcept {
    const std::uint64_t minor = gnu_dev_minor(device);
    return (minor & 0xff) | (std::uint64_t{gnu_dev_major(device)} << 8) | ((minor & ~0xffU) << 12);
}

// -1: unknown. By /proc, as the kernels of STATX_MNT_ID (Linux 5.8) and those before both say it.
int mount_id_of(int fd) {
    std::ifstream info{"/proc/self/fdinfo/" + std::to_string(fd)};
    for (std::string key; info >> key;) {
        int id = -1;
        if (key == "mnt_id:" && info >> id) return id;
    }
    return -1;
}

// Fills in what the kernel lists of the mount. False: there is no such line.
Result<bool> look_up(int mount_id, Mount& mount, std::string& root) {
    errno = 0;
    const std::unique_ptr<libmnt_table, UnrefTable> table{
        mnt_new_table_from_file("/proc/self/mountinfo")};
    const std::unique_ptr<libmnt_iter, FreeIterator> iterator{mnt_new_iter(MNT_ITER_FORWARD)};
    // That it cannot be read just now does not make it another file system.
    if (!table || !iterator) return base::errno_error("read /proc/self/mountinfo");
    libmnt_fs* line = nullptr;
    while (mnt_table_next_fs(table.get(), iterator.get(), &line) == 0) {
        if (mnt_fs_get_id(line) != mount_id) continue;
        mount.type = text(mnt_fs_get_fstype(line));
        mount.source = text(mnt_fs_get_source(line));
        mount.options = text(mnt_fs_get_fs_options(line));
        root = text(mnt_fs_get_root(line));
        return true;
    }
    return false;
}

}  // namespace

bool is_told_by_medium(const Mount& mount) noexcept {
    return gnu_dev_major(mount.device) != 0 || mount.type.empty() ||
           std::ranges::find(kToldByMedium, mount.type) != std::end(kToldByMedium);
}

std::string id_by_medium(dev_t device, std::uint64_t fsid) {
    if (fsid != 0 && fsid != encoded(device)) return "fsid " + base::to_hex(fsid);
    return "device " + std::to_string(gnu_dev_major(device)) + ":" +
           std::to_string(gnu_dev_minor(device));
}

std::string id_by_source(const Mount& mount) {
    std::string id = mount.source;
    for (const NamingOption& naming : kNamingOptions) {
        char* value = nullptr;
        std::size_t length = 0;
        if (naming.type == mount.type &&
            mnt_optstr_get_option(mount.options.c_str(), naming.option, &value, &length) == 0) {
            id += std::string{","} + naming.option + "=" + std::string{value, length};
        }
    }
    return id;
}

std::string describe(const FileSystem& system) {
    std::string text = system.type.empty() ? "" : system.type + " ";
    if (!system.id.starts_with(system.source)) text += system.source + ", ";
    text += system.id;
    if (!system.root.empty() && system.root != "/") text += " (" + system.root + ")";
    return base::printable(text);
}

Result<FileSystem> file_system_of(const std::string& path) {
    const auto failed = [&] {
        return base::errno_error("examine '" + base::printable(path) + "'");
    };
    // As a directory, so that an automount is mounted: stat() would see the place it is for.
    const UniqueFd directory{::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    struct stat info {};
    if (!directory || ::fstat(directory.get(), &info) != 0) return failed();

    FileSystem system;
    Mount mount;
    mount.device = info.st_dev;
    const int mount_id = mount_id_of(directory.get());
    if (mount_id < 0) return base::errno_error("read /proc/self/fdinfo");
    for (int i = 0; i < kLookUps; ++i) {
        const auto is_listed = look_up(mount_id, mount, system.root);
        if (!is_listed) return is_listed.error();
        if (*is_listed) break;
    }
    if (is_told_by_medium(mount)) {
        // Of others it would be a call to a server.
        struct statfs statistics {};
        if (::fstatfs(directory.get(), &statistics) != 0) return failed();
        std::uint64_t fsid = 0;
        static_assert(sizeof(statistics.f_fsid) == sizeof(fsid));
        std::memcpy(&fsid, &statistics.f_fsid, sizeof(fsid));
        system.id = id_by_medium(mount.device, fsid);
    } else {
        system.id = id_by_source(mount);
    }
    system.type = std::move(mount.type);
    system.source = std::move(mount.source);
    return system;
}

}  // namespace godwit::files
