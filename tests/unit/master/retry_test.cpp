// Another attempt at what failed.
#include "master/retry.h"

#include "cluster_in_memory.h"
#include "master/admission.h"
#include "model/file_list.h"

namespace godwit::master {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// -------------------------------------------------------------------------------- what is taken
// back

sdk::Counters after_retry(sdk::Counters counters) {
    counters += without_failed(counters);
    return counters;
}

void expect_balanced(const sdk::Counters& counters) {
    EXPECT_EQ(counters[Count::FilesFailed], 0);
    EXPECT_EQ(counters[Count::BytesFailed], 0);
    EXPECT_EQ(counters[Count::FilesDiscovered],
              counters[Count::FilesCopied] + counters[Count::FilesSkipped] +
                  counters[Count::FilesVanished] + counters[Count::FilesSpecial]);
    for (const std::int64_t value : counters.values) EXPECT_GE(value, 0);
}

TEST(WithoutFailed, LeavesWhatIsDone) {
    sdk::Counters counters;
    counters[Count::FilesDiscovered] = 100;
    counters[Count::FilesPlanned] = 40;
    counters[Count::FilesCopied] = 30;
    counters[Count::FilesSkipped] = 55;
    counters[Count::FilesVanished] = 3;
    counters[Count::FilesSpecial] = 5;
    counters[Count::FilesFailed] = 7;
    counters[Count::BytesDiscovered] = 10'000;
    counters[Count::BytesPlanned] = 4'000;
    counters[Count::BytesCopied] = 3'000;
    counters[Count::BytesPublished] = 3'000;
    counters[Count::BytesSkipped] = 6'000;
    counters[Count::BytesVanished] = 300;
    counters[Count::BytesFailed] = 700;
    counters[Count::WaitTransport] = 12;

    const sdk::Counters after = after_retry(counters);

    expect_balanced(after);
    EXPECT_EQ(after[Count::FilesDiscovered], 93);
    EXPECT_EQ(after[Count::FilesPlanned], 33);
    EXPECT_EQ(after[Count::FilesCopied], 30);
    EXPECT_EQ(after[Count::FilesSkipped], 55);
    EXPECT_EQ(after[Count::BytesDiscovered], 9'300);
    EXPECT_EQ(after[Count::BytesPlanned], 3'300);
    EXPECT_EQ(after[Count::BytesCopied], 3'000);
    EXPECT_EQ(after[Count::WaitTransport], 12);
}

// Of a large file some ranges were copied before one failed: it will be copied whole.
TEST(WithoutFailed, TakesBackWhatWasCopiedOfAFileThatFailed) {
    sdk::Counters counters;
    counters[Count::FilesDiscovered] = 2;
    counters[Count::FilesPlanned] = 2;
    counters[Count::FilesCopied] = 1;
    counters[Count::FilesFailed] = 1;
    counters[Count::BytesDiscovered] = 1'010;
    counters[Count::BytesPlanned] = 1'010;
    counters[Count::BytesCopied] = 610;
    counters[Count::BytesPublished] = 10;
    counters[Count::BytesFailed] = 400;

    const sdk::Counters after = after_retry(counters);

    expect_balanced(after);
    EXPECT_EQ(after[Count::BytesCopied], 10);
    EXPECT_EQ(after[Count::BytesPlanned], 10);
    EXPECT_EQ(after[Count::BytesDiscovered], 10);
}

// A directory that could not be read is a failure, and was never counted among the files.
TEST(WithoutFailed, TakesBackOnlyWhatWasCounted) {
    sdk::Counters counters;
    counters[Count::FilesDiscovered] = 4;
    counters[Count::FilesPlanned] = 4;
    counters[Count::FilesCopied] = 4;
    counters[Count::FilesFailed] = 1;

    const sdk::Counters after = after_retry(counters);

    expect_balanced(after);
    EXPECT_EQ(after[Count::FilesDiscovered], 4);
    EXPECT_EQ(after[Count::FilesPlanned], 4);
}

// ------------------------------------------------------------------------------------ the
// operation

class Retry : public ClusterInMemory {
protected:
    static sdk::FileError error_of(const std::string& path,
                                   const std::string& code = "permission_denied") {
        sdk::FileError error;
        error.path = path;
        error.code = code;
        return error;
    }
    // A request with these errors, and so many files that failed, has ended.
    void end_with(const std::vector<sdk::FileError>& errors, std::int64_t failed_files,
                  const model::RequestOptions& options = {}, std::int64_t directories = 1) {
        model::SyncRequest request = sync("r-1");
        request.options = options;
        add_two_workers();
        admit(request);
        const auto listing = poll("source", 1);
        ASSERT_EQ(listing.size(), 1U);
        sdk::Effects effects;
        effects.counters[Count::Directories] = directories;
        effects.counters[Count::FilesDiscovered] = 10;
        effects.counters[Count::FilesPlanned] = 10;
        effects.counters[Count::FilesCopied] = 10 - failed_files;
        effects.counters[Count::FilesFailed] = failed_files;
        effects.errors = errors;
        ASSERT_EQ(report(succeeded(listing[0], effects)), "applied");
        ASSERT_EQ(state("r-1"), RequestState::CompletedWithErrors);
    }
    // The paths that the next attempt is about; nothing: the whole source.
    std::vector<std::string> next_attempt() {
        std::vector<std::string> paths;
        for (const model::Assignment& given : poll("source")) {
            EXPECT_EQ(given.unit.kind, sdk::UnitKind::Listing);
            if (given.unit.payload.empty()) continue;
            EXPECT_TRUE(model::is_file_list(given.unit.payload));
            const auto list = model::unpack_file_list(given.unit.payload);
            EXPECT_TRUE(list);
            EXPECT_TRUE(list->again);
            paths.insert(paths.end(), list->paths.begin(), list->paths.end());
        }
        return paths;
    }
    void expect_refused(const std::string& why) {
        const auto status = lifecycle_.retry("r-1");
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error().code, Code::Conflict);
        EXPECT_THAT(status.error().message, HasSubstr(why));
    }
};

TEST_F(Retry, IsAboutTheFilesThatFailed) {
    end_with({error_of("a/x"), error_of("b")}, 2);

    ASSERT_TRUE(lifecycle_.retry("r-1"));

    const sdk::Request again = get("r-1");
    EXPECT_EQ(again.state, RequestState::Queued);
    EXPECT_EQ(again.reason, "");
    EXPECT_EQ(again.error_count, 0U);
    EXPECT_FALSE(again.finished_at);
    EXPECT_EQ(again.counters[Count::FilesDiscovered], 8);
    EXPECT_EQ(again.counters[Count::FilesCopied], 8);
    EXPECT_EQ(again.counters[Count::FilesFailed], 0);
    EXPECT_THAT(again.detail.at("master"), HasSubstr("2 files"));
    EXPECT_THAT(next_attempt(), ElementsAre("a/x", "b"));
    EXPECT_EQ(state("r-1"), RequestState::Progress);
}

TEST_F(Retry, ThatSucceedsCompletesTheRequest) {
    end_with({error_of("a")}, 1);
    ASSERT_TRUE(lifecycle_.retry("r-1"));
    const auto given = poll("source");
    ASSERT_EQ(given.size(), 1U);
    sdk::Effects effects;
    effects.counters[Count::FilesDiscovered] = 1;
    effects.counters[Count::FilesPlanned] = 1;
    effects.counters[Count::FilesCopied] = 1;

    ASSERT_EQ(report(succeeded(given[0], effects)), "applied");

    EXPECT_EQ(state("r-1"), RequestState::Completed);
    EXPECT_EQ(get("r-1").counters[Count::FilesCopied], 10);
    EXPECT_EQ(get("r-1").counters[Count::FilesDiscovered], 10);
}

TEST_F(Retry, OfAFileWithSeveralErrorsIsAboutItOnce) {
    end_with({error_of("large"), error_of("large")}, 1);

    ASSERT_TRUE(lifecycle_.retry("r-1"));

    EXPECT_THAT(next_attempt(), ElementsAre("large"));
}

TEST_F(Retry, LeavesAloneWhatHasVanished) {
    end_with({error_of("gone", "source_vanished"), error_of("bad")}, 1);

    ASSERT_TRUE(lifecycle_.retry("r-1"));

    EXPECT_THAT(next_attempt(), ElementsAre("bad"));
}

TEST_F(Retry, OfALongListIsCutIntoSeveralListings) {
    std::vector<sdk::FileError> errors;
    for (int i = 0; i < 4'000; ++i) {
        errors.push_back(error_of(std::string(180, 'd') + std::to_string(i)));
    }
    end_with(errors, 4'000);

    ASSERT_TRUE(lifecycle_.retry("r-1"));

    EXPECT_GT(get("r-1").backlog.outstanding(), 1U);
    EXPECT_EQ(next_attempt().size(), 4'000U);
}

// --- where the errors do not tell all, everything is looked at again

TEST_F(Retry, StartsFromTheBeginningWhenErrorsDoNotNameAllThatFailed) {
    end_with({error_of("a")}, 2);

    ASSERT_TRUE(lifecycle_.retry("r-1"));

    EXPECT_EQ(get("r-1").counters, sdk::Counters{});
    EXPECT_EQ(get("r-1").error_count, 0U);
    EXPECT_THAT(get("r-1").detail.at("master"), HasSubstr("from the beginning"));
    EXPECT_EQ(get("r-1").backlog.pending_of(sdk::UnitKind::Listing), 1U);
    EXPECT_THAT(next_attempt(), IsEmpty());
}

TEST_F(Retry, StartsFromTheBeginningWhenAStepWasGivenUp) {
    add_two_workers();
    admit(sync("r-1"));
    sdk::Unit tree;
    tree.kind = sdk::UnitKind::Listing;
    tree.label = "tree";
    sdk::Unit pack = chunk("pack");
    pack.files = 2;
    const auto listing = poll("source", 1);
    ASSERT_EQ(listing.size(), 1U);
    sdk::Effects effects;
    effects.counters[Count::Directories] = 1;
    effects.units = {pack, tree};
    ASSERT_EQ(report(succeeded(listing[0], effects)), "applied");
    for (const model::Assignment& given : poll("source")) {
        ASSERT_EQ(report(failed(given, "io_error", false)), "applied");
    }
    // Two errors, two files failed: and still a whole tree was not seen.
    ASSERT_EQ(get("r-1").error_count, 2U);
    ASSERT_EQ(get("r-1").counters[Count::FilesFailed], 2);
    ASSERT_EQ(state("r-1"), RequestState::CompletedWithErrors);

    ASSERT_TRUE(lifecycle_.retry("r-1"));

    EXPECT_EQ(get("r-1").counters, sdk::Counters{});
    EXPECT_THAT(next_attempt(), IsEmpty());
}

TEST_F(Retry, StartsFromTheBeginningWhereDeletesWereAskedFor) {
    model::RequestOptions options;
    options.delete_surplus = model::Delete::After;
    end_with({error_of("a")}, 1, options);

    ASSERT_TRUE(lifecycle_.retry("r-1"));

    EXPECT_EQ(get("r-1").counters, sdk::Counters{});
    EXPECT_THAT(next_attempt(), IsEmpty());
}

TEST_F(Retry, StartsFromTheBeginningWhereNamesMayBeOneFile) {
    model::RequestOptions options;
    options.hardlinks = true;
    end_with({error_of("a")}, 1, options);

    ASSERT_TRUE(lifecycle_.retry("r-1"));

    EXPECT_EQ(get("r-1").counters, sdk::Counters{});
    EXPECT_THAT(next_attempt(), IsEmpty());
}

TEST_F(Retry, StartsFromTheBeginningWhenThePathCannotBeListed) {
    end_with({error_of("")}, 1);

    ASSERT_TRUE(lifecycle_.retry("r-1"));

    EXPECT_THAT(next_attempt(), IsEmpty());
}

TEST_F(Retry, StartsFromTheBeginningWhenTheSourceIsOneFile) {
    end_with({error_of("a")}, 1, {}, /*directories=*/0);

    ASSERT_TRUE(lifecycle_.retry("r-1"));

    EXPECT_THAT(next_attempt(), IsEmpty());
}

TEST_F(Retry, StartsFromTheBeginningWhenNotAllErrorsWereKept) {
    std::vector<sdk::FileError> errors;
    for (std::size_t i = 0; i < sdk::kErrorsMax; ++i) errors.push_back(error_of(std::to_string(i)));
    errors.push_back(error_of("0"));
    end_with(errors, sdk::kErrorsMax);

    ASSERT_TRUE(lifecycle_.retry("r-1"));

    EXPECT_EQ(get("r-1").counters, sdk::Counters{});
    EXPECT_THAT(next_attempt(), IsEmpty());
}

TEST_F(Retry, OfARequestThatFailedStartsItAnew) {
    add_two_workers();
    admit(sync("r-1"));
    const auto listing = poll("source", 1);
    model::AssignmentResult fatal = failed(listing[0], "permission_denied");
    fatal.fatal = true;
    ASSERT_EQ(report(fatal), "applied");
    ASSERT_EQ(state("r-1"), RequestState::Failed);

    ASSERT_TRUE(lifecycle_.retry("r-1"));

    EXPECT_EQ(state("r-1"), RequestState::Queued);
    list("r-1", {});
    EXPECT_EQ(state("r-1"), RequestState::Completed);
}

TEST_F(Retry, ReadsTheListOfFilesBackFromTheStore) {
    sdk::NewRequest request = new_request(sync("r-1"));
    request.attachment = model::pack_file_list(std::vector<std::string>{"a", "b"});
    ASSERT_TRUE(store_.create(request));
    ASSERT_TRUE(lifecycle_.apply("r-1", RequestEvent::Fail, "no_source_worker"));
    add_two_workers();

    ASSERT_TRUE(lifecycle_.retry("r-1"));

    const auto given = poll("source");
    ASSERT_EQ(given.size(), 1U);
    const auto list = model::unpack_file_list(given[0].unit.payload);
    ASSERT_TRUE(list);
    EXPECT_THAT(list->paths, ElementsAre("a", "b"));
    EXPECT_FALSE(list->again);
}

TEST_F(Retry, OfWhatIsUnderWayDoneOrCancelledIsRefused) {
    EXPECT_EQ(lifecycle_.retry("r-1").error().code, Code::NotFound);
    const model::Assignment given = given_chunk();
    expect_refused("PROGRESS");
    ASSERT_TRUE(lifecycle_.apply("r-1", RequestEvent::Pause));
    expect_refused("PAUSED");
    ASSERT_TRUE(lifecycle_.apply("r-1", RequestEvent::Resume));
    ASSERT_EQ(report(succeeded(given)), "applied");
    expect_refused("COMPLETED");
    admit(sync("r-2"));
    ASSERT_TRUE(lifecycle_.apply("r-2", RequestEvent::Cancel));
    EXPECT_EQ(lifecycle_.retry("r-2").error().code, Code::Conflict);
}

TEST_F(Retry, ThatTheStoreCannotServeChangesNothing) {
    end_with({error_of("a")}, 1);
    store_.fail("errors", {Code::Unavailable, "gone"});

    const auto status = lifecycle_.retry("r-1");

    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::Unavailable);
    EXPECT_EQ(state("r-1"), RequestState::CompletedWithErrors);
    EXPECT_EQ(get("r-1").error_count, 1U);
}

}  // namespace
}  // namespace godwit::master
