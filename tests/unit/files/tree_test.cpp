#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "files/listing.h"
#include "files/root.h"
#include "open_folder.h"

namespace godwit::files {
namespace {

namespace fs = std::filesystem;
using test_support::write_text;
using testing::ElementsAre;

// A storage path with folders and links in it, and a folder outside that nobody may reach.
class ConfinedTree : public OpenFolder {
protected:
    ConfinedTree() {
        fs::create_directories(storage_ + "/a/b");
        fs::create_directories(path("outside/secret"));
        write_text(storage_ + "/a/file", "x");
    }

    Result<Tree> open(std::string_view relative) const {
        return Tree::open(storage_, relative.empty() ? storage_ : join(storage_, relative));
    }
    Result<Tree> open_or_make(std::string_view relative) const {
        return Tree::open_or_make(storage_, join(storage_, relative));
    }
    static std::uint64_t inode_of(const std::string& path) {
        struct stat info {};
        return ::stat(path.c_str(), &info) == 0 ? info.st_ino : 0;
    }

    const std::string storage_ = path("storage");
};

TEST_F(ConfinedTree, OpensTheStoragePathAndWhatLiesBeneathIt) {
    const auto whole = open("");
    const auto beneath = open("a/b");

    ASSERT_TRUE(whole) << whole.error().message;
    ASSERT_TRUE(beneath) << beneath.error().message;
    EXPECT_EQ(stat_of(whole->fd())->inode, inode_of(storage_));
    EXPECT_EQ(stat_of(beneath->fd())->inode, inode_of(storage_ + "/a/b"));
}

TEST_F(ConfinedTree, FollowsLinksInTheStoragePathItself) {
    fs::create_symlink("storage", path("mounted"));

    const auto opened = Tree::open(path("mounted"), path("mounted/a"));

    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(stat_of(opened->fd())->inode, inode_of(storage_ + "/a"));
}

TEST_F(ConfinedTree, FollowsALinkThatStaysInside) {
    fs::create_symlink("a/b", storage_ + "/link");

    const auto opened = open("link");

    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(stat_of(opened->fd())->inode, inode_of(storage_ + "/a/b"));
}

TEST_F(ConfinedTree, RefusesWhatLeadsOutside) {
    fs::create_symlink("../outside", storage_ + "/relative");
    fs::create_symlink(path("outside"), storage_ + "/absolute");
    fs::create_symlink("../../outside/secret", storage_ + "/a/deeper");

    for (const char* name : {"relative", "relative/secret", "absolute", "absolute/secret",
                             "a/deeper", "..", "../outside", "a/../../outside"}) {
        const auto opened = open(name);

        ASSERT_FALSE(opened) << name;
        EXPECT_EQ(opened.error().native, EXDEV) << name;
        EXPECT_EQ(opened.error().code, Code::InvalidArgument) << name;
    }
}

TEST_F(ConfinedTree, RefusesLinksOfTheKernelThatJumpOutOfEveryTree) {
    const auto opened = Tree::open("/proc", "/proc/self/root");

    EXPECT_EQ(errno_of(opened), ELOOP);
}

TEST_F(ConfinedTree, RefusesLinksThatLeadToEachOther) {
    fs::create_symlink("second", storage_ + "/first");
    fs::create_symlink("first", storage_ + "/second");

    EXPECT_EQ(errno_of(open("first")), ELOOP);
}

TEST_F(ConfinedTree, SaysWhetherThereIsNothingOrNoDirectory) {
    const auto nothing = open("nothing");
    const auto file = open("a/file");

    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error().code, Code::NotFound);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, Code::InvalidArgument);
    EXPECT_EQ(file.error().native, ENOTDIR);
}

// ------------------------------------------------------------------------------------------ making

TEST_F(ConfinedTree, MakesMissingParentsAndKeepsWhatIsThere) {
    const auto made = open_or_make("a/new/folder");
    const auto again = open_or_make("a/new/folder");

    ASSERT_TRUE(made) << made.error().message;
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(stat_of(made->fd())->inode, inode_of(storage_ + "/a/new/folder"));
    EXPECT_EQ(stat_of(again->fd())->inode, stat_of(made->fd())->inode);
    EXPECT_TRUE(fs::exists(storage_ + "/a/file"));
}

TEST_F(ConfinedTree, WhatItMakesHasTheModeThatTheUmaskLeaves) {
    const mode_t before = ::umask(027);
    const auto made = open_or_make("masked");
    ::umask(before);

    ASSERT_TRUE(made);
    EXPECT_EQ(stat_of(made->fd())->mode, 0750U);
}

TEST_F(ConfinedTree, NeverMakesTheStoragePathItself) {
    fs::remove_all(storage_);

    const auto made = open_or_make("new");

    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Code::NotFound);
    EXPECT_FALSE(fs::exists(storage_));
}

TEST_F(ConfinedTree, MakesNothingThroughALinkThatLeadsOutside) {
    fs::create_symlink("../outside", storage_ + "/link");
    fs::create_symlink("../outside/new", storage_ + "/dangling");

    EXPECT_EQ(errno_of(open_or_make("link/new")), EXDEV);
    EXPECT_FALSE(open_or_make("dangling"));
    EXPECT_FALSE(open_or_make("dangling/below"));
    EXPECT_FALSE(fs::exists(path("outside/new")));
}

TEST_F(ConfinedTree, MakesNothingBeneathAFile) {
    EXPECT_EQ(errno_of(open_or_make("a/file/new")), ENOTDIR);
}

