// S13: whoever is killed in the midst of a request, only what was under way is moved again.
#include <fstream>

#include "semantics.h"

namespace godwit::integration {
namespace {

constexpr std::int64_t kLargeBytes = 40 << 20;
constexpr int kSmallFiles = 200;
constexpr std::int64_t kSmallBytes = 50'000;
constexpr std::int64_t kTreeBytes = kLargeBytes + kSmallFiles * kSmallBytes;
constexpr std::int64_t kSlots = 2;
constexpr std::int64_t kChunkBytes = 2 << 20;
constexpr std::int64_t kSegmentBytes = 256 << 10;
constexpr std::int64_t kHugeBytes = 72 << 20;
// Of one chunk: fetched, and not written yet when an agent ended.
constexpr std::int64_t kSegmentsUnderWay = 16;

// Every byte that a get brought is counted by the wire itself: an agent that is killed reports
// nothing.
class CountedWire : public Semantics {
protected:
    CountedWire() : Semantics{settings()} {}

    void SetUp() override {
        cluster_.set_transport("{plugin: faulty, options: {tally: \"" + tally() + "\"}}");
        start();
    }

    std::int64_t fetched() const {
        std::ifstream lines{tally()};
        std::int64_t bytes = 0;
        for (std::int64_t length = 0; lines >> length;) bytes += length;
        return bytes;
    }

private:
    static ClusterSettings settings() {
        ClusterSettings settings;
        settings.store = Store::Redis;
        settings.agent_yaml += plugin_path_with_faults();
        settings.agent_yaml += "tuning: {slots: " + std::to_string(kSlots) +
                               ", send_buffers: 8, receive_buffers: 8, segment_kib: " +
                               std::to_string(kSegmentBytes / 1024) + "}\n";
        return settings;
    }
    std::string tally() const { return cluster_.folder("tally"); }
};

class Resume : public CountedWire {
protected:
    void SetUp() override {
        CountedWire::SetUp();
        write_random(source("large"), kLargeBytes);
        for (int i = 0; i < kSmallFiles; ++i) {
            write_random(source("small/" + std::to_string(i)), kSmallBytes,
                         static_cast<unsigned>(i));
        }
    }

    // So slow that there is a midst; some of the tree has arrived when it returns.
    std::string submit_and_catch_it_copying() {
        const std::string id = submit(source(), destination(), R"("bandwidth_limit_mbps":160)",
                                      R"(,"chunk_size_mb":2)");
        EXPECT_TRUE(eventually(
            [&] { return cluster_.count(id, "bytes", "copied") > kTreeBytes / 4; }, patience()));
        EXPECT_LT(cluster_.count(id, "bytes", "copied"), kTreeBytes / 2);
        return id;
    }

    void expect_only_what_was_under_way_moved_again(const std::string& id) {
        const Ended ended = wait_for(id);
        EXPECT_EQ(ended.state, "COMPLETED");
        EXPECT_EQ(ended.files("copied"), kSmallFiles + 1);
        EXPECT_EQ(ended.bytes("copied"), kTreeBytes);
        EXPECT_THAT(errors(id), IsEmpty());
        EXPECT_THAT(differences(source(), destination()), IsEmpty());
        EXPECT_THAT(test_support::temporaries_below(destination()), IsEmpty());
        EXPECT_GE(fetched(), kTreeBytes);
        EXPECT_LE(fetched(), kTreeBytes + kSlots * kChunkBytes);
    }
};

TEST_F(Resume, AfterTheSourceAgentWasKilled) {
    const std::string id = submit_and_catch_it_copying();

    cluster_.agent("worker-a").kill();
    cluster_.start_agent("worker-a");

    expect_only_what_was_under_way_moved_again(id);
}

TEST_F(Resume, AfterTheDestinationAgentWasKilled) {
    const std::string id = submit_and_catch_it_copying();

    cluster_.agent("worker-b").kill();
    cluster_.start_agent("worker-b");

    expect_only_what_was_under_way_moved_again(id);
}

TEST_F(Resume, AfterTheMasterWasKilled) {
    const std::string id = submit_and_catch_it_copying();

    cluster_.master().kill();
    cluster_.start_master();

    expect_only_what_was_under_way_moved_again(id);
}

TEST_F(Resume, AfterAllOfThemWereKilled) {
    const std::string id = submit_and_catch_it_copying();

    cluster_.agent("worker-a").kill();
    cluster_.agent("worker-b").kill();
    cluster_.master().kill();
    cluster_.start_master();
    cluster_.start_agent("worker-a");
    cluster_.start_agent("worker-b");

    expect_only_what_was_under_way_moved_again(id);
}

// One chunk is all of the file, and nobody is told that a part of it has arrived.
class ResumeInsideOfAChunk : public CountedWire {
protected:
    void SetUp() override {
        CountedWire::SetUp();
        write_random(source("huge"), kHugeBytes);
    }

