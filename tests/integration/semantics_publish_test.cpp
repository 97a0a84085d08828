// S8 and S9: how files appear, and what becomes of sources that change meanwhile.
#include <sys/stat.h>

#include <thread>

#include "semantics.h"

namespace godwit::integration {
namespace {

// Slow enough that there is a midst, which the size of the file and the limit make of seconds.
constexpr std::int64_t kLargeBytes = 12 << 20;
constexpr const char* kSlowly = R"("bandwidth_limit_mbps":40)";
constexpr const char* kSmallChunks = R"(,"chunk_size_mb":1)";

ino_t inode_of(const std::string& path) {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 ? found.st_ino : 0;
}

class S8Publish : public Semantics {
protected:
    std::string submit_slowly(const std::string& options = kSlowly) {
        return submit(source(), destination(), options, kSmallChunks);
    }
    bool some_was_copied(const std::string& id) {
        return eventually([&] { return cluster_.count(id, "bytes", "copied") > 0; }, patience());
    }
};

TEST_F(S8Publish, AReaderSeesTheOldFileUntilTheNewOneIsWhole) {
    write_random(source("file"), kLargeBytes);
    write_text(destination("file"), "old");

    const std::string id = submit_slowly();

    ASSERT_TRUE(some_was_copied(id));
    EXPECT_EQ(read_file(destination("file")), "old");
    EXPECT_THAT(test_support::temporaries_below(destination()), testing::SizeIs(1));
    EXPECT_EQ(wait_for(id).state, "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
    EXPECT_THAT(test_support::temporaries_below(destination()), IsEmpty());
}

TEST_F(S8Publish, InPlaceWritesIntoTheFileThatIsThere) {
    write_random(source("large"), kLargeBytes);
    write_text(source("small"), "new");
    write_text(destination("large"), "old");
    write_text(destination("small"), "old and longer");
    const ino_t large = inode_of(destination("large"));
    const ino_t small = inode_of(destination("small"));

    const Ended ended = sync(R"("inplace":true)", kSmallChunks);

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
    EXPECT_EQ(inode_of(destination("large")), large);
    EXPECT_EQ(inode_of(destination("small")), small);
    EXPECT_EQ(sync(R"("inplace":true)").files("copied"), 0);
}

TEST_F(S8Publish, InPlaceWritesAgainWhatHasChangedSince) {
    write_random(source("large"), kLargeBytes);
    ASSERT_EQ(sync(R"("inplace":true)", kSmallChunks).state, "COMPLETED");
    write_random(source("large"), kLargeBytes + 1);

    const Ended ended = sync(R"("inplace":true)", kSmallChunks);

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
}

TEST_F(S8Publish, InPlaceWritesThroughNoLinkAndIntoNoPipe) {
    write_random(source("large"), 3 << 20);
    write_text(source("small"), "new");
    write_text(source("piped"), "new");
    const std::string target = cluster_.folder("b/target");
    write_text(target, "old");
    fs::create_directories(destination());
    fs::create_symlink("../target", destination("large"));
    fs::create_symlink("../target", destination("small"));
    ASSERT_EQ(::mkfifo(destination("piped").c_str(), 0600), 0);

    const Ended ended = sync(R"("inplace":true)", kSmallChunks);

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(read_file(target), "old");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
}

TEST_F(S8Publish, EveryDurabilityCopiesTheSame) {
    for (const std::string durability : {"none", "file", "file_and_directory"}) {
        write_random(source(durability + "/large"), 3 << 20);
        write_text(source(durability + "/small"), durability);

        const Ended ended = sync(R"("durability":")" + durability + R"(")", kSmallChunks);

        EXPECT_EQ(ended.state, "COMPLETED") << durability;
        EXPECT_EQ(ended.files("copied"), 2) << durability;
        EXPECT_THAT(differences(source(), destination()), IsEmpty()) << durability;
    }
}

TEST_F(S8Publish, TemporariesAreNoSource) {
    write_random(source("file"), kLargeBytes);
    const std::string first = submit_slowly();
    ASSERT_TRUE(some_was_copied(first));

    // The first request's destination is the source of another.
    const std::string copy = cluster_.folder("b/copy");
    const Ended ended = sync_paths(destination(), copy);

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_TRUE(fs::is_empty(copy));
    EXPECT_EQ(wait_for(first).state, "COMPLETED");
}

class S9Stability : public S8Publish {};

TEST_F(S9Stability, WhatIsGoneBeforeItIsReadHasVanished) {
    write_random(source("large"), kLargeBytes);
    write_text(source("kept"), "x");
    const std::string id = submit_slowly();
    ASSERT_TRUE(some_was_copied(id));

    fs::remove(source("large"));

    const Ended ended = wait_for(id);
    EXPECT_EQ(ended.files("vanished"), 1);
    EXPECT_EQ(ended.files("failed"), 0);
    EXPECT_EQ(read_file(destination("kept")), "x");
    EXPECT_FALSE(fs::exists(destination("large")));
    EXPECT_THAT(test_support::temporaries_below(destination()), IsEmpty());
    expect_all_accounted_for(ended);
}

TEST_F(S9Stability, WhatNeverStopsChangingIsAnErrorOfThatFile) {
    write_random(source("restless"), kLargeBytes);
    write_text(source("calm"), "x");
    std::jthread writer{[path = source("restless")](const std::stop_token& stop) {
        for (std::int64_t at = 1; !stop.stop_requested(); ++at) {
            set_mtime(path, at);
            std::this_thread::yield();
        }
    }};

    const Ended ended = sync({}, kSmallChunks);

    EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    EXPECT_THAT(errors(ended.id), ElementsAre("source_changed restless"));
    EXPECT_EQ(read_file(destination("calm")), "x");
    EXPECT_FALSE(fs::exists(destination("restless"))) << "nothing torn is published";
    EXPECT_THAT(test_support::temporaries_below(destination()), IsEmpty());
    expect_all_accounted_for(ended);
}

}  // namespace
}  // namespace godwit::integration
