// How many work for a request at once, how fast, and how often they may fail.
#include "cluster_in_memory.h"
#include "master/admission.h"
#include "master/bandwidth.h"
#include "patches.h"

namespace godwit::master {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(BandwidthShare, IsTheSamePartOfTheLimitForEach) {
    model::RequestOptions options;
    EXPECT_EQ(share_of(options, 3), 0U) << "there is no limit";
    options.bandwidth_limit_mbps = 8;
    EXPECT_EQ(share_of(options, 1), 1'000'000U);
    EXPECT_EQ(share_of(options, 4), 250'000U);
    EXPECT_EQ(share_of(options, 3), 333'333U);
    EXPECT_EQ(share_of(options, 100'000'000), 1U) << "0 would be no limit at all";
    options.bandwidth_limit_mbps = 1'000'000'000;
    EXPECT_EQ(share_of(options, 1), 125'000'000'000'000U);
}

class Limits : public ClusterInMemory {
protected:
    // Three workers mount the source; the request has many chunks.
    void start(const model::RequestOptions& options) {
        for (const char* id : {"source", "s-2", "s-3"}) add_worker(worker(id, {"/src"}));
        add_worker(worker("destination", {"/dst"}));
        model::SyncRequest request = sync("r-1");
        request.options = options;
        admit(request);
        std::vector<sdk::Unit> chunks;
        for (int i = 0; i < 12; ++i) chunks.push_back(chunk("file " + std::to_string(i)));
        list("r-1", chunks);
    }
    model::HeartbeatAnswer beat(const sdk::WorkerId& id,
                                const std::vector<model::Assignment>& held) {
        EXPECT_TRUE(cluster_.look_closely());
        model::Heartbeat heartbeat;
        heartbeat.worker = worker(id, {"/src"});
        for (const model::Assignment& assignment : held) {
            heartbeat.leases.push_back(model::to_string(assignment.id));
        }
        const auto answer = results_.take(heartbeat);
        EXPECT_TRUE(answer);
        return answer ? *answer : model::HeartbeatAnswer{};
    }
    static std::vector<std::uint64_t> shares(const std::vector<model::Assignment>& given) {
        std::vector<std::uint64_t> shares;
        for (const model::Assignment& assignment : given) {
            shares.push_back(assignment.bytes_per_second);
        }
        return shares;
    }
};

// -----------------------------------------------------------------------------------------
// bandwidth

TEST_F(Limits, OfBandwidthAreSharedByThoseThatWork) {
    model::RequestOptions options;
    options.bandwidth_limit_mbps = 48;
    start(options);

    const auto first = poll("source", 2);
    EXPECT_THAT(shares(first), ElementsAre(6'000'000, 6'000'000));
    const auto second = poll("s-2", 1);
    EXPECT_THAT(shares(second), ElementsAre(3'000'000)) << "it counts itself, and the other";
    const auto third = poll("s-3", 1);
    EXPECT_THAT(shares(third), ElementsAre(2'000'000));

    // The first one hears of the others.
    const model::SendLimit limit{{"r-1", get("r-1").generation}, 2'000'000};
    EXPECT_THAT(beat("source", first).limits, ElementsAre(limit));
    EXPECT_EQ(beat("source", first).next_heartbeat_ms, 1'000U);
    // They leave.
    ASSERT_EQ(report(succeeded(second[0])), "applied");
    EXPECT_EQ(beat("source", first).limits[0].bytes_per_second, 3'000'000U);
    ASSERT_EQ(report(succeeded(third[0])), "applied");
    EXPECT_EQ(beat("source", first).limits[0].bytes_per_second, 6'000'000U);
}

TEST_F(Limits, OfBandwidthAreJudgedByTheRequestAsItIsNow) {
    model::RequestOptions options;
    options.bandwidth_limit_mbps = 48;
    start(options);
    // The picture is older than what another master handed out.
    ASSERT_TRUE(cluster_.look_closely());
    sdk::ClaimSpec spec;
    spec.worker = "s-2";
    ASSERT_EQ(store_.claim("r-1", spec)->size(), 1U);

    EXPECT_THAT(shares(poll("source", 1)), ElementsAre(3'000'000));
}

TEST_F(Limits, OfBandwidthChangeWithAPatchAtTheNextHeartbeat) {
    start({});
    const auto given = poll("source", 1);
    EXPECT_THAT(shares(given), ElementsAre(0));
    EXPECT_EQ(beat("source", given).limits[0].bytes_per_second, 0U);
    EXPECT_EQ(beat("source", given).next_heartbeat_ms, 10'000U);

    ASSERT_TRUE(lifecycle_.patch("r-1", patch_of(R"("bandwidth_limit_mbps":8)")));
    EXPECT_EQ(beat("source", given).limits[0].bytes_per_second, 1'000'000U);
    EXPECT_EQ(beat("source", given).next_heartbeat_ms, 1'000U);
    EXPECT_THAT(shares(poll("source", 1)), ElementsAre(1'000'000));

    ASSERT_TRUE(lifecycle_.patch("r-1", patch_of(R"("bandwidth_limit_mbps":0)")));
    EXPECT_EQ(beat("source", given).limits[0].bytes_per_second, 0U) << "and it is told so";
}

TEST_F(Limits, AreNoBusinessOfWhoHoldsNothing) {
    model::RequestOptions options;
    options.bandwidth_limit_mbps = 8;
    start(options);

    EXPECT_THAT(beat("source", {}).limits, IsEmpty());
    EXPECT_EQ(beat("source", {}).next_heartbeat_ms, 10'000U);
}

// -------------------------------------------------------------------------------------------
// workers

TEST_F(Limits, OfWorkersKeepTheOthersAway) {
    model::RequestOptions options;
    options.max_workers = 2;
    start(options);
    const auto first = poll("source", 1);
    const auto second = poll("s-2", 1);
    ASSERT_THAT(first, SizeIs(1));
    ASSERT_THAT(second, SizeIs(1));

    EXPECT_THAT(poll("s-3"), IsEmpty());
    EXPECT_THAT(poll("source", 1), SizeIs(1)) << "who works may have more";
    ASSERT_EQ(report(succeeded(second[0])), "applied");
    EXPECT_THAT(poll("s-3", 1), SizeIs(1)) << "one has left";
}

// A worker must not be left idle by a request that it may not join.
TEST_F(Limits, OfWorkersLeaveRoomForOtherRequests) {
    model::RequestOptions options;
    options.max_workers = 1;
    start(options);
    ASSERT_THAT(poll("source", 1), SizeIs(1));
    admit(sync("r-2", "/src/b", "/dst/b"));
    ASSERT_TRUE(cluster_.look_closely());

    const auto given = poll("s-2", 1);

    ASSERT_THAT(given, SizeIs(1));
    EXPECT_EQ(given[0].id.request, "r-2");
}

TEST_F(Limits, OfWorkersHoldThoughThePictureIsOld) {
    model::RequestOptions options;
    options.max_workers = 1;
    start(options);
    ASSERT_TRUE(cluster_.look_closely());
    sdk::ClaimSpec spec;
    spec.worker = "s-2";
    ASSERT_EQ(store_.claim("r-1", spec)->size(), 1U);

    EXPECT_THAT(poll("source"), IsEmpty());
}

// ------------------------------------------------------------------------------------------
// attempts

TEST_F(Limits, OfAttemptsAreTheRequestsOwnWhereItHasSome) {
    model::RequestOptions options;
    options.max_attempts = 1;
    start(options);
    const auto given = poll("source", 1);
    ASSERT_THAT(given, SizeIs(1));
    EXPECT_EQ(given[0].attempts_max, 1U);

    ASSERT_EQ(report(failed(given[0], "io_error")), "applied");

    EXPECT_EQ(get("r-1").error_count, 1U) << "it was the last attempt";
    EXPECT_EQ(get("r-1").counters[Count::FilesFailed], 1);
}

TEST_F(Limits, OfAttemptsAreTheMastersOtherwise) {
    settings_.attempts_max = 2;
    start({});
    const auto given = poll("source", 1);
    EXPECT_EQ(given[0].attempts_max, 2U);

    ASSERT_EQ(report(failed(given[0], "io_error")), "applied");

    EXPECT_EQ(get("r-1").error_count, 0U);
}

TEST_F(Limits, OfAttemptsAreKnownForARequestThatThePictureDoesNotHaveYet) {
    ASSERT_TRUE(cluster_.look_closely());
    model::RequestOptions options;
    options.max_attempts = 1;
    model::SyncRequest request = sync("r-1");
    request.options = options;
    // By another master: this one has not heard of it.
    ASSERT_TRUE(store_.create(new_request(request)));
    sdk::ClaimSpec spec;
    spec.worker = "source";
    const auto leases = store_.claim("r-1", spec);
    ASSERT_EQ(leases->size(), 1U);
    model::AssignmentResult result;
    result.request = "r-1";
    result.worker = "source";
    result.assignment = model::AssignmentId{"r-1", leases->front().ref};
    result.error.code = "io_error";

    ASSERT_EQ(report(result), "applied");

    EXPECT_EQ(get("r-1").error_count, 1U);
}

TEST_F(Limits, OfAttemptsHoldForUnitsThatAreLostToo) {
    model::RequestOptions options;
    options.max_attempts = 1;
    start(options);
    ASSERT_THAT(poll("source", 1), SizeIs(1));
    model::Heartbeat restarted;
    restarted.worker = worker("source", {"/src"});
    restarted.worker.incarnation = "2";

    ASSERT_TRUE(cluster_.look_closely());
    ASSERT_TRUE(results_.take(restarted));

    EXPECT_EQ(get("r-1").error_count, 1U);
}

// ------------------------------------------------------------------------------- what came before
// it

TEST_F(Limits, AssignmentsSayWhoFailedAndWhatWasLost) {
    start({});
    const auto given = poll("source", 1);
    EXPECT_EQ(given[0].failed_on, "");
    EXPECT_EQ(given[0].losses, 0U);
    const std::string label = given[0].unit.label;
    ASSERT_EQ(report(failed(given[0], "io_error")), "applied");
    pass(Millis{61'000}, {worker("source", {"/src"}), worker("s-2", {"/src"}),
                          worker("s-3", {"/src"}), worker("destination", {"/dst"})});

    std::vector<model::Assignment> again = poll("s-2", 12);
    std::erase_if(again, [&](const model::Assignment& other) { return other.unit.label != label; });

    ASSERT_THAT(again, SizeIs(1));
    EXPECT_EQ(again[0].attempt, 2U);
    EXPECT_EQ(again[0].failed_on, "source");
    sdk::ReapSpec spec;
    spec.worker = "s-2";
    ASSERT_TRUE(store_.reap("r-1", spec));
    cluster_.changed();
    again = poll("s-3", 12);
    std::erase_if(again, [&](const model::Assignment& other) { return other.unit.label != label; });
    ASSERT_THAT(again, SizeIs(1));
    EXPECT_EQ(again[0].losses, 1U);
}

}  // namespace
}  // namespace godwit::master
