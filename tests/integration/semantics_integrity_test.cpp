// S16: what is damaged on the way, or by the medium, is found, sent again, and never published.
#include "semantics.h"
#include "support/sanitizer.h"

namespace godwit::integration {
namespace {

using test_support::make_realistic_tree;
using test_support::temporaries_below;
using testing::Each;
using testing::EndsWith;

// In the first bytes of a file it picks out the gets that bring them.
constexpr const char* kMarker = "damage-this-on-its-way";

std::size_t occurrences(const std::string& text, const std::string& word) {
    std::size_t count = 0;
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
    return count;
}

// The wire damages what these options of the tests' transport say.
class DamagingWire : public Semantics {
protected:
    explicit DamagingWire(const std::string& options) : Semantics{settings(options)} {}

    std::size_t flipped() const {
        return occurrences(cluster_.agent_log("worker-b"), "flipped a byte");
    }
    // A file that the wire knows by its first bytes.
    void write_marked(const std::string& path, std::uint64_t bytes) {
        write_random(path, bytes);
        std::string content = read_file(path);
        content.replace(0, std::string{kMarker}.size(), kMarker);
        write_text(path, content);
    }

private:
    static ClusterSettings settings(const std::string& options) {
        ClusterSettings settings;
        settings.transport = "{plugin: faulty, options: {" + options + "}}";
        settings.agent_yaml += plugin_path_with_faults();
        return settings;
    }
};

class SomeFlips : public DamagingWire {
protected:
    SomeFlips() : DamagingWire{"flips: 3"} {}
};

TEST_F(SomeFlips, AreFoundAndWhatTheyHitIsSentAgain) {
    make_realistic_tree(source(), 100, 40);

    const Ended ended = sync();

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(flipped(), 3u);
    EXPECT_THAT(cluster_.agent_log("worker-a"), HasSubstr("segment damaged on the way"));
    EXPECT_GT(ended.bytes("on_wire"), ended.bytes("copied"));
    EXPECT_EQ(ended.bytes("copied"), ended.bytes("discovered"));
    EXPECT_THAT(errors(ended.id), IsEmpty());
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
}

// The proof that the wire does damage: nobody looks, so it arrives.
TEST_F(SomeFlips, ArriveWhereNothingIsVerified) {
    write_random(source("file"), 100'000);

    const Ended ended = sync(R"("verify":"none")");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(flipped(), 1u);
    EXPECT_EQ(ended.bytes("on_wire"), ended.bytes("copied"));
    const std::string sent = read_file(source("file"));
    const std::string arrived = read_file(destination("file"));
    ASSERT_EQ(sent.size(), arrived.size());
    EXPECT_NE(sent, arrived);
}

class EndlessFlips : public DamagingWire {
protected:
    EndlessFlips() : DamagingWire{std::string{"flips: -1, flip_marker: "} + kMarker} {}

    // RFC 3339, so that they compare as text.
    std::pair<std::string, std::string> first_and_last_time(const std::string& id) {
        const auto page = cluster_.call("GET", "/sync/" + id + "/errors").object();
        const auto error = page->getArray("errors")->getObject(0);
        return {error->getValue<std::string>("first_at"), error->getValue<std::string>("last_at")};
    }
};

TEST_F(EndlessFlips, FailTheLargeFileTheyHitAndNoOther) {
    make_realistic_tree(source(), 100, 20);
    write_marked(source("marked"), 9 << 20);
    write_text(destination("marked"), "what was there before");

    const Ended ended = sync(R"("max_attempts":2)", R"(,"chunk_size_mb":2)");

    EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    EXPECT_EQ(flipped(), 4u) << "two attempts, and in each it is sent again once";
    EXPECT_THAT(errors(ended.id), ElementsAre("digest_mismatch marked"));
    const auto [first, last] = first_and_last_time(ended.id);
    EXPECT_LT(first, last) << "it failed at the first attempt already";
    EXPECT_EQ(ended.files("failed"), 1);
    expect_all_accounted_for(ended);
    EXPECT_EQ(read_file(destination("marked")), "what was there before");
    EXPECT_THAT(temporaries_below(destination()), IsEmpty());
    EXPECT_THAT(differences(source(), destination()), Each(EndsWith("/marked")));
}

TEST_F(EndlessFlips, FailTheSmallFileTheyHitAndNoOther) {
    for (int i = 0; i < 20; ++i) {
        write_random(source("file-" + std::to_string(i)), 10'000, static_cast<unsigned>(i));
    }
    write_marked(source("marked"), 10'000);

    const Ended ended = sync(R"("max_attempts":2)");

    EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    EXPECT_THAT(errors(ended.id), ElementsAre("digest_mismatch marked"));
    const auto [first, last] = first_and_last_time(ended.id);
    EXPECT_LT(first, last) << "it failed at the first attempt already";
    EXPECT_EQ(ended.files("copied"), 20);
    EXPECT_THAT(differences(source(), destination()), Each(EndsWith("/marked")));
    EXPECT_FALSE(fs::exists(destination("marked")));
    EXPECT_THAT(temporaries_below(destination()), IsEmpty());
    expect_all_accounted_for(ended);
}

// Too long for a segment, and too short for a chunk of its own.
TEST_F(EndlessFlips, FailTheMediumFileTheyHitAndNoOther) {
    make_realistic_tree(source(), 50, 10);
    write_marked(source("folder/marked"), 6 << 20);
    write_random(source("folder/later"), 6 << 20);

    const Ended ended = sync(R"("max_attempts":2)");

    EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    EXPECT_THAT(errors(ended.id), ElementsAre("digest_mismatch folder/marked"));
    EXPECT_THAT(differences(source(), destination()), Each(EndsWith("/marked")));
    EXPECT_FALSE(fs::exists(destination("folder/marked")));
    EXPECT_THAT(temporaries_below(destination()), IsEmpty());
    expect_all_accounted_for(ended);
}

// The medium keeps other bytes than it was given: so many writes below "b/dst/bad" are damaged.
class DamagingMedium : public Semantics {
protected:
    explicit DamagingMedium(int times) : times_{times} {}

    void SetUp() override {
        if (test_support::kIsSanitized) GTEST_SKIP() << "nothing is preloaded under a sanitizer";
        cluster_.set_agent_environment({"LD_PRELOAD=" + fault_library("libflip_writes.so"),
                                        "GODWIT_FLIP_FOLDER=/b/dst/bad",
                                        "GODWIT_FLIP_TIMES=" + std::to_string(times_),
                                        "GODWIT_FLIP_REPORT=" + cluster_.folder("flips")});
        start();
    }
    std::size_t flipped() const { return occurrences(read_file(cluster_.folder("flips")), "\n"); }

private:
    const int times_;
};

class OneBadWrite : public DamagingMedium {
protected:
    OneBadWrite() : DamagingMedium{1} {}
};

TEST_F(OneBadWrite, IsFoundWhenAPackIsReadBackAndWrittenAgain) {
    for (int i = 0; i < 20; ++i) write_random(source("bad/" + std::to_string(i)), 10'000);

    const Ended ended = sync(R"("verify":"readback")");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(flipped(), 1u);
    EXPECT_EQ(ended.files("copied"), 20);
    EXPECT_THAT(errors(ended.id), IsEmpty());
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
}

TEST_F(OneBadWrite, IsFoundWhenARangeIsReadBackAndWrittenAgain) {
    write_random(source("bad/large"), 20 << 20);

    const Ended ended = sync(R"("verify":"readback")", R"(,"chunk_size_mb":2)");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(flipped(), 1u);
    EXPECT_EQ(ended.bytes("copied"), 20 << 20);
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
}

// What it is for: the digests of the way see nothing of it.
TEST_F(OneBadWrite, StaysWhereOnlyTheWayIsVerified) {
    write_random(source("bad/file"), 10'000);

    const Ended ended = sync(R"("verify":"transfer")");

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(flipped(), 1u);
    EXPECT_NE(read_file(source("bad/file")), read_file(destination("bad/file")));
}

class OnlyBadWrites : public DamagingMedium {
protected:
    OnlyBadWrites() : DamagingMedium{1'000'000} {}
};

TEST_F(OnlyBadWrites, FailWhatIsReadBackAndNothingElse) {
    write_random(source("bad/large"), 9 << 20);
    make_realistic_tree(source("good"), 50, 10);

    const Ended ended = sync(R"("verify":"readback","max_attempts":2)", R"(,"chunk_size_mb":2)");

    EXPECT_EQ(ended.state, "COMPLETED_WITH_ERRORS");
    EXPECT_GT(flipped(), 1u);
    EXPECT_EQ(ended.files("failed"), 1);
    EXPECT_THAT(errors(ended.id), Contains("digest_mismatch bad/large"));
    EXPECT_FALSE(fs::exists(destination("bad/large")));
    EXPECT_THAT(temporaries_below(destination()), IsEmpty());
    EXPECT_THAT(differences(source("good"), destination("good")), IsEmpty());
}

}  // namespace
}  // namespace godwit::integration
