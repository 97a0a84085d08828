#include "agent/mounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <filesystem>

#include "support/captured_log.h"
#include "support/tree.h"

namespace godwit::agent {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// A file system of its own, while the object lives.
class MountedFileSystem {
public:
    explicit MountedFileSystem(std::string path, const char* type = "tmpfs",
                               const std::string& options = "size=64k")
        : path_{std::move(path)} {
        mounted_ = ::mount("godwit-test", path_.c_str(), type, 0, options.c_str()) == 0;
    }
    ~MountedFileSystem() { unmount(); }
    MountedFileSystem(const MountedFileSystem&) = delete;
    MountedFileSystem& operator=(const MountedFileSystem&) = delete;

    bool is_mounted() const noexcept { return mounted_; }
    void unmount() noexcept {
        if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
        mounted_ = false;
    }

private:
    const std::string path_;
    bool mounted_ = false;
};

class StoragePaths : public testing::Test {
protected:
    StoragePaths() {
        fs::create_directory(a_);
        fs::create_directory(b_);
    }

    test_support::TemporaryFolder folder_;
    const std::string a_ = folder_.path("a");
    const std::string b_ = folder_.path("b");
};

TEST_F(StoragePaths, ThatAreThereAreOffered) {
    Mounts mounts{{a_, b_}};
    EXPECT_THAT(mounts.present(), IsEmpty()) << "nobody has looked yet";

    EXPECT_THAT(mounts.check(), UnorderedElementsAre(a_, b_));
    EXPECT_THAT(mounts.present(), UnorderedElementsAre(a_, b_));
}

TEST_F(StoragePaths, ThatAreNotThereAreNotOfferedUntilTheyAre) {
    fs::remove(b_);
    Mounts mounts{{a_, b_}};
    EXPECT_THAT(mounts.check(), ElementsAre(a_));

    fs::create_directory(b_);

    EXPECT_THAT(mounts.present(), ElementsAre(a_)) << "as of the last look";
    EXPECT_THAT(mounts.check(), UnorderedElementsAre(a_, b_));
}

TEST_F(StoragePaths, ThatGoAwayAreNotOfferedUntilTheyAreBack) {
    Mounts mounts{{a_, b_}};
    mounts.check();

    fs::remove(a_);
    EXPECT_THAT(mounts.check(), ElementsAre(b_));
    fs::create_directory(a_);
    EXPECT_THAT(mounts.check(), UnorderedElementsAre(a_, b_));
}

TEST_F(StoragePaths, ThatAreNoDirectoriesAreNotOffered) {
    test_support::write_text(folder_.path("file"), "x");
    fs::create_symlink("nowhere", folder_.path("dangling"));
    Mounts mounts{{folder_.path("file"), folder_.path("dangling"), a_}};

    EXPECT_THAT(mounts.check(), ElementsAre(a_));
}

TEST_F(StoragePaths, WhoseFileSystemWasUnmountedAreNotTakenForEmptyOnes) {
    MountedFileSystem mounted{a_};
    if (!mounted.is_mounted()) GTEST_SKIP() << "needs the right to mount";
    Mounts mounts{{a_, b_}};
    EXPECT_THAT(mounts.check(), UnorderedElementsAre(a_, b_));

    mounted.unmount();

    EXPECT_THAT(mounts.check(), ElementsAre(b_));
    EXPECT_THAT(mounts.present(), ElementsAre(b_));
}

TEST_F(StoragePaths, WithAnotherFileSystemOnThemAreNotOfferedUntilItIsGone) {
    Mounts mounts{{a_, b_}};
    mounts.check();
    {
        const MountedFileSystem over_it{a_};
        if (!over_it.is_mounted()) GTEST_SKIP() << "needs the right to mount";
        EXPECT_THAT(mounts.check(), ElementsAre(b_));
    }

    EXPECT_THAT(mounts.check(), UnorderedElementsAre(a_, b_));
}

// overlay stands in for the file systems of a network: it has no device, and gets a new device
// number with each mount.
TEST_F(StoragePaths, WhoseFileSystemIsMountedAgainAreOffered) {
    for (const char* layer : {"lower", "upper", "work"}) fs::create_directory(folder_.path(layer));
    const std::string layers = "lowerdir=" + folder_.path("lower") +
                               ",upperdir=" + folder_.path("upper") +
                               ",workdir=" + folder_.path("work");
    MountedFileSystem mounted{a_, "overlay", layers};
    if (!mounted.is_mounted()) GTEST_SKIP() << "needs the right to mount, and overlay";
    const test_support::CapturedLog log;
    Mounts mounts{{a_}};
    EXPECT_THAT(mounts.check(), ElementsAre(a_));

    mounted.unmount();
    EXPECT_THAT(mounts.check(), IsEmpty());
    const MountedFileSystem takes_its_number{b_};
    const MountedFileSystem again{a_, "overlay", layers};

    EXPECT_TRUE(again.is_mounted());
    EXPECT_THAT(mounts.check(), ElementsAre(a_));
    EXPECT_THAT(log.text(), HasSubstr("overlay godwit-test")) << "what it was";
    EXPECT_THAT(log.text(), HasSubstr(files::describe(*files::file_system_of(folder_.path()))))
        << "what it is";
}

}  // namespace
}  // namespace godwit::agent
