// Times of the last access: kept when they are to be, and set when told.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "files/attributes.h"
#include "files/nodes.h"
#include "files/publish.h"
#include "files/root.h"
#include "open_folder.h"
#include "publish_file.h"
#include "support/child.h"

namespace godwit::files {
namespace {

namespace fs = std::filesystem;
using test_support::run_as;
using test_support::write_text;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kAccessed = 1'111'111'111 * kSecond + 123'456'789;
constexpr std::int64_t kModified = 2'222'222'222 * kSecond + 987'654'321;
constexpr uid_t kSomebody = 12'345;

class Accessed : public OpenFolder {
protected:
    Accessed() {
        write_text(path("file"), "content");
        fs::create_directory(path("folder"));
        fs::create_symlink("nowhere", path("link"));
    }
    Attributes of(const std::string& name) const { return *stat_at(fd(), name); }
    Attributes wanted(const std::string& name) const {
        Attributes wanted = of(name);
        wanted.atime_ns = kAccessed;
        wanted.mtime_ns = kModified;
        return wanted;
    }
    void expect_times(const std::string& name, std::int64_t atime_ns) const {
        EXPECT_EQ(of(name).atime_ns, atime_ns) << name;
        EXPECT_EQ(of(name).mtime_ns, kModified) << name;
    }
    // Reads the file, and says whether that counted as an access.
    bool is_access(bool keep_atime) const {
        // Older than the modification, so that relatime does not keep it anyhow.
        const timespec times[2] = {{1, 0}, {2, 0}};
        EXPECT_EQ(::utimensat(fd(), "file", times, 0), 0);
        const auto file = open_file_at(fd(), "file", keep_atime);
        EXPECT_TRUE(file) << file.error().message;
        char byte = 0;
        EXPECT_EQ(::read(file->get(), &byte, 1), 1);
        return of("file").atime_ns != kSecond;
    }
};

TEST_F(Accessed, IsReadAsItIs) {
    const timespec times[2] = {{1'111'111'111, 123'456'789}, {5, 6}};
    for (const char* name : {"file", "folder", "link"}) {
        ASSERT_EQ(::utimensat(fd(), name, times, AT_SYMLINK_NOFOLLOW), 0);

        EXPECT_EQ(of(name).atime_ns, kAccessed) << name;
    }
}

TEST_F(Accessed, IsSetWhenToldForEverythingByName) {
    for (const char* name : {"file", "folder", "link"}) {
        ASSERT_TRUE(apply_at(fd(), name, wanted(name), {}, Times::ModifiedAndAccessed));

        expect_times(name, kAccessed);
    }
}

TEST_F(Accessed, IsLeftAloneWhenNotTold) {
    for (const char* name : {"file", "folder", "link"}) {
        const std::int64_t before = of(name).atime_ns;

        ASSERT_TRUE(apply_at(fd(), name, wanted(name)));

        expect_times(name, before);
    }
}

TEST_F(Accessed, IsSetByDescriptor) {
    const base::UniqueFd file{::openat(fd(), "file", O_RDWR | O_CLOEXEC)};

    ASSERT_TRUE(apply_to_file(file.get(), wanted("file"), Times::ModifiedAndAccessed));

    expect_times("file", kAccessed);
}

TEST_F(Accessed, IsSetBeforeItIsPublished) {
    Attributes fifo = wanted("file");
    fifo.type = EntryType::Fifo;
    auto file = NewFile::create(fd(), temporary_name("new", 1));
    ASSERT_TRUE(file);

    ASSERT_TRUE(publish_file(*file, "new", wanted("file"), Durability::None, {},
                             Times::ModifiedAndAccessed));
    ASSERT_TRUE(
        publish_symlink(fd(), "new link", "x", wanted("link"), 1, {}, Times::ModifiedAndAccessed));
    ASSERT_TRUE(publish_node(fd(), "new node", fifo, 1, {}, Times::ModifiedAndAccessed));

    for (const char* name : {"new", "new link", "new node"}) expect_times(name, kAccessed);
}

TEST_F(Accessed, IsKeptByReadingThatIsToKeepIt) {
    if (!is_access(false)) GTEST_SKIP() << "the file system is mounted with noatime";

    EXPECT_FALSE(is_access(true));
}

TEST_F(Accessed, IsKeptWhenWhatIsOpenIsOpenedAnew) {
    if (!is_access(false)) GTEST_SKIP() << "the file system is mounted with noatime";
    const timespec times[2] = {{1, 0}, {2, 0}};
    ASSERT_EQ(::utimensat(fd(), "file", times, 0), 0);
    const base::UniqueFd path_only{::openat(fd(), "file", O_PATH | O_CLOEXEC)};

    const auto file = reopen_file(path_only.get(), true);

    ASSERT_TRUE(file);
    char byte = 0;
    ASSERT_EQ(::read(file->get(), &byte, 1), 1);
    EXPECT_EQ(of("file").atime_ns, kSecond);
}

TEST_F(Accessed, DoesNotKeepOthersFromReadingWhatIsNotTheirs) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";

    const int read = run_as(kSomebody, {}, [&] {
        const auto file = open_file_at(fd(), "file", true);
        char byte = 0;
        return file && ::read(file->get(), &byte, 1) == 1;
    });

    EXPECT_EQ(read, 1);
}

TEST_F(Accessed, SaysNothingOfDevicesAndHolesWhereThereAreNone) {
    EXPECT_EQ(of("file").device_number, 0U);
    EXPECT_FALSE(of("file").sparse);
    EXPECT_FALSE(of("folder").sparse);
    EXPECT_FALSE(of("link").sparse);
}

}  // namespace
}  // namespace godwit::files
