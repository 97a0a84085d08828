// What operators do with requests: submit, watch, pause, cancel, reassign, forget.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "cluster.h"

namespace godwit::integration {
namespace {

namespace fs = std::filesystem;
using test_support::differences;
using test_support::temporaries_below;
using test_support::write_random;
using test_support::write_text;
using testing::HasSubstr;
using testing::IsEmpty;

// Copies so slowly that a test can interfere: one slot, one file after the other is what it has.
ClusterSettings slow_settings() {
    ClusterSettings settings;
    settings.agent_yaml +=
        "tuning: {slots: 1, send_buffers: 2, receive_buffers: 2, segment_kib: 64}\n";
    return settings;
}

class LifeCycle : public testing::Test {
protected:
    LifeCycle() : cluster_{slow_settings()} {}

    std::string source(const std::string& relative = "tree") {
        return cluster_.folder("a/" + relative);
    }
    std::string destination(const std::string& relative = "tree") {
        return cluster_.folder("b/" + relative);
    }
    void start() { cluster_.start_pair(cluster_.folder("a"), cluster_.folder("b")); }
    // Submits something large and returns when its bytes are on the way.
    std::string submit_and_catch_it_copying(std::uint64_t mib) {
        write_random(source("tree/large"), mib << 20);
        const std::string id = cluster_.submit(source(), destination(), R"(,"chunk_size_mb":1)");
        EXPECT_TRUE(
            eventually([&] { return cluster_.count(id, "bytes", "copied") > 0; }, patience()));
        return id;
    }

