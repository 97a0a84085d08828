#include "files/removal.h"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <atomic>
#include <climits>
#include <filesystem>
#include <thread>

#include "files/attributes.h"
#include "files/publish.h"
#include "open_folder.h"
#include "support/child.h"
#include "support/mount_namespace.h"

namespace godwit::files {
namespace {

namespace fs = std::filesystem;
using test_support::run_as;
using test_support::write_text;

constexpr uid_t kSomebody = 12'345;

class RemovedTree : public OpenFolder {
protected:
    bool exists(const std::string& name) const { return stat_at(fd(), name).ok(); }
    void expect_removed(const Result<Removed>& removed, const Removed& wanted) const {
        ASSERT_TRUE(removed) << removed.error().message;
        EXPECT_EQ(removed->files, wanted.files);
        EXPECT_EQ(removed->directories, wanted.directories);
        EXPECT_EQ(removed->bytes, wanted.bytes);
        EXPECT_EQ(removed->complete, wanted.complete);
        EXPECT_FALSE(exists("tree"));
    }
    // `levels` directories in one another, each with a long name and a file.
    void make_deep(int levels, std::size_t name_bytes) const {
        const std::string name(name_bytes, 'd');
        ASSERT_EQ(::mkdirat(fd(), "tree", 0700), 0);
        base::UniqueFd at{::openat(fd(), "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        for (int i = 0; i < levels; ++i) {
            ASSERT_EQ(::mknodat(at.get(), "file", S_IFREG | 0600, 0), 0);
            ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0700), 0);
            at.reset(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
            ASSERT_TRUE(at);
        }
    }
};

TEST_F(RemovedTree, MayBeAFileOrALinkOrNothing) {
    write_text(path("precious"), "precious");
    write_text(path("tree"), "12345");
    expect_removed(remove_tree(fd(), "tree"), {1, 0, 5, true});

    fs::create_symlink("precious", path("tree"));
    expect_removed(remove_tree(fd(), "tree"), {1, 0, 0, true});

    expect_removed(remove_tree(fd(), "tree"), {0, 0, 0, true});
    EXPECT_TRUE(exists("precious"));
}

TEST_F(RemovedTree, GoesWithAllThatIsInItAndIsCounted) {
    write_text(path("tree/a/file"), "12345");
    write_text(path("tree/a/b/file"), "123");
    write_text(path("tree/" + temporary_name("x", 1)), "12");
    fs::create_directories(path("tree/empty/empty"));
    ASSERT_EQ(::mkfifo(path("tree/a/fifo").c_str(), 0600), 0);
    write_text(path("beside"), "stays");
    const base::UniqueFd path_only{::open(path().c_str(), O_PATH | O_CLOEXEC)};

    expect_removed(remove_tree(path_only.get(), "tree"), {4, 5, 10, true});

    EXPECT_TRUE(exists("beside"));
}

TEST_F(RemovedTree, FollowsNoLink) {
    write_text(path("outside/precious"), "precious");
    fs::create_directory(path("tree"));
    fs::create_directory_symlink(path("outside"), path("tree/absolute"));
    fs::create_directory_symlink("../outside", path("tree/relative"));
    fs::create_symlink("../outside/precious", path("tree/file"));
    fs::create_symlink(".", path("tree/loop"));

    expect_removed(remove_tree(fd(), "tree"), {4, 1, 0, true});

    EXPECT_TRUE(fs::exists(path("outside/precious")));
}

TEST_F(RemovedTree, MayBeAsDeepAndItsPathsAsLongAsTheyLike) {
    for (const auto& [levels, name_bytes] :
         {std::pair{150, std::size_t{NAME_MAX}}, std::pair{3'000, std::size_t{10}}}) {
        make_deep(levels, name_bytes);

        const auto count = static_cast<std::uint64_t>(levels);
        expect_removed(remove_tree(fd(), "tree"), {count, count + 1, 0, true});
    }
}

TEST_F(RemovedTree, MayBeWide) {
    ASSERT_EQ(::mkdirat(fd(), "tree", 0700), 0);
    const base::UniqueFd tree{::openat(fd(), "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    for (int i = 0; i < 5'000; ++i) {
        const std::string name = std::string(150, 'x') + std::to_string(i);
        ASSERT_EQ(i % 2 == 0 ? ::mknodat(tree.get(), name.c_str(), S_IFREG | 0600, 0)
                             : ::mkdirat(tree.get(), name.c_str(), 0700),
                  0);
    }

    expect_removed(remove_tree(fd(), "tree"), {2'500, 2'501, 0, true});
}

TEST_F(RemovedTree, IsGoneInStepsWhenItsCallerHasNoMoreTime) {
    for (int i = 0; i < 10; ++i) {
        write_text(path("tree/" + std::to_string(i % 3) + "/" + std::to_string(i)), "x");
    }
    Removed sum;
    int calls = 0;
    bool complete = false;

    for (; !complete && calls < 100; ++calls) {
        const auto removed = remove_tree(fd(), "tree", [](const Removed& so_far) {
            return so_far.files + so_far.directories < 3;
        });
        ASSERT_TRUE(removed);
        EXPECT_LE(removed->files + removed->directories, 3U);
        sum.files += removed->files;
        sum.directories += removed->directories;
        sum.bytes += removed->bytes;
        complete = removed->complete;
    }

    EXPECT_EQ(calls, 5);
    EXPECT_EQ(sum, (Removed{10, 4, 10, true}));
    EXPECT_FALSE(exists("tree"));
}

TEST_F(RemovedTree, StaysWhenItsCallerSaysNoAtOnce) {
    write_text(path("tree/file"), "x");

    const auto removed = remove_tree(fd(), "tree", [](const Removed&) { return false; });

    ASSERT_TRUE(removed);
    EXPECT_EQ(*removed, (Removed{0, 0, 0, false}));
    EXPECT_TRUE(fs::exists(path("tree/file")));
}

TEST_F(RemovedTree, MayBeRemovedByManyAtOnce) {
    std::uint64_t files = 0;
    for (int i = 0; i < 600; ++i, ++files) {
        write_text(path("tree/" + std::to_string(i % 20) + "/" + std::to_string(i)), "x");
    }
    std::atomic<std::uint64_t> removed_files{0};
    std::atomic<int> failures{0};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                const auto removed = remove_tree(fd(), "tree");
                if (removed) removed_files += removed->files;
                if (!removed) ++failures;
            });
        }
    }