    std::string submit_and_catch_it_copying(const std::string& options = {}) {
        const std::string id =
            submit(source(), destination(), R"("bandwidth_limit_mbps":160)" + options,
                   R"(,"chunk_size_mb":1000)");
        EXPECT_TRUE(eventually([&] { return fetched() > kHugeBytes / 3; }, patience()));
        EXPECT_LT(fetched(), kHugeBytes / 2);
        return id;
    }

    std::int64_t leased_chunks(const std::string& id) {
        const auto kinds = cluster_.progress(id)->getObject("assignments");
        return kinds->getObject("chunk")->getValue<std::int64_t>("leased");
    }

    void expect_only_segments_under_way_moved_again(const std::string& id) {
        const Ended ended = wait_for(id);
        EXPECT_EQ(ended.state, "COMPLETED");
        EXPECT_EQ(ended.bytes("copied"), kHugeBytes);
        EXPECT_THAT(errors(id), IsEmpty());
        EXPECT_THAT(differences(source(), destination()), IsEmpty());
        EXPECT_THAT(test_support::temporaries_below(destination()), IsEmpty());
        EXPECT_GE(fetched(), kHugeBytes);
        EXPECT_LE(fetched(), kHugeBytes + kSegmentsUnderWay * kSegmentBytes);
    }
};

TEST_F(ResumeInsideOfAChunk, AfterTheSourceAgentWasKilled) {
    const std::string id = submit_and_catch_it_copying();

    cluster_.agent("worker-a").kill();
    cluster_.start_agent("worker-a");

    expect_only_segments_under_way_moved_again(id);
}

TEST_F(ResumeInsideOfAChunk, AfterTheDestinationAgentWasKilled) {
    const std::string id = submit_and_catch_it_copying(R"(,"verify":"readback")");

    cluster_.agent("worker-b").kill();
    cluster_.start_agent("worker-b");

    expect_only_segments_under_way_moved_again(id);
}

TEST_F(ResumeInsideOfAChunk, AfterTheSourceAgentWasStopped) {
    const std::string id = submit_and_catch_it_copying();

    ASSERT_EQ(cluster_.agent("worker-a").stop(), 0);
    cluster_.start_agent("worker-a");

    expect_only_segments_under_way_moved_again(id);
}

TEST_F(ResumeInsideOfAChunk, AfterAPauseWhichWaitsForNoChunkToEnd) {
    const std::string id = submit_and_catch_it_copying();

    ASSERT_EQ(cluster_.call("POST", "/sync/" + id + "/pause").status, 200);
    ASSERT_TRUE(eventually([&] { return leased_chunks(id) == 0; }, patience()));
    EXPECT_LT(fetched(), kHugeBytes);
    ASSERT_EQ(cluster_.call("POST", "/sync/" + id + "/resume").status, 200);

    expect_only_segments_under_way_moved_again(id);
}

TEST_F(ResumeInsideOfAChunk, OfAFileThatIsWrittenInPlace) {
    const std::string id = submit_and_catch_it_copying(R"(,"inplace":true)");

    cluster_.agent("worker-a").kill();
    cluster_.start_agent("worker-a");

    expect_only_segments_under_way_moved_again(id);
}

}  // namespace
}  // namespace godwit::integration
