// Whatever a client sends: a 4xx that says what was wrong and where, nothing changed, the master
// lives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster.h"
#include "model/json.h"
#include "model/openapi.h"

namespace godwit::integration {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class BadInput : public testing::Test {
protected:
    BadInput() { cluster_.start_master(); }

    void expect_problem(const Reply& reply, int status, const std::string& code) {
        EXPECT_EQ(reply.status, status) << reply.body;
        const auto document = reply.object();
        ASSERT_FALSE(document.isNull()) << reply.body;
        EXPECT_EQ(document->optValue<std::string>("code", ""), code) << reply.body;
        EXPECT_FALSE(document->optValue<std::string>("detail", "").empty());
    }

    Cluster cluster_;
};

TEST_F(BadInput, EveryProblemOfABodyIsToldAtOnce) {
    const Reply reply = cluster_.call(
        "POST", "/sync",
        R"({"request_id":"a b","source_path":"x","chunk_size_mb":"64","destination":"/d"})");

    expect_problem(reply, 422, "invalid_request");
    EXPECT_THAT(reply.body, AllOf(HasSubstr(R"("loc":["body","request_id"])"),
                                  HasSubstr(R"("loc":["body","source_path"])"),
                                  HasSubstr(R"("loc":["body","chunk_size_mb"])"),
                                  HasSubstr(R"("loc":["body","destination_path"])"),
                                  HasSubstr("did you mean 'destination_path'?")));
    EXPECT_EQ(cluster_.call("GET", "/sync").body, "[]");
}

TEST_F(BadInput, EveryProblemOfTheOptionsIsToldAtOnce) {
    const Reply reply = cluster_.call(
        "POST", "/sync",
        R"({"request_id":"r","source_path":"/a","destination_path":"/b","file_list":["ok","../x"],)"
        R"("options":{"delete":"after","max_delete":"101%","filters":["- a","*.o"],)"
        R"("min_size_bytes":2,"max_size_bytes":1,"hardlink":true,"modified_after":"now"}})");

    expect_problem(reply, 422, "invalid_request");
    EXPECT_THAT(reply.body, AllOf(HasSubstr(R"("loc":["body","options","max_delete"])"),
                                  HasSubstr(R"("loc":["body","options","filters",1])"),
                                  HasSubstr(R"("loc":["body","options","max_size_bytes"])"),
                                  HasSubstr(R"("loc":["body","options","modified_after"])"),
                                  HasSubstr("did you mean 'hardlinks'?"),
                                  HasSubstr(R"("loc":["body","options","delete"])"),
                                  HasSubstr(R"("loc":["body","file_list",1])")));
    EXPECT_EQ(cluster_.call("GET", "/sync").body, "[]");
}

TEST_F(BadInput, ListsOfFilesThatAreNoneAreRefused) {
    for (const char* list : {"[]", "{}", "\"a\"", "[\"\"]", "[\"..\"]", "[\"/etc/passwd\"]", "[5]",
                             R"({"count":1,"sha256":"00"})", R"([{"path_b64":"YQBi"}])"}) {
        const Reply reply = cluster_.call(
            "POST", "/sync",
            R"({"request_id":"r","source_path":"/a","destination_path":"/b","file_list":)" +
                std::string{list} + "}");
        expect_problem(reply, 422, "invalid_request");
        EXPECT_THAT(reply.body, HasSubstr(R"("loc":["body","file_list")")) << list;
    }
}

TEST_F(BadInput, AListOfNearlyEightMebibytesIsTaken) {
    std::string body =
        R"({"request_id":"r","source_path":"/a","destination_path":"/b","file_list":["0")";
    for (int i = 1; i < 900'000; ++i) body += ",\"" + std::to_string(i) + '"';
    body += "]}";
    ASSERT_GT(body.size(), 7u << 20);

    EXPECT_EQ(cluster_.call("POST", "/sync", body).status, 202);
    EXPECT_EQ(cluster_.call("POST", "/sync", body).status, 200) << "the same request again";
    EXPECT_EQ(cluster_.state("r"), "QUEUED");
}

TEST_F(BadInput, MalformedJsonHasLineAndColumn) {
    const Reply reply = cluster_.call("POST", "/sync", "{\n \"request_id\": tru }");

    expect_problem(reply, 422, "invalid_request");
    EXPECT_THAT(reply.body, HasSubstr("line 2"));
}

TEST_F(BadInput, HostileBodiesAreRefusedQuietly) {
    std::string deep(100'000, '[');
    for (const std::string& body :
         {deep, std::string{"\0\0\0", 3}, std::string{"null"}, std::string{"[]"}, std::string{"5"},
          std::string{R"({"request_id":"r","request_id":"s"})"}, std::string(900'000, ' '),
          std::string{"{\"request_id\":\"\xFF\"}"}}) {
        for (const char* target : {"/sync", "/workers/heartbeat", "/workers/result",
                                   "/workers/results", "/sync/r/reassign"}) {
            EXPECT_EQ(cluster_.call("POST", target, body).status, 422) << target;
        }
    }
    EXPECT_EQ(cluster_.call("POST", "/sync/r/reassign", std::string(2 << 20, 'x')).status, 413);
    EXPECT_EQ(cluster_.call("POST", "/sync", std::string(2 << 20, 'x')).status, 422);
    EXPECT_EQ(cluster_.call("POST", "/sync", std::string((8 << 20) + 1, 'x')).status, 413);
    EXPECT_EQ(cluster_.call("GET", "/readyz").status, 200);
}

TEST_F(BadInput, UnknownThingsAre404AndWrongMethods405) {
    expect_problem(cluster_.call("GET", "/sync/none"), 404, "not_found");
    expect_problem(cluster_.call("DELETE", "/sync/none"), 404, "not_found");
    expect_problem(cluster_.call("POST", "/sync/none/cancel"), 404, "not_found");
    expect_problem(cluster_.call("GET", "/sync/none/errors"), 404, "not_found");
    expect_problem(cluster_.call("GET", "/workers/none/requests"), 404, "not_found");
    const Reply nothing = cluster_.call("GET", "/nothing/here");
    expect_problem(nothing, 404, "not_found");
    EXPECT_THAT(nothing.body, HasSubstr("nothing is found at"));
    EXPECT_EQ(cluster_.call("PUT", "/sync").status, 405);
}

TEST_F(BadInput, QueriesAreCheckedToo) {
    for (const char* target :
         {"/sync?state=FINE", "/sync?limit=many", "/sync?limit=99999", "/workers?status=well"}) {
        expect_problem(cluster_.call("GET", target), 422, "invalid_request");
    }
    const std::string id = cluster_.submit("/a", "/b");
    for (const std::string& list :
         {std::string{"/sync"}, "/sync/" + id + "/errors", "/sync/" + id + "/files"}) {
        for (const char* name : {"limit", "cursor"}) {
            const std::string value = std::string_view{name} == "limit" ? "0" : "%FF%FE";
            const Reply reply = cluster_.call("GET", list + "?" + name + "=" + value);
            expect_problem(reply, 422, "invalid_request");
            EXPECT_THAT(reply.body, HasSubstr(std::string{R"("loc":["query",")"} + name + "\"]"));
        }
    }
    EXPECT_EQ(cluster_.call("POST", "/workers/w/assignments?max=x").status, 422);
}

TEST_F(BadInput, AWorkerWithoutANameIsToldSo) {
    for (const char* id : {"", "a b"}) {
        const Reply reply = cluster_.call(
            "POST", "/workers/heartbeat",
            R"({"worker_id":")" + std::string{id} +
                R"(","status":"READY","storage_paths":["/a"],"data_plane_endpoints":[]})");
        expect_problem(reply, 422, "invalid_request");
        EXPECT_THAT(reply.body, HasSubstr(R"("loc":["body","worker_id"])"));
    }
}

TEST_F(BadInput, ResultsOfLeasesThatAreNotHeldChangeNothing) {
    const std::string id = cluster_.submit("/a", "/b");
    const Reply reply = cluster_.call("POST", "/workers/result",
                                      R"({"request_id":")" + id +
                                          R"(","worker_id":"w","success":true,"assignment_id":")" +
                                          id + R"(/1/1.1"})");

    expect_problem(reply, 409, "lease_lost");
    EXPECT_EQ(cluster_.state(id), "QUEUED");
}

TEST_F(BadInput, WhatTheOpenApiDocumentDescribesIsThere) {
    const auto document = cluster_.call("GET", "/openapi.json").object();
    ASSERT_FALSE(document.isNull());
    const auto paths = document->getObject("paths");
    for (const auto& [path, methods] : *paths) {
        std::string target = path;
        for (const char* name : {"{request_id}", "{worker_id}"}) {
            const std::size_t at = target.find(name);
            if (at != std::string::npos) target.replace(at, std::string{name}.size(), "none");
        }
        for (const auto& [method, operation] : *methods.extract<Poco::JSON::Object::Ptr>()) {
            std::string upper = method;
            for (char& c : upper) c = static_cast<char>(std::toupper(c));
            const Reply reply = cluster_.call(upper, target, upper.starts_with('P') ? "{}" : "");
            EXPECT_NE(reply.status, 405) << upper << " " << path;
            EXPECT_THAT(reply.body, Not(HasSubstr("nothing is found at")))
                << upper << " " << path << ": " << reply.body;
        }
    }
}

}  // namespace
}  // namespace godwit::integration
