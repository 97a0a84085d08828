// What operators change of a request, and what masters make of what agents report: by the REST
// calls alone, over both stores. The agents are the test's own.
#include <Poco/JSON/Array.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "cluster.h"
#include "model/file_list.h"
#include "model/json.h"

namespace godwit::integration {
namespace {

using Object = Poco::JSON::Object::Ptr;
using testing::ElementsAre;
using testing::HasSubstr;

std::string text_of(const Object& object, const std::string& name) {
    return object.isNull() ? "" : object->optValue<std::string>(name, "");
}

class Changes : public testing::TestWithParam<Store> {
protected:
    static ClusterSettings settings() {
        ClusterSettings settings;
        settings.store = GetParam();
        // Leases outlive every test.
        settings.master_yaml = "lease_seconds: 600\nworker_heartbeat_timeout: 600\n";
        return settings;
    }
    Changes() : cluster_{settings()} { cluster_.start_master(); }

    // Mounts both sides.
    Object beat(const std::string& worker, const std::vector<std::string>& leases = {}) {
        std::string list;
        for (const std::string& lease : leases) {
            list += (list.empty() ? "\"" : ",\"") + lease + "\"";
        }
        const Reply reply = cluster_.call(
            "POST", "/workers/heartbeat",
            R"({"worker_id":")" + worker +
                R"(","status":"READY","storage_paths":["/src","/dst"],"data_plane_endpoints":[],)" +
                R"("control_plane_address":"127.0.0.1:1","leases":[)" + list + "]}");
        EXPECT_EQ(reply.status, 200) << reply.body;
        return reply.object();
    }
    std::vector<Object> poll(const std::string& worker, int units_max = 1) {
        const Reply reply = cluster_.call(
            "POST", "/workers/" + worker + "/assignments?max=" + std::to_string(units_max));
        EXPECT_EQ(reply.status, 200) << reply.body;
        std::vector<Object> given;
        const auto parsed = model::parse_json(reply.body);
        if (!parsed) return given;
        for (const auto& item : *parsed->extract<Poco::JSON::Array::Ptr>()) {
            given.push_back(item.extract<Object>());
        }
        return given;
    }
    Object poll_one(const std::string& worker) {
        const auto given = poll(worker);
        EXPECT_EQ(given.size(), 1U) << "nothing for " << worker;
        return given.empty() ? Object{} : given[0];
    }
    // `more`: further members of the result.
    void report(const Object& assignment, bool success, const std::string& more = {}) {
        const Reply reply =
            cluster_.call("POST", "/workers/result",
                          R"({"request_id":")" + text_of(assignment, "request_id") +
                              R"(","worker_id":")" + text_of(assignment, "worker_id") +
                              R"(","assignment_id":")" + text_of(assignment, "assignment_id") +
                              R"(","success":)" + (success ? "true" : "false") + more + "}");
        EXPECT_EQ(reply.status, 200) << reply.body;
    }
    std::string submit(const std::string& destination = "/dst/a", const std::string& more = {}) {
        return cluster_.submit("/src/a", destination, more);
    }
    std::string value(const std::string& id, const std::string& name) {
        return text_of(cluster_.progress(id), name);
    }
    static std::string chunks(int count) {
        std::string units;
        for (int i = 0; i < count; ++i) {
            units += std::string{units.empty() ? "" : ","} +
                     R"({"kind":"chunk","chunk_files":1,"chunk_size":10,"label":"file )" +
                     std::to_string(i) + "\"}";
        }
        return R"(,"units":[)" + units + "]";
    }

    Cluster cluster_;
};

TEST_P(Changes, RetryIsAboutTheFilesThatFailed) {
    const std::string id = submit();
    beat("worker-a");
    report(poll_one("worker-a"), true,
           R"(,"files":{"directories":1,"discovered":3,"planned":3,"copied":1,"failed":2},
              "errors":[{"path":"d/x","code":"permission_denied"},
                        {"path":"y","code":"io_error"}])");
    ASSERT_EQ(cluster_.state(id), "COMPLETED_WITH_ERRORS");

    const Reply reply = cluster_.call("POST", "/sync/" + id + "/retry");

    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(text_of(reply.object(), "status"), "requeued");
    EXPECT_EQ(cluster_.count(id, "files", "failed"), 0);
    EXPECT_EQ(cluster_.count(id, "files", "discovered"), 1);
    EXPECT_EQ(value(id, "error_count"), "0");
    const Object again = poll_one("worker-a");
    const auto payload = base::from_base64(text_of(again, "payload"));
    ASSERT_TRUE(payload);
    const auto list = model::unpack_file_list(*payload);
    ASSERT_TRUE(list);
    EXPECT_TRUE(list->again);
    EXPECT_THAT(list->paths, ElementsAre("d/x", "y"));

    report(again, true, R"(,"files":{"discovered":2,"planned":2,"copied":2})");
    EXPECT_EQ(cluster_.state(id), "COMPLETED");
    EXPECT_EQ(cluster_.count(id, "files", "copied"), 3);
    EXPECT_EQ(cluster_.call("POST", "/sync/" + id + "/retry").status, 409);
    EXPECT_EQ(cluster_.call("POST", "/sync/nothing/retry").status, 404);
}

