// S13: what one worker cannot do goes to another, where there is one.
#include "semantics.h"

namespace godwit::integration {
namespace {

class Elsewhere : public Semantics {
protected:
    Elsewhere() : Semantics{settings()} {}
    void SetUp() override {
        fs::create_directories(cluster_.folder("b"));
        cluster_.start_master();
        write_random(source("file"), 100'000);
    }

    // Every worker gets its turn, whatever speaks against it.
    static ClusterSettings settings() {
        ClusterSettings settings;
        settings.policy = "{plugin: round_robin}";
        return settings;
    }
    void start_agent(const std::string& id, const std::string& folder) {
        cluster_.add_worker({id, {cluster_.folder(folder)}, {}});
        cluster_.start_agent(id);
    }
    std::string peer_address_of(const std::string& id) {
        const auto workers = cluster_.call("GET", "/workers?status=active").object();
        const auto list = workers->getArray("active");
        for (unsigned i = 0; i < list->size(); ++i) {
            const auto worker = list->getObject(i);
            if (worker->getValue<std::string>("worker_id") == id) {
                return worker->getValue<std::string>("control_plane_address");
            }
        }
        return {};
    }
    // So many, one after the other: every destination gets its turn.
    void expect_syncs(int count) {
        for (int i = 0; i < count; ++i) {
            const std::string to = destination(std::to_string(i));
            const Ended ended = sync_paths(source(), to);
            EXPECT_EQ(ended.state, "COMPLETED") << ended.reason;
            EXPECT_THAT(differences(source(), to), IsEmpty());
        }
    }
};

// Its address was given to another worker since: what is meant for it goes there.
TEST_F(Elsewhere, GoesWhatMeetsAnotherWorkerAtAStaleAddress) {
    start_agent("source", "a");
    start_agent("there", "b");
    const auto register_gone = [&] {
        return cluster_
            .call("POST", "/workers/heartbeat",
                  R"({"worker_id":"gone","status":"IDLE","storage_paths":[")" +
                      cluster_.folder("b") + R"("],"control_plane_address":")" +
                      peer_address_of("there") + "\"}")
            .status;
    };

    for (int i = 0; i < 2; ++i) {
        ASSERT_EQ(register_gone(), 200);
        expect_syncs(2);
    }

    EXPECT_THAT(cluster_.agent_log("source"), HasSubstr("it looks for worker"));
}

TEST_F(Elsewhere, GoesWhatHasNoTransportInCommonWithOneDestination) {
    start_agent("source", "a");
    start_agent("destination-1", "b");
    cluster_.set_transport("{plugin: ucx, options: {tls: tcp}}");
    start_agent("destination-2", "b");

    expect_syncs(4);

    EXPECT_THAT(cluster_.agent_log("source"), HasSubstr("no transport in common"));
}

TEST_F(Elsewhere, IsNowhereForWorkersThatHaveNoTransportInCommon) {
    start_agent("source", "a");
    cluster_.set_transport("{plugin: ucx, options: {tls: tcp}}");
    start_agent("destination", "b");

    const Ended ended = sync();

    EXPECT_EQ(ended.state, "FAILED");
    EXPECT_EQ(ended.reason, "unsupported");
}

}  // namespace
}  // namespace godwit::integration
