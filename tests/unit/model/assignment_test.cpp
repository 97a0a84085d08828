#include "model/assignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::model {
namespace {

sdk::Unit some_unit() {
    sdk::Unit unit;
    unit.kind = sdk::UnitKind::Chunk;
    unit.stage = 3;
    unit.rank = 1;
    unit.group = 0xFEDCBA9876543210;
    unit.offset = std::uint64_t{1} << 40;
    unit.bytes = 12345;
    unit.files = 7;
    unit.label = std::string{"a/\xFF\n\"b"};
    unit.payload = std::string{"\0\x01\xFFpayload", 10};
    return unit;
}

Assignment some_assignment() {
    Assignment assignment;
    assignment.id = {"demo-1", {17, {3, 42}}};
    assignment.generation = 0xFFFFFFFFFFFFFFFF;
    assignment.worker = "worker-a";
    assignment.source_path = "/data/\xFE";
    assignment.destination_path = "/scratch";
    assignment.destination_slash = true;
    assignment.chunk_bytes = 64 << 20;
    assignment.options.verify = Verify::None;
    assignment.unit = some_unit();
    assignment.discard = true;
    assignment.attempt = 2;
    assignment.attempts_max = 5;
    assignment.losses = 1;
    assignment.failed_on = "worker-d";
    assignment.first_failed_at = sdk::WallTime{sdk::Millis{1'700'000'000'123}};
    assignment.resolution = kIntoDirectory;
    assignment.bytes_per_second = 125'000'000;
    assignment.source_pool = {"worker-a"};
    assignment.destination_pool = {"worker-b", "worker-c"};
    assignment.destination = "worker-b";
    assignment.peers = {{"worker-b", "127.0.0.1:4000"}};
    assignment.ticket = "123.abc";
    return assignment;
}

TEST(AssignmentId, ReadsWhatItPrints) {
    const AssignmentId id{"demo-1", {17, {3, 42}}};
    EXPECT_EQ(to_string(id), "demo-1/17/3.42");
    EXPECT_EQ(parse_assignment_id("demo-1/17/3.42"), id);
}

TEST(AssignmentId, RefusesTheRest) {
    for (const char* text : {"", "demo-1", "/1/2.3", "a b/1/2.3", "r/1/2", "r/1/2.3x", "r/-1/2.3",
                             "r/1/2.3.4", "r//2.3", "r/99999999999999999999/2.3"}) {
        EXPECT_EQ(parse_assignment_id(text), std::nullopt) << text;
    }
}

TEST(AssignmentDocument, ReadsWhatItPrints) {
    const Assignment sent = some_assignment();

    const auto parsed = parse_assignments(print_assignments(std::vector{sent}));

    ASSERT_TRUE(parsed.ok()) << parsed.errors.front().message;
    ASSERT_EQ(parsed.document->size(), 1u);
    const Assignment& got = parsed.document->front();
    EXPECT_EQ(got.id, sent.id);
    EXPECT_EQ(got.generation, sent.generation);
    EXPECT_EQ(got.source_path, sent.source_path);
    EXPECT_EQ(got.destination_path, sent.destination_path);
    EXPECT_EQ(got.destination_slash, sent.destination_slash);
    EXPECT_EQ(got.chunk_bytes, sent.chunk_bytes);
    EXPECT_EQ(got.options, sent.options);
    EXPECT_EQ(got.unit, sent.unit);
    EXPECT_EQ(got.discard, sent.discard);
    EXPECT_EQ(got.attempt, sent.attempt);
    EXPECT_EQ(got.losses, sent.losses);
    EXPECT_EQ(got.failed_on, sent.failed_on);
    EXPECT_EQ(got.first_failed_at, sent.first_failed_at);
    EXPECT_EQ(got.resolution, sent.resolution);
    EXPECT_EQ(got.bytes_per_second, sent.bytes_per_second);
    EXPECT_EQ(got.destination_pool, sent.destination_pool);
    EXPECT_EQ(got.destination, sent.destination);
    EXPECT_EQ(got.peers, sent.peers);
    EXPECT_EQ(got.ticket, sent.ticket);
}

TEST(ResultDocument, TheGuidesExampleIsTaken) {
    const auto parsed = parse_result(R"({
        "request_id": "demo-1",
        "worker_id": "worker-a",
        "success": true,
        "message": "chunk complete"
      })");