TEST_P(Changes, RetryOfAFailedRequestStartsItAnew) {
    const std::string id = submit();
    beat("worker-a");
    report(poll_one("worker-a"), false,
           R"(,"fatal":true,"retryable":false,"error":{"code":"source_missing"})");
    ASSERT_EQ(cluster_.state(id), "FAILED");

    EXPECT_EQ(cluster_.call("POST", "/sync/" + id + "/retry").status, 200);

    EXPECT_EQ(cluster_.state(id), "QUEUED");
    EXPECT_EQ(value(id, "reason"), "");
    report(poll_one("worker-a"), true);
    EXPECT_EQ(cluster_.state(id), "COMPLETED");
}

TEST_P(Changes, APatchLeavesTheRequestTheOneThatWasSubmitted) {
    const std::string body = R"({"request_id":"r-1","source_path":"/src/a",)"
                             R"("destination_path":"/dst/a"})";
    ASSERT_EQ(cluster_.call("POST", "/sync", body).status, 202);

    const Reply patched =
        cluster_.call("PATCH", "/sync/r-1", R"({"options":{"priority":7,"max_workers":2}})");

    EXPECT_EQ(patched.status, 200) << patched.body;
    EXPECT_EQ(text_of(patched.object(), "priority"), "7");
    EXPECT_EQ(cluster_.call("POST", "/sync", body).status, 200);
    EXPECT_EQ(cluster_.call("PATCH", "/sync/r-1", R"({"options":{"verify":"none"}})").status, 422);
    EXPECT_EQ(cluster_.call("PATCH", "/sync/r-1", R"({"options":{"prioritie":7}})").status, 422);
    EXPECT_EQ(cluster_.call("PATCH", "/sync/r-2", R"({"options":{}})").status, 404);
    ASSERT_EQ(cluster_.call("POST", "/sync/r-1/cancel").status, 200);
    EXPECT_EQ(cluster_.call("PATCH", "/sync/r-1", R"({"options":{"priority":1}})").status, 409);
}

TEST_P(Changes, APriorityThatWasPatchedDecidesWhoGoesFirst) {
    const std::string first = submit("/dst/a");
    const std::string second = cluster_.submit("/src/b", "/dst/b");
    beat("worker-a");

    ASSERT_EQ(cluster_.call("PATCH", "/sync/" + second, R"({"options":{"priority":1}})").status,
              200);

    EXPECT_EQ(text_of(poll_one("worker-a"), "request_id"), second);
    EXPECT_EQ(text_of(poll_one("worker-a"), "request_id"), first);
}

TEST_P(Changes, NoMoreWorkersJoinARequestThanItWants) {
    const std::string id = submit("/dst/a", R"(,"options":{"max_workers":1})");
    beat("worker-a");
    beat("worker-b");
    report(poll_one("worker-a"), true, chunks(3));
    const Object held = poll_one("worker-a");

    EXPECT_TRUE(poll("worker-b").empty());
    EXPECT_FALSE(poll("worker-a").empty());
    ASSERT_EQ(cluster_.call("PATCH", "/sync/" + id, R"({"options":{"max_workers":2}})").status,
              200);
    EXPECT_FALSE(poll("worker-b").empty());
}

TEST_P(Changes, ALimitOfBandwidthIsSharedAndFollowsAPatch) {
    const std::string id = submit("/dst/a", R"(,"options":{"bandwidth_limit_mbps":16})");
    beat("worker-a");
    beat("worker-b");
    report(poll_one("worker-a"), true, chunks(4));
    const Object first = poll_one("worker-a");
    EXPECT_EQ(text_of(first, "bytes_per_second"), "2000000");
    EXPECT_EQ(text_of(poll_one("worker-b"), "bytes_per_second"), "1000000");
    const std::string lease = text_of(first, "assignment_id");
    const auto share = [&] {
        const auto limits = beat("worker-a", {lease})->getArray("limits");
        if (limits.isNull() || limits->size() != 1) return std::string{"none"};
        EXPECT_EQ(text_of(limits->getObject(0), "request_id"), id);
        EXPECT_EQ(text_of(limits->getObject(0), "generation"), text_of(first, "generation"));
        return text_of(limits->getObject(0), "bytes_per_second");
    };

    EXPECT_EQ(text_of(beat("worker-a", {lease}), "next_heartbeat_ms"), "1000");
    EXPECT_TRUE(eventually([&] { return share() == "1000000"; }, patience())) << share();
    ASSERT_EQ(
        cluster_.call("PATCH", "/sync/" + id, R"({"options":{"bandwidth_limit_mbps":8}})").status,
        200);
    EXPECT_TRUE(eventually([&] { return share() == "500000"; }, patience())) << share();
    ASSERT_EQ(
        cluster_.call("PATCH", "/sync/" + id, R"({"options":{"bandwidth_limit_mbps":0}})").status,
        200);
    EXPECT_TRUE(eventually([&] { return share().empty(); }, patience())) << share();
}

