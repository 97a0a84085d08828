// What is published beside regular files: links and directories; and the names of temporaries.
#include "files/publish.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <climits>
#include <filesystem>

#include "files/listing.h"
#include "open_folder.h"

namespace godwit::files {
namespace {

namespace fs = std::filesystem;
using test_support::write_text;
using testing::ElementsAre;
using testing::IsEmpty;

// ------------------------------------------------------------------------------------- temporaries

TEST(TemporaryName, IsOfFixedLengthAndHidden) {
    const std::string expected = temporary_name("x", 0);

    for (const std::string& name :
         {std::string{}, std::string(255, 'n'), std::string{"\xFF\n"}, std::string{"x"}}) {
        for (const std::uint64_t generation : {std::uint64_t{0}, UINT64_MAX}) {
            const std::string temporary = temporary_name(name, generation);

            EXPECT_EQ(temporary.size(), expected.size());
            EXPECT_LE(temporary.size(), std::size_t{NAME_MAX});
            EXPECT_TRUE(temporary.starts_with(".godwit."));
            EXPECT_TRUE(is_temporary(temporary)) << temporary;
        }
    }
}

TEST(TemporaryName, IsTheSameForEveryWorkerAndAnotherForEveryPlan) {
    EXPECT_EQ(temporary_name("file", 7), temporary_name("file", 7));
    EXPECT_NE(temporary_name("file", 7), temporary_name("file", 8));
    EXPECT_NE(temporary_name("file", 7), temporary_name("life", 7));
}

TEST(TemporaryName, IsNotSeenInNamesOfOthers) {
    const std::string temporary = temporary_name("file", 7);
    std::string damaged = temporary;
    damaged.back() = 'g';
    std::string undotted = temporary;
    undotted[24] = '0';

    for (const std::string& name :
         {std::string{}, std::string{".godwit."}, temporary + "0", damaged, undotted,
          temporary.substr(1), "x" + temporary.substr(1), temporary.substr(0, temporary.size() - 1),
          std::string(temporary.size(), '0')}) {
        EXPECT_FALSE(is_temporary(name)) << name;
    }
}

TEST_F(OpenFolder, ATemporaryIsRemovedAndMayBeGoneBefore) {
    write_text(path(".temporary"), "x");

    EXPECT_TRUE(remove_temporary(fd(), ".temporary"));
    EXPECT_TRUE(remove_temporary(fd(), ".temporary"));
    EXPECT_THAT(*names_in(fd()), IsEmpty());
}

TEST_F(OpenFolder, ADirectoryIsNoTemporary) {
    fs::create_directory(path("folder"));

    EXPECT_FALSE(remove_temporary(fd(), "folder"));
    EXPECT_TRUE(fs::exists(path("folder")));
}

// ------------------------------------------------------------------------------------------- links

class PublishedLink : public OpenFolder {
protected:
    static constexpr std::uint64_t kGeneration = 7;

    Result<Applied> publish(const std::string& target, std::int64_t mtime_ns = 42) const {
        Attributes wanted;
        wanted.type = EntryType::Symlink;
        wanted.mode = 0777;
        wanted.uid = ::geteuid();
        wanted.gid = ::getegid();
        wanted.mtime_ns = mtime_ns;
        return publish_symlink(fd(), "link", target, wanted, kGeneration);
    }
    void expect_no_temporary() const { EXPECT_THAT(*temporaries_in(fd()), IsEmpty()); }
};

TEST_F(PublishedLink, SaysWhatItWasToldAndHasItsTimes) {
    for (const std::string& target : {std::string{"x"}, std::string{"/nowhere/\xFF\n at all"},
                                      std::string(PATH_MAX - 1, 't')}) {
        const auto applied = publish(target, -1);

        ASSERT_TRUE(applied) << applied.error().message;
        EXPECT_TRUE(applied->owner_kept);
        EXPECT_EQ(*read_link(fd(), "link"), target);
        EXPECT_EQ(stat_at(fd(), "link")->mtime_ns, -1);
    }
    expect_no_temporary();
}

TEST_F(PublishedLink, ReplacesALinkAndAFile) {
    write_text(path("precious"), "precious");
    fs::create_symlink("precious", path("link"));
    ASSERT_TRUE(publish("first"));
    EXPECT_EQ(*read_link(fd(), "link"), "first");
    ASSERT_EQ(::unlinkat(fd(), "link", 0), 0);
    write_text(path("link"), "a file");

    ASSERT_TRUE(publish("second"));

    EXPECT_EQ(*read_link(fd(), "link"), "second");
    EXPECT_THAT(*names_in(fd()), ElementsAre("link", "precious"));
    expect_no_temporary();
}

TEST_F(PublishedLink, IsMadeThoughAnEarlierAttemptLeftItsTemporary) {
    fs::create_symlink("left over", path(temporary_name("link", kGeneration)));

    ASSERT_TRUE(publish("new"));

    EXPECT_EQ(*read_link(fd(), "link"), "new");
    expect_no_temporary();
}

TEST_F(PublishedLink, LeavesADirectoryInItsWayAndNoTemporary) {
    fs::create_directory(path("link"));

    const auto published = publish("target");

    ASSERT_FALSE(published);
    EXPECT_EQ(published.error().native, EISDIR);
    EXPECT_EQ(stat_at(fd(), "link")->type, EntryType::Directory);
    expect_no_temporary();
}

// ------------------------------------------------------------------------------------- directories

using MadeDirectory = OpenFolder;

TEST_F(MadeDirectory, SaysWhetherItWasThereBefore) {
    const auto first = make_directory(fd(), "new", 0755);
    const auto second = make_directory(fd(), "new", 0755);

    ASSERT_TRUE(first && second);
    EXPECT_TRUE(*first == Made::Created);
    EXPECT_TRUE(*second == Made::Existing);
}

TEST_F(MadeDirectory, CanBeWorkedInWhateverItsModeWillBe) {
    const mode_t before = ::umask(0);
    for (const std::uint32_t mode : {0U, 0555U, 02750U, 07777U}) {
        const std::string name = "mode-" + std::to_string(mode);

        ASSERT_TRUE(make_directory(fd(), name, mode));

        EXPECT_EQ(stat_at(fd(), name)->mode, (mode & 0777U) | 0700U);
    }
    ::umask(before);
}

TEST_F(MadeDirectory, KeepsTheModeOfOneThatWasThere) {
    fs::create_directory(path("there"));
    ASSERT_EQ(::chmod(path("there").c_str(), 0711), 0);

    ASSERT_TRUE(make_directory(fd(), "there", 0755));

    EXPECT_EQ(stat_at(fd(), "there")->mode, 0711U);
}

TEST_F(MadeDirectory, IsNoneWhereSomethingElseHasTheName) {
    write_text(path("file"), "x");
    fs::create_directory(path("folder"));
    fs::create_symlink("folder", path("link"));
    fs::create_symlink("nothing", path("dangling"));

    for (const char* name : {"file", "link", "dangling"}) {
        const auto made = make_directory(fd(), name, 0755);

        ASSERT_FALSE(made) << name;
        EXPECT_EQ(made.error().code, Code::InvalidArgument) << name;
        EXPECT_EQ(made.error().native, ENOTDIR) << name;
    }
    EXPECT_FALSE(fs::exists(path("nothing")));
}

TEST_F(MadeDirectory, HasAParent) {
    EXPECT_EQ(errno_of(make_directory(fd(), "no/parent", 0755)), ENOENT);
}

}  // namespace
}  // namespace godwit::files
