// What must not happen, whatever becomes of the folders in the midst of a sync.
#include <sys/mount.h>

#include "semantics.h"

namespace godwit::integration {
namespace {

// A file system of memory on a folder, for as long as it is wanted.
class Mounted {
public:
    explicit Mounted(std::string path) : path_{std::move(path)} {
        fs::create_directories(path_);
        mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=64m") == 0;
    }
    Mounted(const Mounted&) = delete;
    Mounted& operator=(const Mounted&) = delete;
    ~Mounted() { unmount(); }

    bool is_mounted() const { return mounted_; }
    bool make_read_only() const {
        return ::mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=64m") == 0;
    }
    void unmount() {
        if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
        mounted_ = false;
    }

private:
    std::string path_;
    bool mounted_ = false;
};

class Safety : public Semantics {};

TEST_F(Safety, ASymlinkThatIsSwappedInLeadsNowhere) {
    constexpr int kFiles = 64;
    for (int i = 0; i < kFiles; ++i) {
        write_random(source("folder/" + std::to_string(i)), 256 << 10, static_cast<unsigned>(i));
    }
    const std::string outside = cluster_.folder("outside");
    fs::create_directories(outside);
    const std::string id =
        submit(source(), destination(), R"("bandwidth_limit_mbps":40)", R"(,"chunk_size_mb":1)");
    ASSERT_TRUE(eventually([&] { return cluster_.count(id, "files", "copied") > 0; }, patience()));

    fs::rename(destination("folder"), destination("moved"));
    fs::create_directory_symlink(outside, destination("folder"));

    const Ended ended = wait_for(id);
    EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    EXPECT_TRUE(fs::is_empty(outside));
    EXPECT_THAT(errors(id), Contains(HasSubstr("folder/")));
    expect_all_accounted_for(ended);
}

TEST_F(Safety, AReadOnlyFolderFailsItsFilesAndNoOthers) {
    if (!is_root()) GTEST_SKIP() << "mounting a file system needs root";
    const Mounted read_only{destination("read_only")};
    ASSERT_TRUE(read_only.is_mounted() && read_only.make_read_only());
    write_text(source("read_only/file"), "x");
    write_text(source("file"), "x");

    const Ended ended = sync();

    EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    EXPECT_THAT(errors(ended.id), Contains("read_only read_only/file"));
    EXPECT_EQ(read_file(destination("file")), "x");
    expect_all_accounted_for(ended);
}

class UnmountedSource : public Semantics {
protected:
    void SetUp() override {}  // Mounted first.
};

TEST_F(UnmountedSource, IsNotTakenForAnEmptyOne) {
    if (!is_root()) GTEST_SKIP() << "mounting a file system needs root";
    Mounted storage{cluster_.folder("a")};
    ASSERT_TRUE(storage.is_mounted());
    write_text(source("file"), "x");
    start();
    ASSERT_EQ(sync().state, "COMPLETED");

    storage.unmount();
    fs::create_directories(source("looks/alike"));
    const Ended ended = sync(R"("delete":"after","max_delete":"100%","mount_wait_seconds":1)");

    EXPECT_EQ(ended.state, "FAILED");
    EXPECT_EQ(read_file(destination("file")), "x");
    EXPECT_FALSE(fs::exists(destination("looks")));
}

}  // namespace
}  // namespace godwit::integration