TEST_P(Changes, DeletesAreRefusedWhenTheyWouldTakeTooMuch) {
    const std::string id = submit("/dst/a", R"(,"options":{"delete":"after","max_delete":5})");
    beat("worker-a");
    report(poll_one("worker-a"), true,
           R"(,"files":{"directories":1,"discovered":1,"skipped":1,"at_destination":20,)"
           R"("surplus":6},"units":[{"kind":"listing","stage":100000,"payload":"eA=="}])");

    EXPECT_TRUE(poll("worker-a").empty());

    EXPECT_EQ(cluster_.state(id), "COMPLETED_WITH_ERRORS");
    EXPECT_EQ(value(id, "reason"), "max_delete_exceeded");
    EXPECT_THAT(cluster_.call("GET", "/sync/" + id + "/errors").body, HasSubstr("6 of 20"));
}

TEST_P(Changes, ErrorsCanBeAskedForByTheirCode) {
    const std::string id = submit();
    beat("worker-a");
    report(poll_one("worker-a"), true,
           R"(,"files":{"failed":3},"errors":[{"path":"a","code":"io_error"},)"
           R"({"path":"b","code":"permission_denied"},{"path":"c","code":"io_error"}])");
    const std::string errors = "/sync/" + id + "/errors";

    const Reply some = cluster_.call("GET", errors + "?code=permission_denied&limit=1");
    const Reply lines =
        cluster_.call("GET", errors + "?code=io_error", {}, {{"Accept", "application/x-ndjson"}});

    ASSERT_EQ(some.object()->getArray("errors")->size(), 1U) << some.body;
    EXPECT_EQ(text_of(some.object()->getArray("errors")->getObject(0), "path"), "b");
    EXPECT_EQ(std::count(lines.body.begin(), lines.body.end(), '\n'), 2) << lines.body;
    EXPECT_EQ(cluster_.call("GET", errors + "?code=no_space").object()->getArray("errors")->size(),
              0U);
    EXPECT_EQ(cluster_.call("GET", errors + "?code=nonsense").status, 422);
}

TEST_P(Changes, AWorkerOnWhichNothingSucceedsIsShownAndGetsNoWork) {
    submit();
    beat("worker-a");
    beat("worker-b");
    report(poll_one("worker-b"), true, chunks(20));
    std::vector<Object> failing;
    for (int i = 0; i < 6; ++i) failing.push_back(poll_one("worker-a"));
    const auto fail = [&](const Object& assignment) {
        report(assignment, false,
               R"(,"error":{"code":"io_error","path":")" + text_of(assignment, "label") + "\"}");
    };
    fail(failing[0]);
    report(poll_one("worker-b"), true, R"(,"files":{"copied":1})");
    for (std::size_t i = 1; i < failing.size(); ++i) fail(failing[i]);

    EXPECT_TRUE(poll("worker-a").empty());
    EXPECT_FALSE(poll("worker-b").empty());
    const Reply workers = cluster_.call("GET", "/workers");
    EXPECT_THAT(workers.body, HasSubstr(R"("quarantine":{"until":")"));
    EXPECT_THAT(cluster_.master_log(), HasSubstr("nothing succeeds on a worker"));
}

TEST_P(Changes, TheNameOfTheSourceIsAppendedWhereThatWasAskedFor) {
    const std::string id = submit("/dst", R"(,"options":{"copy_root":true})");
    beat("worker-a");

    EXPECT_EQ(value(id, "destination_path"), "/dst");
    EXPECT_EQ(value(id, "resolved_destination"), "/dst/a");
    EXPECT_EQ(text_of(poll_one("worker-a"), "destination_path"), "/dst/a");
}

TEST_P(Changes, AListOfFilesIsWhatIsListed) {
    const std::string id = submit("/dst/a", R"(,"file_list":["x","d/y"])");
    beat("worker-a");

    const auto payload = base::from_base64(text_of(poll_one("worker-a"), "payload"));

    ASSERT_TRUE(payload);
    const auto list = model::unpack_file_list(*payload);
    ASSERT_TRUE(list);
    EXPECT_FALSE(list->again);
    EXPECT_THAT(list->paths, ElementsAre("d/y", "x"));
    EXPECT_EQ(value(id, "state"), "PROGRESS");
}

INSTANTIATE_TEST_SUITE_P(Stores, Changes, testing::Values(Store::Memory, Store::Redis),
                         [](const testing::TestParamInfo<Store>& info) {
                             return info.param == Store::Memory ? "Memory" : "Redis";
                         });

}  // namespace
}  // namespace godwit::integration
