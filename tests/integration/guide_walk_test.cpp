// The seed guide, command by command, with curl: its endpoints, bodies and answers keep working
// word for word.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster.h"

namespace godwit::integration {
namespace {

using testing::HasSubstr;

class GuideWalk : public testing::Test {
protected:
    GuideWalk() { cluster_.start_master(); }

    // The guide's commands name port 8888; everything else in them is as it stands there.
    std::string curl(std::string command) {
        const std::string guide = "127.0.0.1:8888";
        for (std::size_t at = command.find(guide); at != std::string::npos;
             at = command.find(guide)) {
            command.replace(at, guide.size(), "127.0.0.1:" + std::to_string(cluster_.port()));
        }
        const auto ran = test_support::run({"/bin/bash", "-c", "set -o pipefail; " + command});
        EXPECT_EQ(ran.exit_code, 0) << command << "\n" << ran.output;
        return ran.output;
    }
    int status_of(const std::string& command) {
        return std::stoi(curl(command + " -s -o /dev/null -w '%{http_code}'"));
    }

    static constexpr const char* kSubmit = R"(curl -s -X POST http://127.0.0.1:8888/sync \
  -H 'Content-Type: application/json' \
-d '{
        "request_id": "demo-1",
        "source_path": "/data/source",
        "destination_path": "/data/dest",
        "chunk_size_mb": 64,
      }')";
    static constexpr const char* kShow = "curl -s http://127.0.0.1:8888/sync/demo-1";
    static constexpr const char* kList = "curl -s http://127.0.0.1:8888/sync | jq";
    static constexpr const char* kDelete = "curl -s -X DELETE http://127.0.0.1:8888/sync/demo-1";
    static constexpr const char* kHeartbeat =
        R"(curl -s -X POST http://127.0.0.1:8888/workers/heartbeat \
  -H 'Content-Type: application/json' \
  -d '{
        "worker_id": "worker-a",
        "status": "READY",
        "storage_paths": ["/data/source", "/scratch"],
        "data_plane_endpoints": [
          {"iface": "ib0", "address": "192.168.100.10"}
        ]
      }')";
    static constexpr const char* kAssignment =
        "curl -s -X POST http://127.0.0.1:8888/workers/worker-a/assignment";
    static constexpr const char* kResult = R"(curl -s -X POST http://127.0.0.1:8888/workers/result \
  -H 'Content-Type: application/json' \
  -d '{
        "request_id": "demo-1",
        "worker_id": "worker-a",
        "success": true,
        "message": "chunk complete"
      }')";

    Cluster cluster_;
};

TEST_F(GuideWalk, InTheGuidesOwnOrder) {
    EXPECT_EQ(curl(kSubmit), R"({"status":"queued","request_id":"demo-1"})");
    EXPECT_EQ(curl(std::string{kShow} + " | jq -r .state"), "QUEUED\n");
    EXPECT_THAT(curl(kList), HasSubstr("\"request_id\": \"demo-1\""));
    EXPECT_THAT(curl(kDelete), HasSubstr("\"status\":\"deleted\""));
    EXPECT_EQ(status_of(kShow), 404);
    EXPECT_EQ(curl(kHeartbeat), R"({"status":"ok"})");
    EXPECT_EQ(curl(std::string{kAssignment} + " | jq"), "null\n");
    EXPECT_EQ(curl(std::string{kResult} + " | jq -r .status"), "ack\n");
}

TEST_F(GuideWalk, ByCurlAloneARequestIsCompleted) {
    EXPECT_EQ(status_of(kSubmit), 202);
    EXPECT_EQ(curl(kHeartbeat), R"({"status":"ok"})");

    const std::string assignment = curl(kAssignment);
    EXPECT_THAT(assignment, HasSubstr("\"request_id\":\"demo-1\""));
    EXPECT_THAT(assignment, HasSubstr("\"worker_id\":\"worker-a\""));
    EXPECT_THAT(assignment, HasSubstr("\"kind\":\"listing\""));
    EXPECT_THAT(assignment, HasSubstr("\"source_worker_pool\":[\"worker-a\"]"));
    EXPECT_EQ(curl(std::string{kShow} + " | jq -r .state"), "PROGRESS\n");

    EXPECT_EQ(curl(kResult), R"({"status":"ack"})");
    EXPECT_EQ(curl(std::string{kShow} + " | jq -r .state"), "COMPLETED\n");
    EXPECT_EQ(curl(std::string{kShow} + " | jq -r '.detail[\"worker-a\"]'"), "chunk complete\n");
}

TEST_F(GuideWalk, AFailedResultIsTriedAgain) {
    curl(kSubmit);
    curl(kHeartbeat);
    curl(kAssignment);
    std::string failed = kResult;
    failed.replace(failed.find("true"), 4, "false");

    EXPECT_EQ(curl(failed), R"({"status":"ack"})");

    EXPECT_EQ(curl(std::string{kShow} + " | jq -r .state"), "PROGRESS\n");
    EXPECT_TRUE(eventually(
        [&] { return curl(std::string{kAssignment} + " | jq -r .attempt") == "2\n"; }, patience()));
}

TEST_F(GuideWalk, TheSameRequestTwiceIsTheSameRequest) {
    EXPECT_EQ(status_of(kSubmit), 202);
    EXPECT_EQ(status_of(kSubmit), 200);
    std::string other = kSubmit;
    other.replace(other.find("/data/dest"), 10, "/data/else");
    EXPECT_EQ(status_of(other), 409);
}

TEST_F(GuideWalk, WorkersAreListedAsActive) {
    curl(kHeartbeat);
    EXPECT_EQ(curl("curl -s http://127.0.0.1:8888/workers | jq -c '[.active[].worker_id]'"),
              "[\"worker-a\"]\n");
    EXPECT_EQ(curl("curl -s 'http://127.0.0.1:8888/workers?status=inactive' | jq -c"),
              "{\"inactive\":[]}\n");
}

}  // namespace
}  // namespace godwit::integration
