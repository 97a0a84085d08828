// S1 to S6: what a request names, and where it goes.
#include <sys/stat.h>

#include "semantics.h"

namespace godwit::integration {
namespace {

class S1Paths : public Semantics {};

TEST_F(S1Paths, WhatIsNoAbsolutePathIsRefused) {
    for (const char* path : {"", "relative", "/a/../../b", "/a\\u0000b"}) {
        const Reply reply = post(R"("source_path":")" + std::string{path} +
                                 R"(","destination_path":"/somewhere/else")");
        EXPECT_EQ(reply.status, 422) << path << ": " << reply.body;
    }
}

TEST_F(S1Paths, PathsAreNormalised) {
    write_text(source("file"), "x");

    const Ended ended = sync_paths(cluster_.folder("a") + "//./other/../src/", destination());

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(ended.progress->getValue<std::string>("source_path"), source());
    EXPECT_EQ(read_file(destination("file")), "x");
}

TEST_F(S1Paths, ASourceThatLeadsOutOfItsStoragePathIsRefused) {
    write_text(cluster_.folder("secret/file"), "secret");
    fs::create_symlink(cluster_.folder("secret"), source("out"));

    const Ended ended = sync_paths(source("out/file"), destination("file"));

    EXPECT_EQ(ended.state, "FAILED");
    EXPECT_FALSE(fs::exists(destination("file")));
}

TEST_F(S1Paths, NothingIsWrittenThroughASymlinkThatLeadsOutOfTheStoragePath) {
    write_text(source("inside/file"), "x");
    fs::create_directories(cluster_.folder("elsewhere"));
    fs::create_directories(destination());
    fs::create_symlink(cluster_.folder("elsewhere"), destination("inside"));

    const Ended ended = sync();

    EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    EXPECT_THAT(errors(ended.id), ElementsAre("type_conflict inside"));
    EXPECT_TRUE(fs::is_empty(cluster_.folder("elsewhere")));
}

TEST_F(S1Paths, ANameThatIsNotUtf8TravelsAsBase64) {
    write_text(source("dir-\xff/file"), "x");
    // "<source>/dir-\xff"
    const test_support::Ran encoded = test_support::run(
        {"/bin/sh", "-c", "printf '%s' '" + source("dir-\xff") + "' | base64 -w0"});

    const Ended ended = wait_for([&] {
        const Reply reply =
            cluster_.call("POST", "/sync",
                          R"({"request_id":"bytes","source_path_b64":")" + encoded.output +
                              R"(","destination_path":")" + destination() + R"("})");
        EXPECT_EQ(reply.status, 202) << reply.body;
        return std::string{"bytes"};
    }());

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(read_file(destination("file")), "x");
}

class S2TrailingSlash : public Semantics {};

TEST_F(S2TrailingSlash, OnADirectoryMeansNothing) {
    write_text(source("file"), "x");

    EXPECT_EQ(sync_paths(source() + "/", destination()).state, "COMPLETED");
    EXPECT_EQ(sync_paths(source(), destination("other") + "/").state, "COMPLETED");

    EXPECT_EQ(read_file(destination("file")), "x");
    EXPECT_EQ(read_file(destination("other/file")), "x");
}

TEST_F(S2TrailingSlash, CopyRootPutsTheDirectoryItselfIntoTheDestination) {
    write_text(source("file"), "x");

    const Ended ended = sync(R"("copy_root":true)");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_THAT(differences(source(), destination("src")), IsEmpty());
}

TEST_F(S2TrailingSlash, CopyRootPutsAFileIntoTheDestination) {
    write_text(source("file"), "x");

    EXPECT_EQ(sync_paths(source("file"), destination(), R"("copy_root":true)").state, "COMPLETED");

    EXPECT_EQ(read_file(destination("file")), "x");
}

class S3DirectorySource : public Semantics {};

TEST_F(S3DirectorySource, MakesTheDestinationAndItsParents) {
    fs::create_directories(source("empty/inside"));
    write_text(source("file"), "x");
    ::chmod(source().c_str(), 0751);
    set_mtime(source(), 1'234'567'890'123'456'789);

    const Ended ended = sync_paths(source(), destination("a/b/c"));

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_THAT(differences(source(), destination("a/b/c")), IsEmpty());
}

TEST_F(S3DirectorySource, AFileAtTheDestinationIsRefusedBeforeAnythingIsWritten) {
    write_text(source("file"), "x");
    write_text(destination("occupied"), "precious");

    const Ended ended = sync_paths(source(), destination("occupied"));

    EXPECT_EQ(ended.state, "FAILED");
    EXPECT_EQ(ended.reason, "dest_not_directory");
    EXPECT_EQ(read_file(destination("occupied")), "precious");
}

class S4FileSource : public Semantics {};

TEST_F(S4FileSource, GoesToAFileOrIntoADirectory) {
    write_text(source("file"), "x");
    fs::create_directories(destination("there"));

    EXPECT_EQ(sync_paths(source("file"), destination("renamed")).state, "COMPLETED");
    EXPECT_EQ(sync_paths(source("file"), destination("there")).state, "COMPLETED");
    EXPECT_EQ(sync_paths(source("file"), destination("made") + "/").state, "COMPLETED");

    for (const char* place : {"renamed", "there/file", "made/file"}) {
        EXPECT_THAT(differences(source("file"), destination(place)), IsEmpty());
    }
}

