#include "model/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "model/assignment.h"
#include "model/json.h"

namespace godwit::model {
namespace {

using sdk::Count;
using sdk::RequestState;
using sdk::UnitKind;
using testing::HasSubstr;

sdk::Request some_request() {
    sdk::Request request;
    request.id = "demo-1";
    request.source_path = "/a\xFF";
    request.destination_path = "/b";
    request.state = sdk::RequestState::Progress;
    request.counters[sdk::Count::FilesCopied] = 3;
    request.counters[sdk::Count::BytesCopied] = 300;
    request.counters[sdk::Count::BytesPlanned] = 400;
    request.backlog.pending[static_cast<std::size_t>(sdk::UnitKind::Chunk)] = 2;
    request.detail["worker-a"] = "peer lost";
    return request;
}

TEST(Progress, HasWhatScriptsRelyOn) {
    const std::string text = print_progress(some_request(), {});

    ASSERT_TRUE(parse_json(text)) << text;
    for (const char* part :
         {R"("request_id":"demo-1")", R"("state":"PROGRESS")", R"("phase":"copying")",
          R"("transferred_bytes":300)", R"("total_bytes":400)", R"("copied":3)",
          R"("listing_complete":true)", R"("eta_seconds":null)", R"("finished_at":null)",
          R"("detail":{"worker-a":"peer lost"})", R"("error_count":0)"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
    }
}

TEST(Progress, BytesThatAreNotUtf8AreShownAndKept) {
    const std::string text = print_progress(some_request(), {});
    EXPECT_NE(text.find("\"source_path_b64\":\"" + base::to_base64("/a\xFF") + "\""),
              std::string::npos);
    EXPECT_EQ(text.find("destination_path_b64"), std::string::npos);
}

TEST(Progress, ShowsWhatWasAskedForAndWhatWasMadeOfIt) {
    sdk::Request request = some_request();
    request.destination_path = "/b/a";
    SyncRequest document;
    document.destination_path = "/b";

    const std::string text = print_progress(request, {}, &document);

    EXPECT_THAT(text, HasSubstr(R"("destination_path":"/b",)"));
    EXPECT_THAT(text, HasSubstr(R"("resolved_destination":"/b/a")"));
    EXPECT_THAT(print_progress(request, {}), HasSubstr(R"("destination_path":"/b/a")"))
        << "of a document that cannot be read";
}

TEST(Progress, ShowsWhereASingleFileGoesOncePlanningHasFoundThatOut) {
    sdk::Request request = some_request();
    request.source_path = "/a/file";
    request.destination_path = "/b";
    EXPECT_THAT(print_progress(request, {}), HasSubstr(R"("resolved_destination":"/b")"));

    request.resolution = kIntoDirectory;
    EXPECT_THAT(print_progress(request, {}), HasSubstr(R"("resolved_destination":"/b/file")"));
    request.destination_path = "/";
    EXPECT_THAT(print_progress(request, {}), HasSubstr(R"("resolved_destination":"/file")"));
    request.resolution = kAsNamed;
    EXPECT_THAT(print_progress(request, {}), HasSubstr(R"("resolved_destination":"/")"));
}

TEST(Progress, NamesWhatLimitsItOrNothing) {
    Pace pace;
    EXPECT_THAT(print_progress(some_request(), pace), HasSubstr(R"("limited_by":null)"));
    pace.limited_by = "transport (62 %)";
    EXPECT_THAT(print_progress(some_request(), pace),
                HasSubstr(R"x("limited_by":"transport (62 %)")x"));
}

// ------------------------------------------------------------------------------- phases and stages

class Stages : public testing::Test {
protected:
    Stages() { options_.delete_surplus = Delete::After; }

    // So many units of a kind wait, the lowest of them of this stage.
    void set(UnitKind kind, std::uint64_t pending, std::uint32_t stage) {
        request_.backlog.pending[static_cast<std::size_t>(kind)] = pending;
        request_.backlog.stage = stage;
    }
    std::string phase() const { return std::string{phase_of(request_, options_)}; }

    sdk::Request request_ = [] {
        sdk::Request request = some_request();
        request.backlog = {};
        return request;
    }();
    RequestOptions options_;
};

TEST_F(Stages, AreThePhasesOfARequest) {
    request_.counters[Count::Directories] = 1;
    set(UnitKind::Listing, 3, kCopyStage);
    set(UnitKind::Chunk, 5, kCopyStage);
    EXPECT_EQ(phase(), "planning");
    set(UnitKind::Listing, 1, kCopyStage);
    EXPECT_EQ(phase(), "copying") << "the listing that is left is the one that deletes";
    set(UnitKind::Chunk, 0, kDeleteStage);
    EXPECT_EQ(phase(), "deleting");
    set(UnitKind::Listing, 0, kRemovalStage);
    set(UnitKind::Directories, 9, kRemovalStage);
    EXPECT_EQ(phase(), "deleting");
    set(UnitKind::Directories, 2, kDirectoryStage - kDepthMax);
    EXPECT_EQ(phase(), "finalizing");
    set(UnitKind::Directories, 0, 0);
    EXPECT_EQ(phase(), "finalizing") << "nothing is left to do, and the master has not seen it yet";
}

TEST_F(Stages, BeginWithPlanningThoughNothingWasSeenYet) {
    set(UnitKind::Listing, 1, kCopyStage);
    EXPECT_EQ(phase(), "planning");

    options_.dry_run = true;
    request_.counters[Count::Directories] = 1;
    EXPECT_EQ(phase(), "planning") << "a rehearsal has no delete that waits";
}

TEST_F(Stages, OfWhatIsNotUnderWayAreNone) {
    for (const RequestState state :
         {RequestState::Queued, RequestState::Completed, RequestState::CompletedWithErrors,
          RequestState::Failed, RequestState::Cancelled}) {
        request_.state = state;
        EXPECT_EQ(phase(), "") << sdk::to_string(state);
    }
    request_.state = RequestState::Paused;
    set(UnitKind::Chunk, 1, kCopyStage);
    EXPECT_EQ(phase(), "copying");
}

TEST_F(Stages, TellWhetherTheListingIsComplete) {
    request_.state = RequestState::Queued;
    EXPECT_FALSE(listing_complete(request_));
    request_.state = RequestState::Progress;
    EXPECT_TRUE(listing_complete(request_));
    set(UnitKind::Listing, 1, kCopyStage);
    EXPECT_FALSE(listing_complete(request_));
    for (const RequestState state : {RequestState::Failed, RequestState::Cancelled}) {
        request_.state = state;
        request_.backlog = {};
        EXPECT_FALSE(listing_complete(request_)) << "what it had to do was dropped";
    }
}

TEST_F(Stages, DoNotCallAListingCompleteOfWhichAPartWasGivenUp) {
    request_.state = RequestState::CompletedWithErrors;
    request_.counters[Count::FilesFailed] = 1;
    EXPECT_TRUE(listing_complete(request_));

    request_.counters[Count::StepsGivenUp] = 1;
    EXPECT_TRUE(listing_complete(request_)) << "of a pack, say, or the delete was refused";

    request_.counters[Count::ListingsGivenUp] = 1;
    EXPECT_FALSE(listing_complete(request_));
}

// Deletes are counted against their limit only where no listing was given up; the removals of which
// each is refused come after that.
TEST_F(Stages, CallAListingCompleteThatWasJudgedByItsNumbers) {
    request_.state = RequestState::CompletedWithErrors;
    request_.reason = "max_delete_exceeded";
    request_.counters[Count::StepsGivenUp] = 3;

    EXPECT_TRUE(listing_complete(request_));
}

TEST_F(Stages, TellHowManyOfTheBytesAreThere) {
    request_.counters[Count::BytesPlanned] = 1'000;
    request_.counters[Count::BytesCopied] = 999;
    EXPECT_EQ(percent_of(request_), 99) << "not 100 before the end";
    set(UnitKind::Listing, 1, kCopyStage);
    EXPECT_EQ(percent_of(request_), std::nullopt) << "of how many is not known yet";
    request_.backlog = {};
    request_.counters[Count::BytesCopied] = 1'001;
    EXPECT_EQ(percent_of(request_), 100);
    request_.counters = {};
    EXPECT_EQ(percent_of(request_), 0);
    request_.state = RequestState::Completed;
    EXPECT_EQ(percent_of(request_), 100);
    request_.state = RequestState::Progress;
    request_.counters[Count::BytesPlanned] = std::numeric_limits<std::int64_t>::max();
    request_.counters[Count::BytesCopied] = std::numeric_limits<std::int64_t>::max() / 4 * 3;
    EXPECT_EQ(percent_of(request_), 74);
}

// ------------------------------------------------------------------------------------------
// workers

TEST(WorkerList, ShowsWhoIsQuarantined) {
    std::vector<sdk::Worker> workers(2);
    workers[0].id = "bad";
    workers[1].id = "good";
    WorkerLists lists;
    lists.active = workers;
    lists.quarantined["bad"] = {sdk::WallTime{sdk::Millis{0}}, 3, "io_error"};

    const std::string text = print_workers(lists);

    EXPECT_THAT(text, HasSubstr(R"("quarantine":{"until":"1970-01-01T00:00:00.000Z","times":3,)"
                                R"("reason":"io_error"})"));
    EXPECT_THAT(text, HasSubstr(R"("quarantine":null)"));
}

}  // namespace
}  // namespace godwit::model
