#include "files/attributes.h"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <filesystem>
#include <limits>

#include "open_folder.h"

namespace godwit::files {
namespace {

namespace fs = std::filesystem;
using test_support::write_text;

constexpr std::int64_t kSecond = 1'000'000'000;

class AppliedAttributes : public OpenFolder {
protected:
    AppliedAttributes() {
        write_text(path("file"), "content");
        file_.reset(::open(path("file").c_str(), O_RDWR | O_CLOEXEC));
    }

    // The attributes of what has the name, to be changed and applied.
    Attributes of(const std::string& name) const {
        const auto attributes = stat_at(fd(), name);
        EXPECT_TRUE(attributes) << name;
        return attributes ? *attributes : Attributes{};
    }
    int file() const noexcept { return file_.get(); }

private:
    base::UniqueFd file_;
};

// ---------------------------------------------------------------------------------------- reading

TEST_F(AppliedAttributes, AreWhatStatSays) {
    ASSERT_EQ(::chmod(path("file").c_str(), 06751), 0);
    test_support::set_mtime(path("file"), 1'234'567'890'123'456'789);
    struct stat info {};
    ASSERT_EQ(::stat(path("file").c_str(), &info), 0);

    const auto attributes = stat_of(file());

    ASSERT_TRUE(attributes);
    EXPECT_EQ(attributes->type, EntryType::File);
    EXPECT_EQ(attributes->mode, 06751U);
    EXPECT_EQ(attributes->uid, info.st_uid);
    EXPECT_EQ(attributes->gid, info.st_gid);
    EXPECT_EQ(attributes->size, 7U);
    EXPECT_EQ(attributes->mtime_ns, 1'234'567'890'123'456'789);
    EXPECT_EQ(attributes->ctime_ns, info.st_ctim.tv_sec * kSecond + info.st_ctim.tv_nsec);
    EXPECT_EQ(attributes->inode, info.st_ino);
    EXPECT_EQ(attributes->device, info.st_dev);
    EXPECT_EQ(attributes->links, 1U);
    EXPECT_EQ(*attributes, of("file"));
}

TEST_F(AppliedAttributes, OfWhatIsNotThereAreNotFound) {
    EXPECT_EQ(errno_of(stat_at(fd(), "gone")), ENOENT);
    EXPECT_EQ(errno_of(apply_at(fd(), "gone", Attributes{})), ENOENT);
}

// ------------------------------------------------------------------------------------------ modes

TEST_F(AppliedAttributes, HaveEveryModeThatThereIs) {
    Attributes wanted = of("file");

    for (wanted.mode = 0; wanted.mode <= 07777; ++wanted.mode) {
        ASSERT_TRUE(apply_to_file(file(), wanted));
        ASSERT_EQ(of("file").mode, wanted.mode) << std::oct << wanted.mode;
    }
}

TEST_F(AppliedAttributes, OfADirectoryHaveEveryModeByNameAndByDescriptor) {
    fs::create_directory(path("folder"));
    const base::UniqueFd folder{::open(path("folder").c_str(), O_RDONLY | O_CLOEXEC)};
    Attributes wanted = of("folder");

    for (const std::uint32_t mode : {0U, 0111U, 0755U, 01777U, 02770U, 07777U}) {
        wanted.mode = mode;
        ASSERT_TRUE(apply_at(fd(), "folder", wanted));
        EXPECT_EQ(of("folder").mode, mode);
        wanted.mode = mode ^ 0700U;
        ASSERT_TRUE(apply_to_file(folder.get(), wanted));
        EXPECT_EQ(of("folder").mode, mode ^ 0700U);
    }
}

// ------------------------------------------------------------------------------------------ times

TEST_F(AppliedAttributes, HaveTimesToTheNanosecondBefore1970AndAfter2038) {
    for (const std::int64_t time : {std::int64_t{0}, std::int64_t{-1}, -kSecond, -kSecond - 1,
                                    -1'999'999'999 * kSecond - 999'999'999,
                                    2'147'483'648 * kSecond + 1, 4'102'444'800 * kSecond + 7}) {
        Attributes wanted = of("file");
        wanted.mtime_ns = time;

        ASSERT_TRUE(apply_to_file(file(), wanted));

        EXPECT_EQ(of("file").mtime_ns, time);
    }
}

TEST_F(AppliedAttributes, LeaveTheTimeOfTheLastReadAlone) {
    const timespec times[2] = {{1'000, 5}, {2'000, 5}};
    ASSERT_EQ(::futimens(file(), times), 0);
    Attributes wanted = of("file");
    wanted.mtime_ns = 3'000 * kSecond;

    ASSERT_TRUE(apply_to_file(file(), wanted));

    struct stat info {};
    ASSERT_EQ(::fstat(file(), &info), 0);
    EXPECT_EQ(info.st_atim.tv_sec, 1'000);
    EXPECT_EQ(info.st_atim.tv_nsec, 5);
}

TEST_F(AppliedAttributes, OfATimeThatNanosecondsCannotCountAreTheNearestThatTheyCan) {
    const base::UniqueFd memory{::memfd_create("times", MFD_CLOEXEC)};
    const timespec far[2] = {{0, UTIME_OMIT}, {200'000'000'000, 5}};
    const timespec long_ago[2] = {{0, UTIME_OMIT}, {-200'000'000'000, 5}};

    ASSERT_EQ(::futimens(memory.get(), far), 0);
    EXPECT_EQ(stat_of(memory.get())->mtime_ns, std::numeric_limits<std::int64_t>::max());
    ASSERT_EQ(::futimens(memory.get(), long_ago), 0);
    EXPECT_EQ(stat_of(memory.get())->mtime_ns, std::numeric_limits<std::int64_t>::min());
}

TEST_F(AppliedAttributes, OfTheFirstAndTheLastNanosecondComeBackAsTheyWere) {
    const base::UniqueFd memory{::memfd_create("times", MFD_CLOEXEC)};

    for (const std::int64_t time :
         {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
        Attributes wanted = *stat_of(memory.get());
        wanted.mtime_ns = time;
        ASSERT_TRUE(apply_to_file(memory.get(), wanted));
        EXPECT_EQ(stat_of(memory.get())->mtime_ns, time);
    }
}

// ------------------------------------------------------------------------------------------ links

TEST_F(AppliedAttributes, OfALinkAreItsOwnAndNotItsTargets) {
    fs::create_symlink("file", path("link"));
    const Attributes target = of("file");
    Attributes wanted = of("link");
    wanted.mtime_ns = -5 * kSecond + 123;
    wanted.mode = 0600;  // Links have none.

    const auto applied = apply_at(fd(), "link", wanted);

    ASSERT_TRUE(applied) << applied.error().message;
    EXPECT_EQ(of("link").mtime_ns, wanted.mtime_ns);
    EXPECT_EQ(of("file"), target);
}

TEST_F(AppliedAttributes, AreNotAppliedToWhatIsOfAnotherTypeByNow) {
    fs::create_symlink("file", path("link"));
    const Attributes before = of("file");
    Attributes wanted = before;
    wanted.mode = 04777;

    const auto through_link = apply_at(fd(), "link", wanted);
    wanted.type = EntryType::Directory;
    const auto as_directory = apply_at(fd(), "file", wanted);

    ASSERT_FALSE(through_link);
    EXPECT_EQ(through_link.error().native, ENOTDIR);
    ASSERT_FALSE(as_directory);
    EXPECT_EQ(as_directory.error().native, ENOTDIR);
    EXPECT_EQ(of("file"), before);
}

}  // namespace
}  // namespace godwit::files