TEST_F(ConfinedTree, IsMadeByManyAtOnce) {
    std::vector<int> errors(4, -1);
    {
        std::vector<std::jthread> makers;
        for (int& error : errors) {
            makers.emplace_back([&] { error = errno_of(open_or_make("n/e/w/t/r/e/e")); });
        }
    }

    EXPECT_THAT(errors, ElementsAre(0, 0, 0, 0));
}

// ------------------------------------------------------------------------------- below the root

TEST_F(ConfinedTree, OpensItsDirectoriesForReading) {
    const auto tree = open("a");
    ASSERT_TRUE(tree);

    const auto root = tree->open_directory("");
    const auto below = tree->open_directory("b");

    ASSERT_TRUE(root);
    EXPECT_THAT(*names_in(root->get()), ElementsAre("b", "file"));
    ASSERT_TRUE(below);
    EXPECT_EQ(stat_of(below->get())->inode, inode_of(storage_ + "/a/b"));
}

TEST_F(ConfinedTree, FollowsNoLinkBelowItsRoot) {
    fs::create_directory_symlink("b", storage_ + "/a/inside");
    fs::create_directory_symlink(path("outside"), storage_ + "/a/outside");
    const auto tree = open("a");
    ASSERT_TRUE(tree);

    for (const char* name : {"inside", "outside", "outside/secret"}) {
        const auto opened = tree->open_directory(name);

        ASSERT_FALSE(opened) << name;
        EXPECT_EQ(opened.error().native, ELOOP) << name;
    }
}

TEST_F(ConfinedTree, IsNotLeftUpwards) {
    const auto tree = open("a");
    ASSERT_TRUE(tree);

    for (const char* name : {"..", "../../outside", "b/../../.."}) {
        const auto opened = tree->open_directory(name);

        ASSERT_FALSE(opened) << name;
        EXPECT_EQ(opened.error().native, EXDEV) << name;
    }
}

TEST_F(ConfinedTree, SaysWhatIsNoDirectoryBelowItsRoot) {
    const auto tree = open("");
    ASSERT_TRUE(tree);

    EXPECT_EQ(errno_of(tree->open_directory("a/file")), ENOTDIR);
    EXPECT_EQ(errno_of(tree->open_directory("a/nothing")), ENOENT);
    EXPECT_EQ(errno_of(tree->open_directory(std::string(300, 'n'))), ENAMETOOLONG);
    EXPECT_EQ(errno_of(tree->open_directory(std::string(5000, 'n'))), ENAMETOOLONG);
}

// Directories nested further than the kernel takes a path.
class DeepTree : public ConfinedTree {
protected:
    static constexpr int kDepth = 60;

    DeepTree() {
        base::UniqueFd at{::open(storage_.c_str(), O_PATH | O_CLOEXEC)};
        const std::string name(200, 'd');
        for (int i = 0; i < kDepth; ++i) {
            ::mkdirat(at.get(), name.c_str(), 0777);
            at.reset(::openat(at.get(), name.c_str(), O_PATH | O_CLOEXEC));
            deep_ = join(deep_, name);
        }
        ::mkdirat(at.get(), "last", 0777);
        ::symlinkat("last", at.get(), "link");
    }

    std::string deep_;
};

TEST_F(DeepTree, IsOpenedBeyondTheLongestPath) {
    const auto tree = open("");
    ASSERT_TRUE(tree);
    ASSERT_GT(deep_.size(), 2U * PATH_MAX);

    const auto deep = tree->open_directory(deep_);
    const auto as_root = open(deep_);

    ASSERT_TRUE(deep) << deep.error().message;
    EXPECT_THAT(*names_in(deep->get()), ElementsAre("last", "link"));
    ASSERT_TRUE(as_root) << as_root.error().message;
    EXPECT_EQ(stat_of(as_root->fd())->inode, stat_of(deep->get())->inode);
}

TEST_F(DeepTree, IsMadeBeyondTheLongestPath) {
    const auto made = open_or_make(deep_ + "/new/folder");

    ASSERT_TRUE(made) << made.error().message;
    EXPECT_TRUE(open(deep_ + "/new/folder"));
}

TEST_F(DeepTree, IsAsConfinedFarBelowAsAbove) {
    const auto tree = open("");
    ASSERT_TRUE(tree);
    std::string climb = deep_;
    for (int i = 0; i <= kDepth; ++i) climb += "/..";

    EXPECT_EQ(errno_of(tree->open_directory(deep_ + "/link")), ELOOP);
    EXPECT_EQ(errno_of(tree->open_directory(climb)), EXDEV);
}

// -------------------------------------------------------------------------------------------
// pieces

TEST_F(OpenFolder, AFileIsNeverOpenedThroughALink) {
    write_text(path("file"), "x");
    fs::create_symlink("file", path("link"));

    EXPECT_TRUE(open_file_at(fd(), "file"));
    EXPECT_EQ(errno_of(open_file_at(fd(), "link")), ELOOP);
    EXPECT_EQ(errno_of(open_file_at(fd(), "nothing")), ENOENT);
}

TEST_F(OpenFolder, AFifoWithoutAWriterIsOpenedAtOnce) {
    ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);

    const auto opened = open_file_at(fd(), "fifo");

    ASSERT_TRUE(opened);
    EXPECT_EQ(stat_of(opened->get())->type, EntryType::Fifo);
}

TEST(RelativePath, IsSplitAtItsLastSlashAndJoinedAgain) {
    for (const auto& [whole, directory, name] :
         {std::tuple{"a/b/c", "a/b", "c"}, std::tuple{"c", "", "c"}}) {
        const SplitPath parts = split(whole);

        EXPECT_EQ(parts.directory, directory);
        EXPECT_EQ(parts.name, name);
        EXPECT_EQ(join(parts.directory, parts.name), whole);
    }
}

}  // namespace
}  // namespace godwit::files
