#include "model/progress.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "model/json.h"

namespace godwit::model {
namespace {

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

TEST(Progress, PhaseFollowsTheWork) {
    sdk::Request request = some_request();
    request.backlog.leased[static_cast<std::size_t>(sdk::UnitKind::Listing)] = 1;
    EXPECT_EQ(phase_of(request), "planning");
    request.backlog = {};
    request.backlog.stage = kDirectoryStage - 2;
    request.backlog.pending[static_cast<std::size_t>(sdk::UnitKind::Directories)] = 1;
    EXPECT_EQ(phase_of(request), "finalizing");
    request.state = sdk::RequestState::Completed;
    EXPECT_EQ(phase_of(request), "");
}

}  // namespace
}  // namespace godwit::model
