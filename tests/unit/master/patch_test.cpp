// What operators change of a request while it is under way.
#include "patches.h"

namespace godwit::master {
namespace {

using testing::HasSubstr;

class Patch : public ClusterInMemory {
protected:
    model::RequestOptions options(const sdk::RequestId& id = "r-1") {
        const auto document = cluster_.documents().of(get(id));
        EXPECT_TRUE(document);
        return document ? document->options : model::RequestOptions{};
    }
};

TEST_F(Patch, ChangesWhatItNamesAndNothingElse) {
    model::SyncRequest request = sync("r-1");
    request.options.max_workers = 3;
    request.options.priority = 1;
    admit(request);

    const auto patched =
        lifecycle_.patch("r-1", patch_of(R"("priority":7,"bandwidth_limit_mbps":100)"));

    ASSERT_TRUE(patched) << patched.error().message;
    EXPECT_EQ(patched->priority, 7);
    model::RequestOptions expected = request.options;
    expected.priority = 7;
    expected.bandwidth_limit_mbps = 100;
    EXPECT_EQ(options(), expected);
    EXPECT_EQ(state("r-1"), RequestState::Queued);
}

TEST_F(Patch, LeavesTheRequestTheOneThatWasSubmitted) {
    admit(sync("r-1"));
    ASSERT_TRUE(lifecycle_.patch("r-1", patch_of(R"("max_failures":5)")));

    const auto again = lifecycle_.admit(sync("r-1"));

    ASSERT_TRUE(again) << again.error().message;
    EXPECT_FALSE(again->created);
    model::SyncRequest as_patched = sync("r-1");
    as_patched.options.max_failures = 5;
    EXPECT_FALSE(lifecycle_.admit(as_patched)) << "that is another request";
}

TEST_F(Patch, LeavesTheListOfFilesThatTheStoreKeeps) {
    const auto request = model::parse_sync_request(
        R"({"request_id":"r-1","source_path":"/src/a","destination_path":"/dst/a",)"
        R"("file_list":["x","y"]})");
    ASSERT_TRUE(request.ok());
    admit(*request.document);
    const auto before = cluster_.documents().of(get("r-1"));
    const std::string attachment = *store_.attachment("r-1");

    ASSERT_TRUE(lifecycle_.patch("r-1", patch_of(R"("priority":1)")));

    ASSERT_TRUE(before && before->file_list);
    EXPECT_EQ(cluster_.documents().of(get("r-1"))->file_list, before->file_list);
    EXPECT_EQ(*store_.attachment("r-1"), attachment);
    EXPECT_FALSE(attachment.empty());
    EXPECT_FALSE(lifecycle_.admit(*request.document)->created);
}

TEST_F(Patch, OfAPriorityIsSeenByThePolicy) {
    add_two_workers();
    admit(sync("first", "/src/a", "/dst/a"));
    admit(sync("second", "/src/b", "/dst/b"));
    std::vector<std::int32_t> seen;
    policy_.decide = [&](const sdk::Picture& picture) {
        seen.clear();
        for (const sdk::RequestView& view : picture.candidates) {
            seen.push_back(view.request->priority);
        }
        return ObedientPolicy::oldest_first(picture);
    };

    ASSERT_TRUE(lifecycle_.patch("second", patch_of(R"("priority":9)")));
    ASSERT_TRUE(cluster_.look_closely());
    poll("source", 1);

    EXPECT_THAT(seen, testing::ElementsAre(0, 9));
}

TEST_F(Patch, OfTheFailuresThatAreBorneActsAtOnce) {
    add_two_workers();
    admit(sync("r-1"));
    list("r-1", {chunk("a"), chunk("b")});
    sdk::Effects effects;
    effects.counters[Count::FilesFailed] = 3;
    ASSERT_EQ(report(succeeded(poll("source", 1)[0], effects)), "applied");
    ASSERT_EQ(state("r-1"), RequestState::Progress);

    ASSERT_TRUE(lifecycle_.patch("r-1", patch_of(R"("max_failures":2)")));
    tick();

    EXPECT_EQ(state("r-1"), RequestState::Failed);
    EXPECT_EQ(get("r-1").reason, "max_failures_exceeded");
}

TEST_F(Patch, KeepsWhatARequestWaitsFor) {
    admit(sync("r-1"));
    tick();
    ASSERT_EQ(get("r-1").reason, "no_source_worker");
    const std::string detail = get("r-1").detail["master"];

    ASSERT_TRUE(lifecycle_.patch("r-1", patch_of(R"("priority":1)")));

    EXPECT_EQ(get("r-1").reason, "no_source_worker");
    EXPECT_EQ(get("r-1").detail["master"], detail);
}

TEST_F(Patch, OfAPausedRequestLeavesItPaused) {
    admit(sync("r-1"));
    ASSERT_TRUE(lifecycle_.apply("r-1", RequestEvent::Pause, "operator"));

    ASSERT_TRUE(lifecycle_.patch("r-1", patch_of(R"("max_workers":1)")));

    EXPECT_EQ(state("r-1"), RequestState::Paused);
    EXPECT_EQ(get("r-1").reason, "operator");
    EXPECT_EQ(options().max_workers, 1U);
}

TEST_F(Patch, OfWhatHasEndedIsRefused) {
    EXPECT_EQ(lifecycle_.patch("r-1", {}).error().code, Code::NotFound);
    admit(sync("r-1"));
    ASSERT_TRUE(lifecycle_.apply("r-1", RequestEvent::Cancel));

    const auto patched = lifecycle_.patch("r-1", patch_of(R"("priority":1)"));

    ASSERT_FALSE(patched);
    EXPECT_EQ(patched.error().code, Code::Conflict);
    EXPECT_THAT(patched.error().message, HasSubstr("CANCELLED"));
    EXPECT_EQ(get("r-1").priority, 0);
}

TEST_F(Patch, IsTakenAlthoughAnotherMasterWasQuicker) {
    admit(sync("r-1"));
    store_.fail("transition", {Code::Conflict, "another revision"}, 3);

    EXPECT_TRUE(lifecycle_.patch("r-1", patch_of(R"("priority":1)")));

    EXPECT_EQ(get("r-1").priority, 1);
}

}  // namespace
}  // namespace godwit::master
