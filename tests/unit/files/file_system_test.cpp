#include "files/file_system.h"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "open_folder.h"
#include "support/mount_namespace.h"
#include "support/process.h"

namespace godwit::files {
namespace {

namespace fs = std::filesystem;
using test_support::expect_with_mounts;
using test_support::mount_by_command;
using test_support::run;

// ------------------------------------------------------------------------------------------- rules

constexpr std::uint64_t kFsid = 0x0123456789abcdef;

Mount mount_of(const std::string& type, dev_t device, const std::string& source = "source",
               const std::string& options = "rw") {
    return {.type = type, .source = source, .options = options, .device = device};
}

TEST(FileSystemId, IsOfTheMediumWhereThereIsOne) {
    for (const char* type : {"ext4", "xfs", "fuseblk"}) {
        EXPECT_TRUE(is_told_by_medium(mount_of(type, makedev(8, 1)))) << type;
    }
    for (const char* type : {"btrfs", "zfs", "tmpfs", "ramfs"}) {
        EXPECT_TRUE(is_told_by_medium(mount_of(type, makedev(0, 99)))) << type;
    }
    EXPECT_TRUE(is_told_by_medium(mount_of("", makedev(0, 99)))) << "nothing else is known of it";
}

TEST(FileSystemId, IsTheSourceWhereTheDeviceNumberIsOfTheMount) {
    for (const char* type : {"nfs4", "lustre", "beegfs", "gpfs", "ceph", "cifs", "fuse.sshfs"}) {
        EXPECT_FALSE(is_told_by_medium(mount_of(type, makedev(0, 99)))) << type;
    }
    const std::string first = id_by_source(mount_of("lustre", makedev(0, 99), "mgs@tcp:/a"));

    EXPECT_EQ(id_by_source(mount_of("lustre", makedev(0, 42), "mgs@tcp:/a", "ro,lazystatfs")),
              first);
    EXPECT_NE(id_by_source(mount_of("lustre", makedev(0, 99), "mgs@tcp:/b")), first);
}

TEST(FileSystemId, IsThatOfItsUuidWhateverNumberTheDiskHas) {
    EXPECT_EQ(id_by_medium(makedev(8, 1), kFsid), id_by_medium(makedev(8, 17), kFsid));
    EXPECT_NE(id_by_medium(makedev(8, 1), kFsid), id_by_medium(makedev(8, 1), kFsid + 1));
}

// xfs and vfat have nothing else to say in f_fsid.
TEST(FileSystemId, IsTheDeviceWhereTheFileSystemNamesNothingElse) {
    struct Row {
        dev_t device;
        std::uint64_t fsid;
    };
    for (const Row& row : {Row{makedev(8, 1), 0x801}, Row{makedev(8, 1), 0},
                           Row{makedev(259, 0x1234), 0x1210334}, Row{makedev(0, 77), 77}}) {
        EXPECT_EQ(id_by_medium(row.device, row.fsid),
                  "device " + std::to_string(gnu_dev_major(row.device)) + ":" +
                      std::to_string(gnu_dev_minor(row.device)));
    }
}

TEST(FileSystemId, IsOfTheOptionsTooWhereAllSourcesOfATypeAreAlike) {
    const auto beegfs = [](const std::string& file) {
        return id_by_source(mount_of("beegfs", makedev(0, 99), "beegfs_nodev", "rw," + file));
    };
    EXPECT_NE(beegfs("cfgFile=/etc/beegfs/a.conf"), beegfs("cfgFile=/etc/beegfs/b.conf"));
    EXPECT_EQ(beegfs("cfgFile=/etc/beegfs/a.conf"), beegfs("acl,cfgFile=/etc/beegfs/a.conf"));

    const auto overlay = [](const std::string& layers) {
        return id_by_source(mount_of("overlay", makedev(0, 99), "overlay", "rw," + layers));
    };
    EXPECT_NE(overlay("lowerdir=/a,upperdir=/u"), overlay("lowerdir=/b,upperdir=/u"));
    EXPECT_NE(overlay("lowerdir=/a,upperdir=/u"), overlay("lowerdir=/a,upperdir=/v"));
}

TEST(FileSystemDescription, SaysWhatIsMountedAndWhichPartOfIt) {
    EXPECT_EQ(describe({"lustre", "mgs@tcp:/a", "/", "mgs@tcp:/a"}), "lustre mgs@tcp:/a");
    EXPECT_EQ(describe({"beegfs", "beegfs_nodev", "/", "beegfs_nodev,cfgFile=/a"}),
              "beegfs beegfs_nodev,cfgFile=/a");
    EXPECT_EQ(describe({"ext4", "/dev/sda1", "/data", "fsid 7"}), "ext4 /dev/sda1, fsid 7 (/data)");
    EXPECT_EQ(describe({"", "", "", "device 0:42"}), "device 0:42");
}

// --------------------------------------------------------------------------------------
// directories

class MountedFileSystem : public OpenFolder {
protected:
    MountedFileSystem() {
        for (const char* name :
             {"place", "other", "a", "b", "upper", "upper-b", "work", "work-b"}) {
            fs::create_directory(path(name));
        }
    }
    bool make_image(const std::string& name, const std::string& make) const {
        test_support::write_text(path(name), "");
        return ::truncate(path(name).c_str(), 128 << 20) == 0 &&
               run({make, "-q", path(name)}).exit_code == 0;
    }
    bool mount_image(const std::string& name, const std::string& place = "place") const {
        return mount_by_command("-o loop " + path(name) + " " + path(place));
    }
    bool mount_overlay(const std::string& lower, const std::string& more = "") const {
        const std::string layers = "lowerdir=" + path(lower) + ",upperdir=" + path("upper" + more) +
                                   ",workdir=" + path("work" + more);
        return ::mount("overlay", path("place").c_str(), "overlay", 0, layers.c_str()) == 0;
    }
    bool mount_tmpfs(const std::string& place = "place") const {
        return ::mount("none", path(place).c_str(), "tmpfs", 0, "size=64k") == 0;
    }
    bool bind(const std::string& from, const std::string& place = "place") const {
        return ::mount(path(from).c_str(), path(place).c_str(), nullptr, MS_BIND, nullptr) == 0;
    }
    bool unmount(const std::string& place = "place") const {
        return ::umount(path(place).c_str()) == 0;
    }
    FileSystem now(const std::string& place = "place") const {
        auto system = file_system_of(path(place));
        EXPECT_TRUE(system) << system.error().message;
        return system ? *std::move(system) : FileSystem{};
    }
};

TEST_F(MountedFileSystem, IsThatOfEveryDirectoryBelow) {
    fs::create_directories(path("a/below"));
    fs::create_symlink("a", path("link"));

    EXPECT_EQ(now("a/below"), now());
    EXPECT_EQ(now("link"), now());
    EXPECT_FALSE(*file_system_of("/proc") == now());
}

TEST_F(MountedFileSystem, IsOfDirectoriesOnly) {
    fs::create_symlink("nowhere", path("dangling"));

    EXPECT_EQ(errno_of(file_system_of(path("nothing"))), ENOENT);
    EXPECT_EQ(errno_of(file_system_of(path("dangling"))), ENOENT);
    EXPECT_EQ(errno_of(file_system_of("/proc/version")), ENOTDIR);
}

TEST_F(MountedFileSystem, ThatWentAwayIsNotTheOneBelow) {
    const FileSystem below = now();

    expect_with_mounts([&] { return mount_tmpfs(); },
                       [&] {
                           const FileSystem mounted = now();
                           return unmount() && !(mounted == below) && now() == below;
                       });
}

// What takes the number that is free may be somebody else's mount, too: then these two show less.
TEST_F(MountedFileSystem, OfADiskIsTheSameUnderAnotherDeviceNumber) {
    for (const char* make : {"/sbin/mkfs.ext4", "/sbin/mkfs.btrfs"}) {
        SCOPED_TRACE(make);
        expect_with_mounts(
            [&] {
                return make_image("image", make) && make_image("another", make) &&
                       mount_image("image");
            },
            [&] {
                const FileSystem first = now();
                const bool takes_its_number = unmount() && mount_image("another", "other");
                return takes_its_number && mount_image("image") && now() == first &&
                       !(now("other") == first);
            });
    }
}

// As network file systems are: without a device, and with a new number at each mount.
TEST_F(MountedFileSystem, WithoutADeviceIsTheSameWhenItIsMountedAgain) {
    expect_with_mounts([&] { return mount_overlay("a"); },
                       [&] {
                           const FileSystem first = now();
                           const bool takes_its_number = unmount() && mount_tmpfs("other");
                           return takes_its_number && mount_overlay("a") && now() == first;
                       });
}

TEST_F(MountedFileSystem, WithoutADeviceIsNotAnotherOfItsType) {
    expect_with_mounts([&] { return mount_overlay("a"); },
                       [&] {
                           const FileSystem first = now();
                           return unmount() && mount_overlay("b", "-b") && !(now() == first);
                       });
}

TEST_F(MountedFileSystem, InMemoryIsAnotherWhenItIsMountedAgain) {
    expect_with_mounts([&] { return mount_tmpfs(); },
                       [&] {
                           const FileSystem first = now();
                           return unmount() && mount_tmpfs() && !(now() == first);
                       });
}

TEST_F(MountedFileSystem, IsTheTopmostOfSeveralAtOnePlace) {
    expect_with_mounts([&] { return bind("a"); },
                       [&] {
                           const FileSystem lower = now();
                           const bool covered = bind("b") && !(now() == lower);
                           return covered && unmount() && now() == lower;
                       });
}

TEST_F(MountedFileSystem, ThatIsABindMountIsOfTheDirectoryThatIsBound) {
    const FileSystem below = now();

    expect_with_mounts([&] { return bind("a"); },
                       [&] {
                           const FileSystem of_a = now();
                           const bool again = unmount() && bind("a") && now() == of_a;
                           const bool other = unmount() && bind("b") && !(now() == of_a);
                           return again && other && !(of_a == below);
                       });
}

TEST_F(MountedFileSystem, IsFoundAtPathsWithSpacesInThem) {
    fs::create_directory(path("a b\tc"));

    expect_with_mounts([&] { return bind("a b\tc"); },
                       [&] { return now().root.ends_with("/a b\tc") && !now().type.empty(); });
}

}  // namespace
}  // namespace godwit::files