    ASSERT_TRUE(parsed.ok());
    EXPECT_TRUE(parsed.document->success);
    EXPECT_EQ(parsed.document->message, "chunk complete");
    EXPECT_FALSE(parsed.document->assignment);
}

TEST(ResultDocument, ReadsWhatItPrints) {
    AssignmentResult done;
    done.request = "demo-1";
    done.worker = "worker-a";
    done.success = true;
    done.assignment = AssignmentId{"demo-1", {17, {3, 42}}};
    done.effects.counters[sdk::Count::FilesCopied] = 3;
    done.effects.counters[sdk::Count::BytesOnWire] = std::int64_t{1} << 50;
    done.effects.units = {some_unit(), some_unit()};
    done.effects.groups = {{77, 3, some_unit()}};
    sdk::FileError error;
    error.path = "a/\xFF";
    error.code = "permission_denied";
    error.error_number = 13;
    error.first_at = sdk::WallTime{sdk::Millis{1'700'000'000'123}};
    error.message = "no";
    done.effects.errors = {error};
    done.effects.resolution = kAsNamed;
    AssignmentResult failed = done;
    failed.success = false;
    failed.released = true;
    failed.retryable = false;
    failed.error = error;
    failed.rest = some_unit();

    const auto parsed = parse_results(print_results(std::vector{done, failed}));

    ASSERT_TRUE(parsed.ok()) << parsed.errors.front().message;
    ASSERT_EQ(parsed.document->size(), 2u);
    const AssignmentResult& got = parsed.document->front();
    EXPECT_EQ(got.assignment, done.assignment);
    EXPECT_EQ(got.effects.counters, done.effects.counters);
    EXPECT_EQ(got.effects.units, done.effects.units);
    ASSERT_EQ(got.effects.groups.size(), 1u);
    EXPECT_EQ(got.effects.groups[0].id, 77u);
    EXPECT_EQ(got.effects.groups[0].then, some_unit());
    ASSERT_EQ(got.effects.errors.size(), 1u);
    EXPECT_EQ(got.effects.errors[0], error);
    EXPECT_TRUE(parsed.document->back().released);
    EXPECT_FALSE(parsed.document->back().retryable);
    EXPECT_EQ(parsed.document->back().error, error);
    EXPECT_EQ(parsed.document->back().rest, failed.rest);
    EXPECT_EQ(parsed.document->back().effects.counters, done.effects.counters);
    EXPECT_EQ(got.effects.resolution, done.effects.resolution);
}

TEST(ResultDocument, AnAssignmentOfAnotherRequestIsRefused) {
    const auto parsed = parse_result(
        R"({"request_id":"a","worker_id":"w","success":true,"assignment_id":"b/1/2.3"})");
    EXPECT_FALSE(parsed.ok());
}

TEST(HeartbeatDocument, TheGuidesExampleIsTaken) {
    const auto parsed = parse_heartbeat(R"({
        "worker_id": "worker-a",
        "status": "READY",
        "storage_paths": ["/data/source", "/scratch"],
        "data_plane_endpoints": [
          {"iface": "ib0", "address": "192.168.100.10"}
        ]
      })");

    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed.document->worker.id, "worker-a");
    EXPECT_THAT(parsed.document->worker.storage_paths,
                testing::ElementsAre("/data/source", "/scratch"));
    EXPECT_EQ(parsed.document->worker.endpoints.at(0).iface, "ib0");
}