    EXPECT_FALSE(exists("tree"));
    EXPECT_EQ(failures, 0);
    EXPECT_EQ(removed_files, files);
}

TEST_F(RemovedTree, TakesWhatIsAddedMeanwhileWithIt) {
    write_text(path("tree/first"), "x");
    bool added = false;

    const auto removed = remove_tree(fd(), "tree", [&](const Removed& so_far) {
        // The last file is gone, and the directory is next.
        if (so_far.files == 1 && !std::exchange(added, true)) {
            write_text(path("tree/second/file"), "late");
        }
        return true;
    });

    expect_removed(removed, {2, 2, 5, true});
}

TEST_F(RemovedTree, IsGivenUpWhenSomebodyKeepsAddingToIt) {
    write_text(path("tree/0"), "x");
    int added = 0;

    const auto removed = remove_tree(fd(), "tree", [&](const Removed&) {
        write_text(path("tree/" + std::to_string(++added)), "x");
        return true;
    });

    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().native, ENOTEMPTY);
    EXPECT_LT(added, 1'000);
}

// Were ".." trusted, the removal would go on where the directory was moved to.
TEST_F(RemovedTree, IsNotLeftByADirectoryThatIsMovedOutOfIt) {
    write_text(path("tree/inside/file"), "x");
    write_text(path("elsewhere/inside"), "precious");
    write_text(path("elsewhere/tree"), "precious");

    const auto removed = remove_tree(fd(), "tree", [&](const Removed& so_far) {
        if (so_far.files == 1 && fs::exists(path("tree/inside"))) {
            fs::rename(path("tree/inside"), path("elsewhere/moved"));
        }
        return true;
    });

    EXPECT_EQ(errno_of(removed), ESTALE);
    EXPECT_TRUE(fs::exists(path("elsewhere/inside")));
    EXPECT_TRUE(fs::exists(path("elsewhere/tree")));
}

TEST_F(RemovedTree, TakesALinkForALinkThoughItWasADirectoryAMomentAgo) {
    write_text(path("outside/precious"), "precious");
    write_text(path("tree/file"), "x");
    fs::create_directory(path("tree/swapped"));

    const auto removed = remove_tree(fd(), "tree", [&](const Removed& so_far) {
        if (so_far.files == 0) {
            fs::remove(path("tree/swapped"));
            fs::create_directory_symlink(path("outside"), path("tree/swapped"));
        }
        return true;
    });

    expect_removed(removed, {2, 1, 1, true});
    EXPECT_TRUE(fs::exists(path("outside/precious")));
}

// -------------------------------------------------------------------------------------- privileges

class RemovedTreeOfSomebody : public RemovedTree {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
        ASSERT_EQ(::chmod(path().c_str(), 0777), 0);
    }
    void give(const std::string& name) const {
        ASSERT_EQ(::lchown(path(name).c_str(), kSomebody, kSomebody), 0);
    }
    // The errno it failed with.
    int remove_as_somebody() const {
        return run_as(kSomebody, {}, [&] { return errno_of(remove_tree(fd(), "tree")); });
    }
};

