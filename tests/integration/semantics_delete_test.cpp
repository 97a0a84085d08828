// S10: deletes, and every guard before them; filters, which protect.
#include <sys/mount.h>
#include <sys/stat.h>

#include "semantics.h"

namespace godwit::integration {
namespace {

constexpr const char* kDelete = R"("delete":"after","max_delete":"100%")";

class S10Delete : public Semantics {
protected:
    void make_both() {
        write_text(source("kept/file"), "x");
        write_text(destination("kept/surplus"), "x");
        write_text(destination("gone/deep/er/file"), "x");
        fs::create_symlink("nowhere", destination("gone/link"));
        write_text(destination("file"), "surplus");
        fs::create_directories(destination("empty"));
    }
};

TEST_F(S10Delete, NothingIsDeletedUnlessAsked) {
    make_both();

    const Ended ended = sync();

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(read_file(destination("file")), "surplus");
    EXPECT_EQ(read_file(destination("gone/deep/er/file")), "x");
}

TEST_F(S10Delete, WhatTheSourceDoesNotHaveGoes) {
    make_both();
    ::chmod(source("kept").c_str(), 0711);
    set_mtime(source("kept"), 1'111'111'111'111'111'111);

    const Ended ended = sync(kDelete);

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
    // kept/surplus, gone, gone/deep, gone/deep/er, gone/deep/er/file, gone/link, file, empty
    EXPECT_EQ(ended.files("deleted"), 8);
    EXPECT_EQ(ended.files("surplus"), 8);
}

TEST_F(S10Delete, MoreThanAllowedIsRefusedBeforeAnythingIsGone) {
    make_both();

    const Ended ended = sync(R"("delete":"after")");

    EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    EXPECT_EQ(ended.reason, "max_delete_exceeded");
    EXPECT_EQ(ended.files("deleted"), 0);
    EXPECT_EQ(read_file(destination("file")), "surplus");
    EXPECT_EQ(read_file(destination("kept/file")), "x") << "what was to be copied is there";
    EXPECT_THAT(errors(ended.id), Contains(HasSubstr("max_delete_exceeded")));
}

TEST_F(S10Delete, TheLimitMayBeACount) {
    make_both();

    EXPECT_EQ(sync(R"("delete":"after","max_delete":7)").reason, "max_delete_exceeded");
    const Ended ended = sync(R"("delete":"after","max_delete":8)");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(ended.files("deleted"), 8);
}

TEST_F(S10Delete, AnEmptySourceDeletesNothingEver) {
    write_text(destination("file"), "precious");

    const Ended ended = sync(kDelete);

    EXPECT_EQ(ended.reason, "max_delete_exceeded");
    EXPECT_EQ(read_file(destination("file")), "precious");
}

TEST_F(S10Delete, AFailedFileKeepsEverything) {
    make_both();
    write_text(source("conflict"), "x");
    fs::create_directories(destination("conflict"));

    const Ended ended = sync(kDelete);

    EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    EXPECT_EQ(ended.files("deleted"), 0);
    EXPECT_EQ(read_file(destination("file")), "surplus");
    EXPECT_THAT(errors(ended.id), Contains(HasSubstr("delete_skipped")));
}

TEST_F(S10Delete, ADirectoryThatCannotBeEnteredKeepsEverything) {
    make_both();
    write_text(source("folder/file"), "x");
    write_text(destination("folder"), "a file is in the way");

    const Ended ended = sync(kDelete);

    EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    EXPECT_EQ(ended.files("deleted"), 0);
    EXPECT_EQ(read_file(destination("file")), "surplus");
}

TEST_F(S10Delete, ExcludedPathsAreProtected) {
    make_both();
    write_text(destination("cache/object"), "x");
    write_text(destination("gone/keep.me"), "x");

    const Ended ended = sync(std::string{kDelete} + R"(,"filters":["- /cache/","- *.me"])");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(read_file(destination("cache/object")), "x");
    EXPECT_EQ(read_file(destination("gone/keep.me")), "x");
    EXPECT_FALSE(fs::exists(destination("gone/deep")));
    EXPECT_FALSE(fs::exists(destination("file")));
}

TEST_F(S10Delete, ADirectoryInWhichSomethingIsExcludedDoesNotGiveWay) {
    for (const char* name : {"kept", "gone", "excluded"}) write_text(source(name), "a file");
    write_text(destination("kept/a/b/note.keep"), "mine");
    write_text(destination("kept/other"), "not mine");
    write_text(destination("gone/a/b/note"), "not mine");
    write_text(destination("excluded/note"), "mine");

    const Ended ended = sync(R"("replace_type":true,"filters":["- *.keep","- excluded/"])");

    EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    EXPECT_THAT(errors(ended.id),
                UnorderedElementsAre("type_conflict kept", "type_conflict excluded"));
    EXPECT_EQ(read_file(destination("kept/a/b/note.keep")), "mine");
    EXPECT_EQ(read_file(destination("kept/other")), "not mine");
    EXPECT_EQ(read_file(destination("excluded/note")), "mine");
    EXPECT_EQ(read_file(destination("gone")), "a file");
    expect_all_accounted_for(ended);
}

TEST_F(S10Delete, WhatIsLeftOutBySizeIsNoSurplus) {
    write_random(source("large"), 5000);
    write_random(destination("large"), 10);
    write_text(source("small"), "x");

    const Ended ended = sync(std::string{kDelete} + R"(,"max_size_bytes":1000)");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(fs::file_size(destination("large")), 10u);
}

TEST_F(S10Delete, ManyEntriesGoInBoundedSteps) {
    write_text(source("kept"), "x");
    for (int i = 0; i < 9000; ++i) {
        write_text(destination("wide/file-" + std::to_string(i)), "");
        if (i % 9 == 0) write_text(destination("deep/" + std::to_string(i) + "/a/b/file"), "");
    }
    std::string chain = destination("chain");
    for (int i = 0; i < 120; ++i) chain += "/level-" + std::to_string(i);
    write_text(chain + "/file", "x");

    const Ended ended = sync(kDelete);

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
    EXPECT_EQ(ended.files("deleted"), ended.files("surplus"));
}

TEST_F(S10Delete, ADryRunSaysWhatWouldGo) {
    make_both();

    const Ended ended = sync(std::string{kDelete} + R"(,"dry_run":true)");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(ended.files("surplus"), 8);
    EXPECT_EQ(ended.files("deleted"), 0);
    EXPECT_EQ(read_file(destination("file")), "surplus");
    EXPECT_FALSE(fs::exists(destination("kept/file")));
    EXPECT_EQ(ended.reason, "");
}

TEST_F(S10Delete, ADryRunSaysThatNothingWouldGoToo) {
    make_both();

    const Ended ended = sync(R"("delete":"after","max_delete":1,"dry_run":true)");

    EXPECT_EQ(ended.state, "COMPLETED") << "it has found out what it was to";
    EXPECT_EQ(ended.reason, "max_delete_exceeded");
    EXPECT_THAT(ended.progress->getObject("detail")->getValue<std::string>("master"),
                HasSubstr("max_delete is 1; nothing would be deleted"));
}

class DryRun : public Semantics {};

TEST_F(DryRun, CountsAndTouchesNothing) {
    write_text(source("new/file"), "12345");
    write_text(source("changed"), "new content");
    write_text(destination("changed"), "old");
    write_text(source("same"), "same");
    write_text(destination("same"), "same");
    set_mtime(source("same"), 1'000'000'000'000'000'000);
    set_mtime(destination("same"), 1'000'000'000'000'000'000);
    write_text(source("conflict"), "x");
    fs::create_directories(destination("conflict"));
    const auto before = fs::last_write_time(destination());

    const Ended ended = sync(R"("dry_run":true)");

    EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    EXPECT_EQ(ended.files("planned"), 2);
    EXPECT_EQ(ended.bytes("planned"), 16);
    EXPECT_EQ(ended.files("copied"), 0);
    EXPECT_EQ(ended.files("skipped"), 1);
    EXPECT_THAT(errors(ended.id), ElementsAre("type_conflict conflict"));
    EXPECT_FALSE(fs::exists(destination("new")));
    EXPECT_EQ(read_file(destination("changed")), "old");
    EXPECT_EQ(fs::last_write_time(destination()), before);
}

TEST_F(DryRun, PlansWhatOtherTypesGiveWayTo) {
    write_text(source("folder/sub/file"), "12345");
    write_text(destination("folder"), "in the way");
    write_text(source("file"), "x");
    write_text(destination("file/below"), "in the way");

    const Ended planned = sync(R"("replace_type":true,"dry_run":true)");

    EXPECT_EQ(planned.state, "COMPLETED");
    EXPECT_EQ(planned.files("planned"), 2);
    EXPECT_THAT(errors(planned.id), IsEmpty());
    EXPECT_EQ(read_file(destination("folder")), "in the way");
    EXPECT_EQ(read_file(destination("file/below")), "in the way");
    EXPECT_EQ(sync(R"("replace_type":true)").files("copied"), planned.files("planned"));
}

TEST_F(DryRun, NeedsNoDestination) {
    write_text(source("new/file"), "12345");

    const Ended ended = sync_paths(source(), destination("not/there/yet"), R"("dry_run":true)");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(ended.files("planned"), 1);
    EXPECT_FALSE(fs::exists(destination("not")));
}

class Filters : public Semantics {};

TEST_F(Filters, MeanWhatTheyMeanToRsync) {
    for (const char* name : {"a.o", "a.c", "build/x", "src/build", "src/lib/b.o", "src/lib/c.h",
                             "docs/build/y", "core", "core.d/core", "keep/a.o"}) {
        write_text(source(name), name);
    }
    const std::vector<std::vector<std::string>> rule_sets{
        {"- *.o"},
        {"+ /keep/***", "- *.o"},
        {"- /build/"},
        {"- build/"},
        {"- build"},
        {"+ */", "+ *.c", "- *"},
        {"- src/**.o", "- core"},
        {"- /*/lib/"},
    };
    Look look;
    look.directory_times = false;  // rsync leaves those that are less than a second off.
    int number = 0;
    for (const auto& rules : rule_sets) {
        const std::string here = destination("godwit-" + std::to_string(number));
        const std::string there = cluster_.folder("rsync-" + std::to_string(number++));
        std::vector<std::string> command{"/usr/bin/rsync", "-a"};
        std::string list;
        for (const std::string& rule : rules) {
            command.push_back("--filter=" + rule);
            list += (list.empty() ? "" : ",") + ("\"" + rule + "\"");
        }
        command.insert(command.end(), {source() + "/", there + "/"});
        ASSERT_EQ(test_support::run(command).exit_code, 0);

        EXPECT_EQ(sync_paths(source(), here, "\"filters\":[" + list + "]").state, "COMPLETED");

        EXPECT_THAT(differences(there, here, look), IsEmpty()) << list;
    }
}

TEST_F(Filters, TakeAFollowedLinkForWhatItLeadsTo) {
    write_text(cluster_.folder("a/beside/wanted.c"), "x");
    write_text(cluster_.folder("a/beside/other"), "x");
    write_text(source("file.c"), "x");
    fs::create_symlink("../beside", source("to-folder"));
    fs::create_symlink("../beside", source("left-out"));
    fs::create_symlink("..", source("left-out-loop"));
    fs::create_symlink("file.c", source("to-file"));
    fs::create_symlink("nowhere", source("dangling"));

    const Ended ended =
        sync(R"("symlinks":"follow","filters":["- left-out*/","+ */","+ *.c","- *"])");

    EXPECT_EQ(ended.state, "COMPLETED");
    std::vector<std::string> there;
    for (const auto& entry : fs::recursive_directory_iterator{destination()}) {
        there.push_back(fs::relative(entry.path(), destination()));
    }
    EXPECT_THAT(there, UnorderedElementsAre("file.c", "to-folder", "to-folder/wanted.c"));
}

TEST_F(Filters, SizeAndAgeBoundsChoose) {
    write_random(source("small"), 10);
    write_random(source("middle"), 1000);
    write_random(source("large"), 100'000);
    set_mtime(source("small"), 1'600'000'000'000'000'000);
    set_mtime(source("middle"), 1'700'000'000'000'000'000);

    EXPECT_EQ(
        sync_paths(source(), destination("size"), R"("min_size_bytes":100,"max_size_bytes":1000)")
            .files("copied"),
        1);
    EXPECT_EQ(
        sync_paths(source(), destination("age"), R"("modified_before":"2021-01-01T00:00:00Z")")
            .files("copied"),
        1);

    EXPECT_TRUE(fs::exists(destination("size/middle")));
    EXPECT_TRUE(fs::exists(destination("age/small")));
}

}  // namespace
}  // namespace godwit::integration