TEST(HeartbeatDocument, ReadsWhatItPrints) {
    Heartbeat sent;
    sent.worker.id = "worker-a";
    sent.worker.incarnation = "abc";
    sent.worker.status = "TRANSFERRING";
    sent.worker.storage_paths = {"/a"};
    sent.worker.endpoints = {{"", "10.0.0.1"}};
    sent.worker.peer_address = "10.0.0.1:4000";
    sent.worker.transports = {"libfabric/tcp;ofi_rxm"};
    sent.worker.slots = 8;
    sent.leases = {"demo-1/17/3.42"};
    sent.requests = {{"demo-1", 99}};

    sent.leases_complete = true;

    const auto got = parse_heartbeat(print_heartbeat(sent));

    ASSERT_TRUE(got.ok()) << got.errors.front().message;
    EXPECT_EQ(got.document->worker.incarnation, "abc");
    EXPECT_EQ(got.document->worker.status, "TRANSFERRING");
    EXPECT_EQ(got.document->worker.endpoints, sent.worker.endpoints);
    EXPECT_EQ(got.document->worker.peer_address, sent.worker.peer_address);
    EXPECT_EQ(got.document->worker.transports, sent.worker.transports);
    EXPECT_EQ(got.document->worker.slots, 8u);
    EXPECT_EQ(got.document->leases, sent.leases);
    EXPECT_TRUE(got.document->leases_complete);
    EXPECT_EQ(got.document->requests, sent.requests);
}

TEST(HeartbeatDocument, AWrongOneIsToldEverything) {
    const auto parsed =
        parse_heartbeat(R"({"worker_id":"a b","status":"FINE","storage_paths":["x"]})");

    EXPECT_EQ(parsed.errors.size(), 3u);
}

TEST(HeartbeatAnswer, IsTheGuidesWhereThereIsNothingToAdd) {
    EXPECT_EQ(print_heartbeat_answer({}), R"({"status":"ok"})");
}

TEST(HeartbeatAnswer, ReadsWhatItPrints) {
    HeartbeatAnswer sent;
    sent.lost = {"r/1/2.3"};
    sent.paused = {"s/1/2.3", "s/2/2.4"};
    sent.ended = {{"r", 5}};
    sent.limits = {{{"r", 0xFFFFFFFFFFFFFFFF}, 125'000}, {{"s", 2}, 0}};
    sent.next_heartbeat_ms = 1'000;

    const auto parsed = parse_heartbeat_answer(print_heartbeat_answer(sent));

    ASSERT_TRUE(parsed.ok()) << parsed.errors.front().message;
    EXPECT_EQ(parsed.document->lost, sent.lost);
    EXPECT_EQ(parsed.document->paused, sent.paused);
    EXPECT_EQ(parsed.document->ended, sent.ended);
    EXPECT_EQ(parsed.document->limits, sent.limits);
    EXPECT_EQ(parsed.document->next_heartbeat_ms, 1'000U);
}

TEST(AssignmentDocument, SaysNothingOfWhatIsNotThere) {
    Assignment fresh = some_assignment();
    fresh.failed_on.clear();
    fresh.bytes_per_second = 0;

    const std::string text = print_assignment(fresh);

    EXPECT_THAT(text, testing::HasSubstr(R"("failed_on":null)"));
    EXPECT_THAT(text, testing::HasSubstr(R"("bytes_per_second":null)"));
    const auto parsed = parse_assignments("[" + text + "]");
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed.document->front().failed_on, "");
    EXPECT_EQ(parsed.document->front().bytes_per_second, 0U);
}

TEST(ResultDocument, MayTakeBackWhatWasCounted) {
    AssignmentResult sent;
    sent.request = "demo-1";
    sent.worker = "worker-a";
    sent.success = true;
    // A file that was planned anew has become shorter.
    sent.effects.counters[sdk::Count::BytesPlanned] = -4096;

    const auto parsed = parse_results(print_results(std::vector{sent}));

    ASSERT_TRUE(parsed.ok()) << parsed.errors.front().message;
    EXPECT_EQ(parsed.document->front().effects.counters, sent.effects.counters);
}

}  // namespace
}  // namespace godwit::model
