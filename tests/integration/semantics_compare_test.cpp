// S7: what is the same already; and syncing again.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "semantics.h"

namespace godwit::integration {
namespace {

constexpr std::int64_t kThen = 1'500'000'000'000'000'000;

class S7Compare : public Semantics {
protected:
    // The same size and time on both sides, and other bytes.
    void make_lookalikes() {
        write_text(source("file"), "source");
        write_text(destination("file"), "differ");
        set_mtime(source("file"), kThen);
        set_mtime(destination("file"), kThen);
    }
};

TEST_F(S7Compare, SizeAndMtimeAreTheDefault) {
    make_lookalikes();
    write_text(source("other-size"), "source");
    write_text(destination("other-size"), "x");
    set_mtime(source("other-size"), kThen);
    set_mtime(destination("other-size"), kThen);
    write_text(source("other-time"), "source");
    write_text(destination("other-time"), "differ");
    set_mtime(source("other-time"), kThen);
    set_mtime(destination("other-time"), kThen + 1);

    const Ended ended = sync();

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(read_file(destination("file")), "differ");
    EXPECT_EQ(read_file(destination("other-size")), "source");
    EXPECT_EQ(read_file(destination("other-time")), "source");
    EXPECT_EQ(ended.files("skipped"), 1);
    EXPECT_EQ(ended.files("copied"), 2);
    expect_all_accounted_for(ended);
}

TEST_F(S7Compare, SizeLooksAtNothingElse) {
    make_lookalikes();
    set_mtime(destination("file"), kThen + 5);

    const Ended ended = sync(R"("compare":"size")");

    EXPECT_EQ(read_file(destination("file")), "differ");
    EXPECT_EQ(ended.bytes("on_wire"), 0);
    struct stat info {};
    ::stat(destination("file").c_str(), &info);
    EXPECT_EQ(info.st_mtim.tv_sec, kThen / 1'000'000'000) << "its time is kept up to date";
    EXPECT_EQ(info.st_mtim.tv_nsec, 0);
}

TEST_F(S7Compare, ChecksumSeesWhatLooksTheSame) {
    make_lookalikes();
    write_text(source("same"), "same");
    write_text(destination("same"), "same");
    set_mtime(source("same"), kThen);
    set_mtime(destination("same"), kThen + 1);
    // More than one piece, differing in the last one.
    write_random(source("large"), 70 << 20, 1);
    fs::copy_file(source("large"), destination("large"));
    const int fd = ::open(destination("large").c_str(), O_WRONLY);
    ASSERT_EQ(::pwrite(fd, "x", 1, (70 << 20) - 1), 1);
    ::close(fd);
    set_mtime(destination("large"), kThen);
    set_mtime(source("large"), kThen);

    const Ended ended = sync(R"("compare":"checksum")", R"(,"chunk_size_mb":16)");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
    EXPECT_EQ(ended.bytes("on_wire"), (70 << 20) + 6) << "what is the same was sent";
}

TEST_F(S7Compare, ExistsLeavesEverythingThatIsThere) {
    make_lookalikes();
    set_mtime(destination("file"), kThen - 5);
    ::chmod(destination("file").c_str(), 0600);
    write_text(source("new"), "new");

    const Ended ended = sync(R"("compare":"exists")");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(read_file(destination("file")), "differ");
    EXPECT_EQ(fs::status(destination("file")).permissions(), fs::perms{0600});
    EXPECT_EQ(read_file(destination("new")), "new");
}

TEST_F(S7Compare, ExistsLeavesOtherTypesThoughTheyAreToGiveWay) {
    write_text(source("file"), "x");
    write_text(destination("file/precious"), "y");
    write_text(source("folder/file"), "x");
    write_text(destination("folder"), "precious");
    write_text(source("new"), "new");
    for (const char* replace : {"false", "true"}) {
        const Ended ended = sync(R"("compare":"exists","replace_type":)" + std::string{replace});

        EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS") << replace;
        EXPECT_THAT(errors(ended.id), ElementsAre("type_conflict folder")) << replace;
        EXPECT_EQ(read_file(destination("file/precious")), "y") << replace;
        EXPECT_EQ(read_file(destination("folder")), "precious") << replace;
        EXPECT_EQ(read_file(destination("new")), "new") << replace;
    }
}

TEST_F(S7Compare, NewerLeavesWhatIsNewerAtTheDestination) {
    write_text(source("older"), "source");
    write_text(destination("older"), "newer!");
    set_mtime(source("older"), kThen);
    set_mtime(destination("older"), kThen + 1);
    write_text(source("newer"), "newer!");
    write_text(destination("newer"), "older");
    set_mtime(source("newer"), kThen + 1);
    set_mtime(destination("newer"), kThen);

    EXPECT_EQ(sync(R"("compare":"newer")").state, "COMPLETED");

    EXPECT_EQ(read_file(destination("older")), "newer!");
    EXPECT_EQ(read_file(destination("newer")), "newer!");
}

TEST_F(S7Compare, AlwaysCopiesEverything) {
    make_lookalikes();

    EXPECT_EQ(sync(R"("compare":"always")").files("copied"), 1);

    EXPECT_EQ(read_file(destination("file")), "source");
}

TEST_F(S7Compare, TimesAreComparedAsWellAsTheCoarserFileSystemCan) {
    if (!is_root()) GTEST_SKIP() << "mounting a file system needs root";
    // ext4 with small inodes keeps whole seconds.
    const std::string image = cluster_.folder("image");
    const std::string mount = destination("coarse");
    fs::create_directories(mount);
    const auto made = test_support::run({"/bin/sh", "-c",
                                         "truncate -s 16M " + image + " && mkfs.ext4 -q -I 128 " +
                                             image + " && mount -o loop " + image + " " + mount});
    if (made.exit_code != 0) GTEST_SKIP() << "no loop mounts here: " << made.output;
    struct Unmount {
        std::string path;
        ~Unmount() { ::umount2(path.c_str(), MNT_DETACH); }
    } unmount{mount};
    write_text(source("file"), "x");
    set_mtime(source("file"), kThen + 123'456'789);

    EXPECT_EQ(sync_paths(source(), mount).files("copied"), 1);
    const Ended again = sync_paths(source(), mount);

    EXPECT_EQ(again.files("copied"), 0) << "it has been copied as well as can be";
    EXPECT_EQ(again.files("skipped"), 1);
    cluster_.agent("worker-b").stop();
}

class Incremental : public Semantics {};

TEST_F(Incremental, ASecondSyncCopiesNothingAndReadsNoContent) {
    test_support::make_realistic_tree(source(), 300, 20);
    ASSERT_EQ(sync().state, "COMPLETED");
    // Whoever reads a file now changes its access time.
    const test_support::Ran touched = test_support::run(
        {"/bin/sh", "-c", "find " + source() + " -type f -exec touch -a -d @1 {} +"});
    ASSERT_EQ(touched.exit_code, 0) << touched.output;

    const Ended again = sync();

    EXPECT_EQ(again.state, "COMPLETED");
    EXPECT_EQ(again.files("copied"), 0);
    EXPECT_EQ(again.bytes("on_wire"), 0);
    EXPECT_EQ(again.files("skipped") + again.files("special"), again.files("discovered"));
    for (const auto& entry : fs::recursive_directory_iterator{source()}) {
        struct stat info {};
        ::lstat(entry.path().c_str(), &info);
        if (S_ISREG(info.st_mode)) {
            EXPECT_EQ(info.st_atim.tv_sec, 1) << entry.path();
        }
    }
}

TEST_F(Incremental, ChangesOfEveryKindArrive) {
    write_text(source("truncated"), "a longer text");
    write_text(source("appended"), "begin");
    write_text(source("file-to-link"), "x");
    fs::create_symlink("file-to-link", source("link-to-file"));
    write_text(source("removed-and-made"), "old");
    fs::create_symlink("old-target", source("retargeted"));
    write_text(source("mode"), "x");
    ASSERT_EQ(sync().state, "COMPLETED");

    write_text(source("truncated"), "short");
    write_text(source("appended"), "begin and end");
    fs::remove(source("file-to-link"));
    fs::create_symlink("somewhere", source("file-to-link"));
    fs::remove(source("link-to-file"));
    write_text(source("link-to-file"), "now a file");
    fs::remove(source("removed-and-made"));
    write_text(source("removed-and-made"), "new");
    fs::remove(source("retargeted"));
    fs::create_symlink("new-target", source("retargeted"));
    ::chmod(source("mode").c_str(), 0640);
    const Ended ended = sync();

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
    EXPECT_THAT(rsync_differences(source(), destination()), IsEmpty());
}

TEST_F(Incremental, ARenameIsACopyAndADelete) {
    write_text(source("old-name"), "content");
    ASSERT_EQ(sync().state, "COMPLETED");
    fs::rename(source("old-name"), source("new-name"));

    const Ended ended = sync(R"("delete":"after","max_delete":"100%")");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(ended.files("copied"), 1);
    EXPECT_EQ(ended.files("deleted"), 1);
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
}

}  // namespace
}  // namespace godwit::integration
