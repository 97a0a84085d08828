// S13 and S18 where the plugins fail: a wire that loses peers, stalls and delays, and a store whose
// answers get lost. What comes out is what would come out without.
#include "semantics.h"

namespace godwit::integration {
namespace {

using test_support::make_realistic_tree;
using test_support::temporaries_below;

class BadWire : public Semantics {
protected:
    explicit BadWire(const std::string& options) : Semantics{settings(options)} {}

    void expect_a_whole_sync(const std::string& trouble) {
        make_realistic_tree(source(), 100, 60);

        const Ended ended = sync({}, R"(,"chunk_size_mb":4)");

        EXPECT_THAT(cluster_.agent_log("worker-b"), HasSubstr(trouble));
        EXPECT_EQ(ended.state, "COMPLETED");
        EXPECT_EQ(ended.files("copied") + ended.files("special"), ended.files("discovered"));
        EXPECT_EQ(ended.bytes("copied"), ended.bytes("discovered"));
        EXPECT_THAT(errors(ended.id), IsEmpty());
        EXPECT_THAT(differences(source(), destination()), IsEmpty());
        EXPECT_THAT(temporaries_below(destination()), IsEmpty());
    }

private:
    static ClusterSettings settings(const std::string& options) {
        ClusterSettings settings;
        settings.transport = "{plugin: faulty, options: {" + options + "}}";
        settings.agent_yaml += plugin_path_with_faults();
        settings.agent_yaml +=
            "tuning: {slots: 2, send_buffers: 8, receive_buffers: 8, segment_kib: 256}\n";
        return settings;
    }
};

class LosingWire : public BadWire {
protected:
    LosingWire() : BadWire{"lose_every: 40, losses: 3"} {}
};

TEST_F(LosingWire, IsConnectedAgainAndLosesNothing) {
    expect_a_whole_sync("lost a peer");
}

class LateWire : public BadWire {
protected:
    LateWire() : BadWire{"delay_every: 5, delay_ms: 100"} {}
};

TEST_F(LateWire, MayBringLaterSegmentsFirst) {
    expect_a_whole_sync("a get is late");
}

class HangingWire : public BadWire {
protected:
    HangingWire() : BadWire{"hang_at: 30"} {}
};

TEST_F(HangingWire, IsGivenUpAtTheDeadlineOfAGet) {
    expect_a_whole_sync("a get hangs");
    EXPECT_THAT(cluster_.agent_log("worker-b"),
                HasSubstr("a get made no progress before its deadline"));
}

class ForgetfulStore : public Semantics {
protected:
    ForgetfulStore() : Semantics{settings()} {}

    // As a client does it: until it is told that the request is there.
    std::string submit_until_taken() {
        const std::string body = R"({"request_id":"kept","source_path":")" + source() +
                                 R"(","destination_path":")" + destination() +
                                 R"(","chunk_size_mb":1})";
        EXPECT_TRUE(eventually(
            [&] {
                const int status = cluster_.call("POST", "/sync", body).status;
                EXPECT_TRUE(status == 202 || status == 200 || status == 503) << status;
                return status == 202 || status == 200;
            },
            patience()));
        return "kept";
    }

private:
    static ClusterSettings settings() {
        ClusterSettings settings;
        settings.store_choice = "{plugin: forgetful, options: {every: 5}}";
        settings.master_yaml += plugin_path_with_faults();
        return settings;
    }
};

TEST_F(ForgetfulStore, LosesNoFileAndCountsNoneTwice) {
    constexpr int kFiles = 600;
    std::int64_t bytes = 0;
    for (int i = 0; i < kFiles; ++i) {
        const std::string folder = "folder-" + std::to_string(i % 20);
        const std::uint64_t size = 1'000 + 37 * static_cast<unsigned>(i);
        write_random(source(folder + "/file-" + std::to_string(i)), size);
        bytes += static_cast<std::int64_t>(size);
    }
    write_random(source("large"), 12 << 20);
    bytes += 12 << 20;

    const Ended ended = wait_for(submit_until_taken());

    EXPECT_EQ(ended.state, "COMPLETED");
    EXPECT_EQ(ended.files("discovered"), kFiles + 1);
    EXPECT_EQ(ended.files("copied"), kFiles + 1);
    EXPECT_EQ(ended.files("failed"), 0);
    EXPECT_EQ(ended.bytes("discovered"), bytes);
    EXPECT_EQ(ended.bytes("copied"), bytes);
    EXPECT_THAT(errors(ended.id), IsEmpty());
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
    EXPECT_THAT(temporaries_below(destination()), IsEmpty());
    EXPECT_THAT(cluster_.master_log(), HasSubstr("forgot complete"));
}

}  // namespace
}  // namespace godwit::integration
