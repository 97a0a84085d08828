// S13: what one worker cannot do goes to another, where there is one.
#include <sys/mount.h>

#include "semantics.h"
#include "support/mount_namespace.h"

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
        settings.master_yaml = "lease_seconds: 3\nworker_heartbeat_timeout: 30\n";
        settings.agent_yaml = "heartbeat_interval: 5\n";
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

    // Whose turn comes first is up to the policy; who was lost waits for its next one.
    const auto was_tried = [&] {
        return cluster_.agent_log("source").find("no transport in common") != std::string::npos;
    };
    for (int i = 0; i < 32 && !was_tried(); ++i) expect_syncs(1);

    EXPECT_TRUE(was_tried());
}

TEST_F(Elsewhere, IsNowhereForWorkersThatHaveNoTransportInCommon) {
    start_agent("source", "a");
    cluster_.set_transport("{plugin: ucx, options: {tls: tcp}}");
    start_agent("destination", "b");

    const Ended ended = sync();

    EXPECT_EQ(ended.state, "FAILED");
    EXPECT_EQ(ended.reason, "unsupported");
}

// A storage path on a file system of its own, which single agents may lose.
class LostMount : public Elsewhere {
protected:
    void SetUp() override {
        if (!is_root()) GTEST_SKIP() << "mounting a file system needs root";
        cluster_.start_master();
        for (const char* root : {"a", "b"}) {
            const std::string path = cluster_.folder(root);
            fs::create_directories(path);
            ASSERT_EQ(::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=64m"), 0);
        }
        write_random(source("file"), 100'000);
    }
    void TearDown() override {
        for (const char* root : {"a", "b"}) {
            ::umount2(cluster_.folder(root).c_str(), MNT_DETACH);
        }
    }
    // With mounts of its own.
    void start_apart(const std::string& id, const std::string& folder) {
        cluster_.add_worker(
            {id, {cluster_.folder(folder)}, {}, [] { test_support::enter_mount_namespace(); }});
        cluster_.start_agent(id);
    }
    void unmount_of(const std::string& id, const std::string& folder) {
        const auto ran = test_support::run({"/usr/bin/nsenter", "-m", "-t",
                                            std::to_string(cluster_.agent(id).pid()), "/bin/umount",
                                            "-l", cluster_.folder(folder)});
        ASSERT_EQ(ran.exit_code, 0) << ran.output;
    }
    void expect_waiting(const std::string& id, const std::string& reason) {
        EXPECT_TRUE(eventually(
            [&] { return cluster_.progress(id)->optValue<std::string>("reason", "") == reason; },
            patience()));
    }
};

TEST_F(LostMount, OfTheSourceLeavesTheWorkToAnotherAgent) {
    start_agent("destination", "b");
    start_apart("source-1", "a");

    unmount_of("source-1", "a");
    const std::string id = submit(source(), destination());

    expect_waiting(id, "no_source_worker");
    EXPECT_THAT(cluster_.agent_log("source-1"), HasSubstr("code=no_worker"));
    start_agent("source-2", "a");
    EXPECT_EQ(wait_for(id).state, "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
}

TEST_F(LostMount, OfTheDestinationLeavesTheWorkToAnotherAgent) {
    start_agent("source", "a");
    start_apart("destination-1", "b");

    unmount_of("destination-1", "b");
    const std::string id = submit(source(), destination());

    expect_waiting(id, "no_destination_worker");
    EXPECT_THAT(cluster_.agent_log("source"), HasSubstr("code=peer_lost"));
    start_agent("destination-2", "b");
    EXPECT_EQ(wait_for(id).state, "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
    ASSERT_EQ(::umount2(cluster_.folder("b").c_str(), MNT_DETACH), 0);
    EXPECT_TRUE(fs::is_empty(cluster_.folder("b"))) << "written where the storage is not";
}

}  // namespace
}  // namespace godwit::integration