TEST_F(RemovedTreeOfSomebody, GoesThoughItsDirectoriesDenyTheirOwnerEverything) {
    for (const mode_t mode : {0U, 0111U, 0222U, 0444U, 0500U, 0600U}) {
        write_text(path("tree/a/b/file"), "x");
        for (const char* name : {"tree", "tree/a", "tree/a/b", "tree/a/b/file"}) give(name);
        for (const char* name : {"tree/a/b", "tree/a", "tree"}) {
            ASSERT_EQ(::chmod(path(name).c_str(), mode), 0);
        }

        EXPECT_EQ(remove_as_somebody(), 0) << std::oct << mode;
        EXPECT_FALSE(exists("tree")) << std::oct << mode;
    }
}

TEST_F(RemovedTreeOfSomebody, LosesAllButWhatIsNotTheirs) {
    write_text(path("tree/a/kept"), "x");
    write_text(path("tree/b/file"), "x");
    write_text(path("tree/file"), "x");
    for (const char* name : {"tree", "tree/b", "tree/b/file", "tree/file"}) give(name);

    EXPECT_EQ(remove_as_somebody(), EACCES);

    EXPECT_TRUE(exists("tree/a/kept"));
    EXPECT_FALSE(exists("tree/b"));
    EXPECT_FALSE(exists("tree/file"));
}

TEST_F(RemovedTreeOfSomebody, SaysWhichEntryCouldNotBeRemovedAndTriesItOnce) {
    write_text(path("tree/a/b/kept"), "x");
    for (const char* name : {"tree", "tree/a"}) give(name);

    const int as_expected = run_as(kSomebody, {}, [&] {
        int steps = 0;
        const auto removed = remove_tree(fd(), "tree", [&](const Removed&) { return ++steps > 0; });
        return !removed && steps <= 5 &&
               removed.error().message.find("'tree/a/b/kept'") != std::string::npos;
    });

    EXPECT_EQ(as_expected, 1);
}

TEST_F(RemovedTreeOfSomebody, SaysTheFirstOfManyProblems) {
    write_text(path("tree/root's"), "x");
    write_text(path("tree/below/kept"), "x");
    ASSERT_EQ(::chmod(path("tree").c_str(), 01777), 0);

    // In a directory like /tmp, what is others' may not be removed; in one of others' nothing may.
    EXPECT_EQ(remove_as_somebody(), EPERM);
}

// ------------------------------------------------------------------------------------------ mounts

class RemovedTreeWithMounts : public RemovedTree {
protected:
    void SetUp() override {
        write_text(path("tree/a/file"), "x");
        write_text(path("precious/file"), "x");
        fs::create_directory(path("tree/mount"));
    }
    void expect(const char* type, const std::string& name,
                const std::function<bool(int folder)>& condition) const {
        const bool bind = std::string_view{type} == "bind";
        test_support::expect_with_mounts(
            [&] {
                return ::mount(path("precious").c_str(), path(name).c_str(), type,
                               bind ? unsigned{MS_BIND} : 0U, nullptr) == 0;
            },
            [&] {
                const base::UniqueFd folder{::open(path().c_str(), O_PATH | O_CLOEXEC)};
                return condition(folder.get());
            });
    }
};

TEST_F(RemovedTreeWithMounts, LosesAllButWhatIsMountedInIt) {
    for (const char* type : {"tmpfs", "bind"}) {
        write_text(path("tree/a/file"), "x");
        expect(type, "tree/mount", [&](int folder) {
            if (std::string_view{type} == "tmpfs") write_text(path("tree/mount/file"), "x");
            return errno_of(remove_tree(folder, "tree")) == EXDEV &&
                   fs::exists(path("tree/mount/file")) && !fs::exists(path("tree/a"));
        });
        EXPECT_TRUE(exists("precious/file"));
        EXPECT_TRUE(exists("tree/mount"));
    }
}

TEST_F(RemovedTreeWithMounts, StaysWhenItIsMountedItself) {
    expect("bind", "tree", [&](int folder) {
        return errno_of(remove_tree(folder, "tree")) == EXDEV && fs::exists(path("tree/file"));
    });
    EXPECT_TRUE(exists("tree/a/file"));
}

}  // namespace
}  // namespace godwit::files
