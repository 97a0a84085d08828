// S11: kinds of entries, and names of any kind.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>

#include "semantics.h"

namespace godwit::integration {
namespace {

class S11Types : public Semantics {};

TEST_F(S11Types, SymlinksAreCopiedAsSymlinks) {
    write_text(source("folder/file"), "x");
    fs::create_symlink("folder", source("to-folder"));
    fs::create_symlink("folder/file", source("to-file"));
    fs::create_symlink("/absolute/nowhere", source("dangling"));
    fs::create_symlink("..", source("folder/up"));
    fs::create_symlink(std::string(4000, 'x'), source("long"));
    fs::create_symlink("itself", source("itself"));
    set_mtime(source("dangling"), 987'654'321'000'000'001);

    EXPECT_EQ(sync().state, "COMPLETED");

    EXPECT_THAT(differences(source(), destination()), IsEmpty());
}

TEST_F(S11Types, SymlinksMayBeFollowed) {
    write_text(source("folder/file"), "x");
    write_text(cluster_.folder("a/beside/other"), "beside");
    fs::create_symlink("folder", source("to-folder"));
    fs::create_symlink("folder/file", source("to-file"));
    fs::create_symlink("../beside", source("to-beside"));
    fs::create_symlink(cluster_.folder("a/beside/other"), source("absolute"));

    const Ended ended = sync(R"("symlinks":"follow")");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(read_file(destination("to-folder/file")), "x");
    EXPECT_EQ(read_file(destination("to-file")), "x");
    EXPECT_EQ(read_file(destination("to-beside/other")), "beside");
    EXPECT_EQ(read_file(destination("absolute")), "beside");
    for (const char* name : {"to-folder", "to-file", "to-beside", "absolute"}) {
        EXPECT_FALSE(fs::is_symlink(destination(name))) << name;
    }
    EXPECT_EQ(sync(R"("symlinks":"follow")").files("copied"), 0);
}

TEST_F(S11Types, ASourceThatIsASymlinkToADirectoryIsThatDirectoryWhenFollowed) {
    write_text(source("folder/sub/file"), "x");
    fs::create_symlink("folder", source("relative"));
    fs::create_symlink(source("folder"), source("absolute"));
    for (const std::string link : {"relative", "absolute"}) {
        const Ended ended =
            sync_paths(source(link), destination(link), R"("symlinks":"follow","delete":"after")");

        EXPECT_EQ(ended.state, "COMPLETED") << link;
        EXPECT_THAT(differences(source("folder"), destination(link)), IsEmpty()) << link;
    }
    std::vector<std::string> there;
    for (const auto& entry : fs::directory_iterator{destination()}) {
        there.push_back(entry.path().filename());
    }
    EXPECT_THAT(there, UnorderedElementsAre("relative", "absolute")) << "beside the destination";
}

TEST_F(S11Types, FollowedSymlinksNeitherEscapeNorLoop) {
    write_text(cluster_.folder("outside/secret"), "secret");
    write_text(source("folder/file"), "x");
    fs::create_symlink(cluster_.folder("outside/secret"), source("escape"));
    fs::create_symlink("../../outside", source("escape-relative"));
    fs::create_symlink("..", source("folder/loop"));
    fs::create_symlink("itself", source("itself"));
    fs::create_symlink("nowhere", source("dangling"));

    const Ended ended = sync(R"("symlinks":"follow")");

    EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    EXPECT_THAT(errors(ended.id),
                UnorderedElementsAre("symlink_outside escape", "symlink_outside escape-relative",
                                     "symlink_loop folder/loop", "symlink_loop itself",
                                     "source_missing dangling"));
    EXPECT_EQ(read_file(destination("folder/file")), "x");
    EXPECT_FALSE(fs::exists(destination("escape")));
    expect_all_accounted_for(ended);
}

TEST_F(S11Types, AListedFileBehindALinkThatLeadsOutIsOutside) {
    write_text(cluster_.folder("outside/secret"), "secret");
    fs::create_symlink(cluster_.folder("outside"), source("escape"));

    const Ended ended =
        sync(R"("symlinks":"follow")", R"(,"file_list":["escape","escape/secret"])");

    EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    EXPECT_THAT(errors(ended.id),
                UnorderedElementsAre("symlink_outside escape", "symlink_outside escape/secret"));
}

TEST_F(S11Types, SymlinksMayBeSkipped) {
    write_text(source("file"), "x");
    fs::create_symlink("file", source("link"));

    EXPECT_EQ(sync(R"("symlinks":"skip")").state, "COMPLETED");

    EXPECT_FALSE(fs::is_symlink(destination("link")));
}

class SpecialFiles : public Semantics {
protected:
    void make_special() {
        write_text(source("file"), "x");
        ::mkfifo(source("fifo").c_str(), 0640);
        const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
        // The name of a socket must be short.
        const fs::path before = fs::current_path();
        fs::current_path(source());
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::string{"socket"}.copy(address.sun_path, sizeof address.sun_path - 1);
        EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        fs::current_path(before);
        ::close(fd);
        if (is_root()) {
            ::mknod(source("null").c_str(), S_IFCHR | 0666, makedev(1, 3));
            ::mknod(source("loop").c_str(), S_IFBLK | 0660, makedev(7, 200));
        }
        set_mtime(source("fifo"), 1'000'000'000'000'000'003);
    }
};

TEST_F(SpecialFiles, AreSkippedAndCounted) {
    make_special();

    const Ended ended = sync();

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(ended.files("special"), is_root() ? 4 : 2);
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
    expect_all_accounted_for(ended);
}

TEST_F(SpecialFiles, AreCopiedWhenAsked) {
    make_special();
    Look look;
    look.special = true;

    const Ended ended = sync(R"("special":"copy")");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_THAT(differences(source(), destination(), look), IsEmpty());
    EXPECT_THAT(rsync_differences(source(), destination()), IsEmpty());
    EXPECT_EQ(sync(R"("special":"copy")").files("copied"), 0);
}

class TypeConflicts : public Semantics {
protected:
    void make_conflicts() {
        write_text(source("file"), "a file");
        write_text(destination("file/inside"), "x");
        write_text(source("folder/inside/deep"), "x");
        write_text(source("folder/other"), "x");
        write_text(destination("folder"), "a file is in the way");
        fs::create_symlink("target", source("link"));
        fs::create_directories(destination("link"));
        write_text(source("fine"), "x");
    }
};

TEST_F(TypeConflicts, AreErrorsOfTheirFiles) {
    make_conflicts();

    const Ended ended = sync();

    EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    EXPECT_THAT(errors(ended.id), UnorderedElementsAre("type_conflict file", "type_conflict folder",
                                                       "type_conflict link"));
    EXPECT_EQ(read_file(destination("file/inside")), "x");
    EXPECT_EQ(read_file(destination("folder")), "a file is in the way");
    EXPECT_EQ(read_file(destination("fine")), "x");
}

TEST_F(TypeConflicts, GiveWayWhenAsked) {
    make_conflicts();
    write_random(source("large"), 40 << 20);
    write_text(destination("large/inside"), "x");

    const Ended ended = sync(R"("replace_type":true)", R"(,"chunk_size_mb":8)");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
}

class HardLinks : public Semantics {
protected:
    Look look() const {
        Look look;
        look.hardlinks = true;
        return look;
    }
};

TEST_F(HardLinks, KeepTheirGroupsAcrossDirectories) {
    write_text(source("a/one"), "x");
    fs::create_directories(source("b/c"));
    fs::create_hard_link(source("a/one"), source("a/two"));
    fs::create_hard_link(source("a/one"), source("b/c/three"));
    write_random(source("large"), 40 << 20);
    fs::create_hard_link(source("large"), source("b/large-too"));
    fs::create_symlink("nowhere", source("link"));
    ASSERT_EQ(::link(source("link").c_str(), source("b/link-too").c_str()), 0);
    write_text(source("alone"), "x");

    const Ended ended = sync(R"("hardlinks":true)", R"(,"chunk_size_mb":8)");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_THAT(differences(source(), destination(), look()), IsEmpty());
    EXPECT_EQ(ended.files("linked"), 4);
    EXPECT_EQ(ended.bytes("on_wire"), (40 << 20) + 2) << "an inode was sent more than once";
    EXPECT_THAT(test_support::temporaries_below(destination()), IsEmpty());
    expect_all_accounted_for(ended);
    EXPECT_THAT(rsync_differences(source(), destination(), "-H"), IsEmpty());
}

TEST_F(HardLinks, ASecondSyncChangesNothing) {
    write_text(source("a/one"), "x");
    fs::create_directories(source("b"));
    fs::create_hard_link(source("a/one"), source("b/two"));
    ASSERT_EQ(sync(R"("hardlinks":true)").state, "COMPLETED");

    const Ended again = sync(R"("hardlinks":true)");

    EXPECT_EQ(again.files("copied"), 0);
    EXPECT_EQ(again.bytes("on_wire"), 0);
    EXPECT_THAT(differences(source(), destination(), look()), IsEmpty());
    expect_all_accounted_for(again);
}

TEST_F(HardLinks, AreMadeWhereCopiesStood) {
    write_text(source("one"), "x");
    fs::create_hard_link(source("one"), source("two"));
    ASSERT_EQ(sync().state, "COMPLETED");

    EXPECT_EQ(sync(R"("hardlinks":true)").state, "COMPLETED");

    EXPECT_THAT(differences(source(), destination(), look()), IsEmpty());
}

// rsync -H does not see this.
TEST_F(HardLinks, FilesThatOnlyLookAlikeAreSeparated) {
    const std::int64_t then = 1'400'000'000'000'000'000;
    for (const char* name : {"x", "y", "z"}) {
        write_text(source(name), "alike");
        set_mtime(source(name), then);
    }
    fs::create_hard_link(source("z"), source("z-too"));
    write_text(destination("x"), "alike");
    set_mtime(destination("x"), then);
    for (const char* name : {"y", "z", "z-too"}) {
        fs::create_hard_link(destination("x"), destination(name));
    }

    const Ended ended = sync(R"("hardlinks":true)");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_THAT(differences(source(), destination(), look()), IsEmpty());
}

TEST_F(HardLinks, ManyNamesOfManyInodesSurviveSeveralListings) {
    for (int i = 0; i < 300; ++i) {
        write_text(source("d" + std::to_string(i % 30) + "/file-" + std::to_string(i)),
                   std::to_string(i));
    }
    for (int i = 0; i < 300; i += 2) {
        for (int copy = 0; copy < 3; ++copy) {
            fs::create_directories(source("links-" + std::to_string(copy)));
            fs::create_hard_link(
                source("d" + std::to_string(i % 30) + "/file-" + std::to_string(i)),
                source("links-" + std::to_string(copy) + "/name-" + std::to_string(i)));
        }
    }

    EXPECT_EQ(sync(R"("hardlinks":true)").state, "COMPLETED");

    EXPECT_THAT(differences(source(), destination(), look()), IsEmpty());
}

class Sparse : public Semantics {
protected:
    static void make_sparse(const std::string& path, off_t size,
                            const std::vector<std::pair<off_t, std::string>>& pieces) {
        write_text(path, "");
        const int fd = ::open(path.c_str(), O_WRONLY);
        ASSERT_EQ(::ftruncate(fd, size), 0);
        for (const auto& [offset, text] : pieces) {
            ASSERT_EQ(::pwrite(fd, text.data(), text.size(), offset),
                      static_cast<ssize_t>(text.size()));
        }
        ::close(fd);
    }
    Look look() const {
        Look look;
        look.holes = true;
        return look;
    }
};

TEST_F(Sparse, HolesNeitherTravelNorFill) {
    const std::string piece(100'000, 'p');
    make_sparse(source("large"), 300 << 20, {{0, piece}, {100 << 20, piece}, {299 << 20, piece}});
    make_sparse(source("small"), 3 << 20, {{1 << 20, piece}});
    make_sparse(source("all-hole"), 200 << 20, {});
    make_sparse(source("small-hole"), 100'000, {});
    make_sparse(source("hole-at-the-end"), 50 << 20, {{0, piece}});

    const Ended ended = sync({}, R"(,"chunk_size_mb":16)");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_THAT(differences(source(), destination(), look()), IsEmpty());
    EXPECT_LT(ended.bytes("on_wire"), 2 << 20);
    EXPECT_EQ(ended.bytes("copied"), ended.bytes("discovered"));
}

TEST_F(Sparse, ATebibyteOfHoleIsNoWork) {
    make_sparse(source("huge"), off_t{1} << 40, {{off_t{1} << 39, "in the middle"}});
    make_sparse(source("empty"), off_t{1} << 40, {});

    const Ended ended = sync();

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_THAT(differences(source(), destination(), look()), IsEmpty());
    EXPECT_LT(ended.bytes("on_wire"), 1 << 20);
}

TEST_F(Sparse, HolesAreFilledWhenAsked) {
    make_sparse(source("file"), 8 << 20, {{0, "x"}});

    EXPECT_EQ(sync(R"("sparse":false)").state, "COMPLETED");

    struct stat info {};
    ::stat(destination("file").c_str(), &info);
    EXPECT_GE(info.st_blocks * 512, 8 << 20);
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
}

class Names : public Semantics {};

TEST_F(Names, OfAnyBytesAndAnyDepth) {
    std::string all;
    for (int byte = 1; byte < 256; ++byte) {
        if (byte != '/') all += static_cast<char>(byte);
    }
    write_text(source(all.substr(0, 254)), "all bytes");
    write_text(source(std::string(255, 'n')), "long");
    write_text(source("-rf"), "x");
    write_text(source(".godwit.not-ours"), "x");
    // 100 levels of long names: far beyond PATH_MAX.
    fs::path at = source();
    const fs::path before = fs::current_path();
    fs::current_path(source());
    for (int level = 0; level < 100; ++level) {
        const std::string name = "level-" + std::to_string(level) + "-" + std::string(80, 'x');
        fs::create_directory(name);
        fs::current_path(name);
    }
    std::ofstream{"deepest"} << "deep";
    fs::current_path(before);

    EXPECT_EQ(sync().state, "COMPLETED");

    // rsync and the oracle stop at PATH_MAX; diff by descriptor does not.
    const auto count = test_support::run(
        {"/bin/sh", "-c", "cd " + destination() + " && find . -name deepest | wc -l"});
    EXPECT_EQ(count.output, "1\n");
    EXPECT_EQ(read_file(destination(all.substr(0, 254))), "all bytes");
    EXPECT_EQ(read_file(destination(std::string(255, 'n'))), "long");
    EXPECT_EQ(read_file(destination(".godwit.not-ours")), "x");
    EXPECT_EQ(sync().files("copied"), 0);
}

}  // namespace
}  // namespace godwit::integration
