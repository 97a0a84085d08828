// Which file system a directory is on. A storage path that is on another one than it was has lost
// its mount, or got another; one that was unmounted and mounted again has not.
//
// The device number does not tell: whatever has no block device of its own (every network file
// system, FUSE, btrfs) gets one anew at each mount, and perhaps one that was another's before. What
// tells, with the type and the directory of the file system that is mounted (bind mounts,
// subvolumes), depends on what there is:
//
// - On block devices: f_fsid of statfs(2), where it is made from the file system's UUID (ext4), so
//   that the same disk may come back under another number; else (xfs, vfat, fuseblk) f_fsid is the
//   device or nothing, and the device number it is. btrfs and ZFS have an f_fsid of that kind, and
//   no device number that lasts.
// - In memory (tmpfs, ramfs): the same. Their contents go with the mount, so another mount is
//   another file system: tmpfs has an f_fsid for each (Linux 5.13); before that, and in ramfs, two
//   that got the same device number, one after the other, are taken for one.
// - Everything else (NFS, Lustre, BeeGFS, GPFS, Ceph, CIFS, FUSE, ...): the source, as it was
//   mounted: server and export. The same under another name (another of its servers, say) counts as
//   another. Where all mounts of a type have the same source, the options that say more count, too:
//   the layers of overlay, the configuration of BeeGFS. A few file systems of FUSE say nothing of
//   what they are of (s3fs), and one cannot be told from the next; from none it can. f_fsid is no
//   help: NFS and FUSE have none, Lustre's is the device number.
//
// Type, source, directory and options are those of /proc/self/mountinfo (proc(5)), in the line of
// the mount that the directory's descriptor is on: of several mounts at one place the topmost.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/result.h"

namespace godwit::files {

struct FileSystem {
    std::string type;    // "lustre", "fuse.sshfs"; empty where /proc does not list it (chroot).
    std::string source;  // "10.0.0.1@tcp:/scratch"; said to people whatever rule applies.
    std::string root;    // The directory of it that is mounted; "/" but for binds and subvolumes.
    std::string id;      // By the rules above.

    friend bool operator==(const FileSystem& a, const FileSystem& b) noexcept {
        return a.type == b.type && a.root == b.root && a.id == b.id;
    }
};

// Of a directory; symlinks are followed, and what is mounted on demand is mounted. ENOTDIR in
// `native` when it is something else. May block as long as the file system hangs.
Result<FileSystem> file_system_of(const std::string& path);

// For people: "lustre 10.0.0.1@tcp:/scratch", "ext4 /dev/sda1, fsid 0123456789abcdef (/data)". Of
// two that differ it differs, too.
std::string describe(const FileSystem& system);

// Pure; what the rules above are made of.
struct Mount {
    std::string type;
    std::string source;
    std::string options;  // Of the file system, not of the mount.
    dev_t device = 0;
};
// Whether f_fsid or the device tell; else the source does.
bool is_told_by_medium(const Mount& mount) noexcept;
std::string id_by_medium(dev_t device, std::uint64_t fsid);
std::string id_by_source(const Mount& mount);

}  // namespace godwit::files