    Cluster cluster_;
};

TEST_F(LifeCycle, CancelEndsTheWorkAndRemovesTemporaries) {
    start();
    const std::string id = submit_and_catch_it_copying(300);

    EXPECT_EQ(cluster_.call("POST", "/sync/" + id + "/cancel").status, 200);

    EXPECT_EQ(cluster_.state(id), "CANCELLED");
    EXPECT_TRUE(eventually([&] { return temporaries_below(destination()).empty(); }, patience()))
        << "left: " << temporaries_below(destination()).size();
    EXPECT_FALSE(fs::exists(destination("tree/large")));
    EXPECT_EQ(cluster_.call("POST", "/sync/" + id + "/cancel").status, 409);
    EXPECT_EQ(cluster_.call("POST", "/sync/" + id + "/resume").status, 409);
}

// A page has a thousand; lines are all there are.
TEST_F(LifeCycle, FilesAsLinesAreAllOfThem) {
    fs::create_directories(source());
    start();
    constexpr std::int64_t kMissing = 1'203;
    std::string list = "\"0\"";
    for (int i = 1; i < kMissing; ++i) list += ",\"" + std::to_string(i) + '"';
    const std::string id =
        cluster_.submit(source(), destination(), ",\"file_list\":[" + list + "]");
    ASSERT_EQ(cluster_.wait_until_over(id), "COMPLETED_WITH_ERRORS");

    for (const char* what : {"/errors", "/files"}) {
        const Reply lines =
            cluster_.call("GET", "/sync/" + id + what, {}, {{"Accept", "application/x-ndjson"}});
        EXPECT_EQ(lines.status, 200);
        EXPECT_EQ(std::count(lines.body.begin(), lines.body.end(), '\n'), kMissing) << what;
    }
    const auto page = cluster_.call("GET", "/sync/" + id + "/files").object();
    EXPECT_EQ(page->getArray("files")->size(), 1'000u);
    const auto rest = cluster_.call(
        "GET", "/sync/" + id + "/files?cursor=" + page->getValue<std::string>("next"));
    EXPECT_EQ(rest.object()->getArray("files")->size(), 203u) << rest.body;
    EXPECT_EQ(cluster_.call("GET", "/sync/none/files").status, 404);
}

TEST_F(LifeCycle, DeleteOfAnActiveRequestCancelsAndForgetsIt) {
    start();
    const std::string id = submit_and_catch_it_copying(300);

    EXPECT_EQ(cluster_.call("DELETE", "/sync/" + id).status, 200);

    EXPECT_EQ(cluster_.call("GET", "/sync/" + id).status, 404);
    EXPECT_TRUE(eventually([&] { return temporaries_below(destination()).empty(); }, patience()));
    EXPECT_EQ(cluster_.call("DELETE", "/sync/" + id).status, 404);
    // Its name is free again, and its agents are.
    EXPECT_EQ(cluster_
                  .call("POST", "/sync",
                        R"({"request_id":")" + id + R"(","source_path":")" + source() +
                            R"(","destination_path":")" + destination() + "\"}")
                  .status,
              202);
    EXPECT_EQ(cluster_.wait_until_over(id), "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
}

TEST_F(LifeCycle, APausedRequestMovesNothingUntilItIsResumed) {
    start();
    const std::string id = submit_and_catch_it_copying(200);

    EXPECT_EQ(cluster_.call("POST", "/sync/" + id + "/pause").status, 200);
    EXPECT_EQ(cluster_.state(id), "PAUSED");
    // What was handed out before ends or comes back; nothing is handed out any more.
    EXPECT_TRUE(eventually(
        [&] {
            const auto chunks = cluster_.progress(id)->getObject("assignments")->getObject("chunk");
            return chunks->getValue<int>("leased") == 0;
        },
        patience()));
    const std::int64_t copied = cluster_.count(id, "bytes", "copied");
    EXPECT_LT(copied, 200 << 20);

    EXPECT_EQ(cluster_.call("POST", "/sync/" + id + "/resume").status, 200);
    EXPECT_EQ(cluster_.wait_until_over(id), "COMPLETED");
    EXPECT_EQ(cluster_.count(id, "bytes", "copied"), 200 << 20);
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
}

TEST_F(LifeCycle, ARequestWaitsVisiblyForAWorkerAndGoesOnWhenOneComes) {
    fs::create_directories(source());
    write_text(source("tree/file"), "x");
    fs::create_directories(cluster_.folder("b"));
    cluster_.add_worker({"worker-a", {cluster_.folder("a")}, {}});
    cluster_.add_worker({"worker-b", {cluster_.folder("b")}, {}});
    cluster_.start_master();
    const std::string id = cluster_.submit(source(), destination());

    EXPECT_TRUE(eventually(
        [&] {
            return cluster_.progress(id)->getValue<std::string>("reason") == "no_source_worker";
        },
        patience()));
    EXPECT_THAT(cluster_.call("GET", "/sync/" + id).body,
                HasSubstr("no active worker mounts the source"));
    cluster_.start_agent("worker-a");
    EXPECT_TRUE(eventually(
        [&] {
            return cluster_.progress(id)->getValue<std::string>("reason") ==
                   "no_destination_worker";
        },
        patience()));
    cluster_.start_agent("worker-b");

    EXPECT_EQ(cluster_.wait_until_over(id), "COMPLETED");
    EXPECT_EQ(cluster_.progress(id)->getValue<std::string>("reason"), "");
}

TEST_F(LifeCycle, ARequestThatNobodyCanServeFailsAfterItsTime) {
    cluster_.start_master();
    const std::string id =
        cluster_.submit("/nowhere/a", "/nowhere/b", R"(,"options":{"mount_wait_seconds":1})");

    EXPECT_EQ(cluster_.wait_until_over(id), "FAILED");
    EXPECT_EQ(cluster_.progress(id)->getValue<std::string>("reason"), "no_source_worker");
}

TEST_F(LifeCycle, TwoRequestsToOneDestinationGoOneAfterTheOther) {
    start();
    const std::string first = submit_and_catch_it_copying(200);
    const std::string second = cluster_.submit(source(), destination("tree/below"));

    EXPECT_TRUE(eventually(
        [&] {
            return cluster_.progress(second)->getValue<std::string>("reason") ==
                       "destination_busy" ||
                   cluster_.state(first) != "PROGRESS";
        },
        patience()));
    EXPECT_EQ(cluster_.state(first), "PROGRESS");
    EXPECT_EQ(cluster_.state(second), "QUEUED");
    EXPECT_EQ(cluster_.wait_until_over(first), "COMPLETED");
    EXPECT_EQ(cluster_.wait_until_over(second), "COMPLETED");
}

TEST_F(LifeCycle, ReassignStartsAFailedRequestAnewOnOneWorker) {
    start();
    cluster_.add_worker({"worker-c", {cluster_.folder("a"), cluster_.folder("b")}, {}});
    cluster_.start_agent("worker-c");
    const std::string id = cluster_.submit(source("late"), destination("late"));
    ASSERT_EQ(cluster_.wait_until_over(id), "FAILED");
    write_text(source("late/file"), "here now");
    const std::string target = "/sync/" + id + "/reassign";

    EXPECT_EQ(cluster_.call("POST", target, R"({"worker_id":"nobody"})").status, 400);
    EXPECT_THAT(cluster_.call("POST", target, R"({"worker_id":"worker-b"})").body,
                HasSubstr("does not mount"));
    const Reply reply = cluster_.call("POST", target, R"({"worker_id":"worker-c"})");

    EXPECT_EQ(reply.status, 200);
    EXPECT_THAT(reply.body, HasSubstr("\"status\":\"requeued\""));
    EXPECT_EQ(cluster_.wait_until_over(id), "COMPLETED");
    EXPECT_THAT(differences(source("late"), destination("late")), IsEmpty());
    EXPECT_EQ(cluster_.call("POST", target, R"({"worker_id":"worker-c"})").status, 400);
    // It mounts both sides, so nothing crossed a wire.
    EXPECT_EQ(cluster_.count(id, "bytes", "on_wire"), 0);
}

TEST_F(LifeCycle, AWorkerThatMountsBothSidesCopiesByItself) {
    test_support::make_realistic_tree(source(), 200, 40);
    fs::create_directories(cluster_.folder("b"));
    cluster_.add_worker({"worker-c", {cluster_.folder("a"), cluster_.folder("b")}, {}});
    cluster_.start_master();
    cluster_.start_agent("worker-c");

    const std::string id = cluster_.submit(source(), destination(), R"(,"chunk_size_mb":4)");

    EXPECT_EQ(cluster_.wait_until_over(id), "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
    EXPECT_EQ(cluster_.count(id, "bytes", "on_wire"), 0);
    EXPECT_EQ(cluster_.count(id, "bytes", "copied"), cluster_.count(id, "bytes", "discovered"));
}

TEST_F(LifeCycle, ListingIsPagedAndFiltered) {
    cluster_.start_master();
    for (int i = 0; i < 5; ++i) cluster_.submit("/nowhere/a", "/nowhere/b" + std::to_string(i));

    const Reply page = cluster_.call("GET", "/sync?limit=2");

    const auto link = http::header_in(page.headers, "Link");
    ASSERT_TRUE(link);
    EXPECT_THAT(std::string{*link}, HasSubstr("rel=\"next\""));
    EXPECT_THAT(page.body, HasSubstr("request-2"));
    EXPECT_EQ(page.body.find("request-3"), std::string::npos);
    const std::size_t end = link->find('>');
    const Reply next = cluster_.call("GET", std::string{link->substr(1, end - 1)});
    EXPECT_THAT(next.body, HasSubstr("request-3"));
    EXPECT_EQ(cluster_.call("GET", "/sync?state=FAILED").body, "[]");
}

}  // namespace
}  // namespace godwit::integration