TEST_F(S4FileSource, ARetryPutsItWhereTheFirstRunFoundThatItGoes) {
    write_text(source("one"), "content");
    fs::create_directories(destination("box/one/in the way"));
    const Ended ended = sync_paths(source("one"), destination("box"));
    ASSERT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    ASSERT_THAT(errors(ended.id), ElementsAre("type_conflict one"));
    EXPECT_EQ(ended.progress->getValue<std::string>("resolved_destination"),
              destination("box/one"));

    fs::remove_all(destination("box"));
    ASSERT_EQ(cluster_.call("POST", "/sync/" + ended.id + "/retry").status, 200);

    EXPECT_EQ(wait_for(ended.id).state, "COMPLETED");
    EXPECT_EQ(read_file(destination("box/one")), "content");
}

TEST_F(S4FileSource, ASymlinkIsCopiedAsOne) {
    fs::create_symlink("nowhere", source("link"));

    EXPECT_EQ(sync_paths(source("link"), destination("link")).state, "COMPLETED");

    EXPECT_EQ(fs::read_symlink(destination("link")), "nowhere");
}

class S5FileList : public Semantics {};

TEST_F(S5FileList, CopiesWhatIsListedAndKeepsItsPaths) {
    write_text(source("a/one"), "1");
    write_text(source("a/two"), "2");
    write_text(source("b/deep/er/three"), "3");
    write_text(source("c/whole/x"), "x");
    write_text(source("c/whole/y/z"), "z");
    write_text(source("c/not"), "n");
    ::chmod(source("b/deep").c_str(), 0711);
    set_mtime(source("b/deep"), 1'000'000'000'000'000'001);

    const Ended ended =
        sync({}, R"(,"file_list":["a/one","b/deep/er/three","c/whole","c/whole/","a/../a/one",")" +
                     source("a/one") + R"("])");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(ended.files("copied"), 4);
    Look look;
    look.directory_times = false;  // Of folders that were copied in part.
    look.left_out = [](const std::string& path) { return path == "a/two" || path == "c/not"; };
    EXPECT_THAT(differences(source(), destination(), look), IsEmpty());
    EXPECT_THAT(differences(source("b"), destination("b")), IsEmpty());
    EXPECT_THAT(differences(source("c/whole"), destination("c/whole")), IsEmpty());
}

TEST_F(S5FileList, AMissingEntryIsAnErrorOfThatFile) {
    write_text(source("there"), "1");

    const Ended ended = sync({}, R"(,"file_list":["there","not/there"])");

    EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    EXPECT_THAT(errors(ended.id), ElementsAre("source_missing not/there"));
    EXPECT_EQ(read_file(destination("there")), "1");
    expect_all_accounted_for(ended);
}

// A sweep would remove it, and nobody would be the wiser.
TEST_F(S5FileList, ANameOfTemporaryFilesIsNoSourceEither) {
    const std::string temporary = ".godwit.0123456789abcdef.0123456789abcdef";
    write_text(source(temporary), "1");
    write_text(source("folder/" + temporary + "/file"), "2");
    write_text(source("file"), "3");

    const Ended ended = sync(
        {}, R"(,"file_list":["file",")" + temporary + R"(","folder/)" + temporary + R"(/file"])");

    EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    EXPECT_THAT(errors(ended.id),
                UnorderedElementsAre("source_missing " + temporary,
                                     "source_missing folder/" + temporary + "/file"));
    EXPECT_EQ(ended.files("copied"), 1);
}

TEST_F(S5FileList, WhatMakesNoSenseIsRefused) {
    const std::string paths =
        R"("source_path":")" + source() + R"(","destination_path":")" + destination() + "\"";
    for (const char* members :
         {R"(,"file_list":[])", R"(,"file_list":["../up"])", R"(,"file_list":["a/../../up"])",
          R"(,"file_list":["/elsewhere"])", R"(,"file_list":["a"],"options":{"delete":"after"})"}) {
        const Reply reply = post(paths + members);
        EXPECT_EQ(reply.status, 422) << members << ": " << reply.body;
    }
}

TEST_F(S5FileList, ALongListIsTaken) {
    std::string list;
    for (int i = 0; i < 5000; ++i) {
        const std::string name = "folder-" + std::to_string(i % 50) + "/file-" + std::to_string(i);
        write_text(source(name), std::to_string(i));
        list += (list.empty() ? "" : ",") + ("\"" + name + "\"");
    }
    write_text(source("folder-1/unlisted"), "x");

    const Ended ended = sync({}, ",\"file_list\":[" + list + "]");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(ended.files("copied"), 5000);
    EXPECT_FALSE(fs::exists(destination("folder-1/unlisted")));
}

class S6Overlap : public Semantics {};

TEST_F(S6Overlap, OneInsideTheOtherIsRefused) {
    for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
             {"/x/a", "/x/a"}, {"/x/a", "/x/a/b"}, {"/x/a/b", "/x/a"}, {"/", "/x"}}) {
        const Reply reply =
            post(R"("source_path":")" + from + R"(","destination_path":")" + to + "\"");
        EXPECT_EQ(reply.status, 422);
        EXPECT_THAT(reply.body, HasSubstr(R"("type":"overlap")"));
    }
    EXPECT_NE(post(R"("source_path":"/x/a","destination_path":"/x/ab")").status, 422);
}

TEST_F(S6Overlap, TheSecondWriterOfAPlaceWaits) {
    write_random(source("file"), 64 << 20);
    const std::string first = submit(source(), destination(), R"("bandwidth_limit_mbps":200)");

    const std::string second = submit(source(), destination("inside"));

    EXPECT_TRUE(eventually(
        [&] {
            const auto progress = cluster_.progress(second);
            return progress->optValue<std::string>("reason", "") == "destination_busy" ||
                   cluster_.state(first) == "COMPLETED";
        },
        patience()));
    EXPECT_EQ(wait_for(first).state, "COMPLETED");
    EXPECT_EQ(wait_for(second).state, "COMPLETED");
}

}  // namespace
}  // namespace godwit::integration
