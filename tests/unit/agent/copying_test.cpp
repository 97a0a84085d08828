// Packs and directories: what of them is done, what is tried again, and what is given up.
#include "pack_in_folders.h"

namespace godwit::agent {
namespace {

namespace fs = std::filesystem;
using base::FileCode;
using test_support::read_file;
using test_support::write_text;
using testing::ElementsAre;
using testing::IsEmpty;
using transfer::PackReport;
using transfer::Trouble;

TEST_F(Copying, OfAPackPublishesItsFiles) {
    make_pack({"a", "b"});

    const Plan done = plan_of(copy());

    EXPECT_EQ(read_file(destination("a")), "content!");
    EXPECT_EQ(read_file(destination("b")), "content!");
    EXPECT_EQ(done[Count::FilesCopied], 2);
    EXPECT_EQ(done[Count::BytesCopied], 16);
    EXPECT_EQ(done[Count::BytesPublished], 16);
    EXPECT_THAT(test_support::temporaries_below(destination()), IsEmpty());
}

// A lease that has run out while this process was halted, say.
TEST_F(Copying, OfAPackEndsWhereItIsGivenUp) {
    make_pack({"a", "b"});
    delivery_.is_given_up = [this] { return fs::exists(destination("a")); };

    const auto result = copy();

    EXPECT_FALSE(result.success);
    EXPECT_TRUE(result.released);
    EXPECT_EQ(result.effects.counters[Count::FilesCopied], 1);
    EXPECT_EQ(result.effects.counters[Count::FilesFailed], 0);
    EXPECT_FALSE(fs::exists(destination("b")));
    EXPECT_THAT(test_support::temporaries_below(destination()), IsEmpty());
}

// An empty mount point opens as an empty source does.
TEST_F(Copying, OfASourceThatWasUnmountedMeanwhileTakesNoFileForVanished) {
    make_pack({"a", "b"});
    fs::remove_all(source());
    fs::create_directory(source());
    look_again_ = [] { return std::vector<std::string>{}; };

    const auto result = copy();

    EXPECT_FALSE(result.success);
    EXPECT_EQ(result.error.code, "no_worker");
    EXPECT_EQ(result.effects.counters[Count::FilesVanished], 0);
    EXPECT_FALSE(list_root().success);
}

TEST_F(Copying, OfAFileThatHasVanishedIsNoFailure) {
    make_pack({"a", "b"});
    fs::remove(source("a"));

    const Plan done = plan_of(copy());

    EXPECT_EQ(done[Count::FilesVanished], 1);
    EXPECT_EQ(done[Count::BytesVanished], 8);
    EXPECT_EQ(done[Count::FilesFailed], 0);
    EXPECT_EQ(done[Count::FilesCopied], 1);
    EXPECT_THAT(done.error_codes(), ElementsAre("a: source_vanished"));
}

TEST_F(Copying, OfAFileThatHasChangedIsPlannedAnew) {
    make_pack({"a", "b"});
    write_text(source("a"), "content and more");

    const auto result = copy();
    const Plan done = plan_of(result);

    EXPECT_THAT(done.files, ElementsAre("a"));
    EXPECT_EQ(done[Count::FilesCopied], 1);
    EXPECT_EQ(done[Count::FilesFailed], 0);
    EXPECT_EQ(done[Count::BytesPlanned], 8) << "so many more than were planned";
    EXPECT_FALSE(fs::exists(destination("a")));
    ASSERT_EQ(result.effects.units.size(), 1U);
    work_ = *transfer::open_payload(result.effects.units[0].payload);
    EXPECT_EQ(plan_of(copy())[Count::FilesCopied], 1);
    EXPECT_EQ(read_file(destination("a")), "content and more");
}

// semantics.md S9, of what has no content to be opened.
TEST_F(Copying, OfALinkIsOfTheOneThatStandsThereNow) {
    make_pack({});
    for (const char* name : {"changed", "gone", "kept"}) {
        fs::create_symlink("old", source(name));
        work::FileEntry& entry = *work_.mutable_pack()->mutable_directories(0)->add_files();
        entry = listed(name);
        entry.set_type(work::SYMLINK);
        entry.set_link_target("old");
    }
    fs::remove(source("gone"));
    fs::remove(source("changed"));
    fs::create_symlink("new", source("changed"));

    const auto result = copy();
    const Plan done = plan_of(result);

    EXPECT_EQ(done[Count::FilesCopied], 1);
    EXPECT_EQ(done[Count::FilesVanished], 1);
    EXPECT_THAT(done.error_codes(), ElementsAre("gone: source_vanished"));
    EXPECT_THAT(done.files, ElementsAre("changed"));
    EXPECT_FALSE(fs::is_symlink(destination("gone")));
    ASSERT_EQ(result.effects.units.size(), 1U);
    work_ = *transfer::open_payload(result.effects.units[0].payload);
    EXPECT_EQ(plan_of(copy())[Count::FilesCopied], 1);
    EXPECT_EQ(fs::read_symlink(destination("changed")), "new");
}

TEST_F(Copying, OfAttributesIsOfTheContentTooWhereThatHasChanged) {
    make_pack({"a"});
    work_.mutable_pack()->mutable_directories(0)->mutable_files(0)->set_attributes_only(true);
    write_text(source("a"), "new content!");

    const auto result = copy();
    const Plan done = plan_of(result);

    EXPECT_THAT(done.files, ElementsAre("a"));
    EXPECT_THAT(done.attributes_only, IsEmpty());
    EXPECT_EQ(done[Count::BytesPlanned], 12);
    EXPECT_EQ(done[Count::BytesSkipped], -8);
    EXPECT_EQ(done[Count::BytesDiscovered], 4);
}

// Who gets new attributes only leaves the folder as it is; who is replaced does not.
TEST_F(Copying, OfTheContentTooSetsTheFoldersTimesOnceMore) {
    make_pack({"a"});
    write_text(destination("a"), "content!");
    work_.mutable_pack()->mutable_directories(0)->mutable_files(0)->set_attributes_only(true);
    EXPECT_THAT(plan_of(copy()).directories, IsEmpty());
    write_text(source("a"), "new content!");

    EXPECT_THAT(plan_of(copy()).directories, ElementsAre(""));
}

TEST_F(Copying, OfAFileThatChangesEachTimeIsGivenUp) {
    make_pack({"a"});
    int attempts = 0;
    Plan done;
    do {
        write_text(source("a"), std::string(static_cast<std::size_t>(++attempts), 'x'));
        const auto result = copy();
        done = plan_of(result);
        if (done.files.empty()) break;
        work_ = *transfer::open_payload(result.effects.units[0].payload);
    } while (attempts < 10);

    EXPECT_EQ(attempts, 3) << "planned again at most twice";
    EXPECT_EQ(done[Count::FilesFailed], 1);
    EXPECT_THAT(done.error_codes(), ElementsAre("a: source_changed"));
    EXPECT_FALSE(fs::exists(destination("a")));
}

TEST_F(Copying, OfOneBadFileLeavesTheRestAlone) {
    make_pack({"a", "b", "c"});
    fs::create_directory(destination("b"));

    const Plan done = plan_of(copy());

    EXPECT_EQ(done[Count::FilesCopied], 2);
    EXPECT_EQ(done[Count::FilesFailed], 1);
    EXPECT_EQ(done[Count::BytesFailed], 8);
    EXPECT_THAT(done.error_codes(), ElementsAre("b: type_conflict"));
}

TEST_F(Copying, OfAFileWorthAnotherAttemptPutsBackThatFileOnly) {
    make_pack({"a", "b", "c"});
    report_trouble(1, {FileCode::InputOutput, "medium", EIO});

    const auto result = copy();

    EXPECT_FALSE(result.success);
    EXPECT_TRUE(result.retryable);
    EXPECT_EQ(result.error.code, "io_error");
    EXPECT_THAT(rest_of(result), ElementsAre("b"));
    EXPECT_EQ(effects_of(result)[Count::FilesCopied], 2);
    EXPECT_EQ(effects_of(result)[Count::FilesFailed], 0);
}

TEST_F(Copying, OfAFileThatFailsOnTheLastAttemptIsGivenUp) {
    make_pack({"a", "b"});
    assignment_.attempt = assignment_.attempts_max;
    report_trouble(1, {FileCode::InputOutput, "medium", EIO});

    const Plan done = plan_of(copy());

    EXPECT_EQ(done[Count::FilesCopied], 1);
    EXPECT_EQ(done[Count::FilesFailed], 1);
    EXPECT_THAT(done.error_codes(), ElementsAre("b: io_error"));
}

TEST_F(Copying, OfAFileWhoseMediumFailsOnTwoWorkersIsGivenUp) {
    make_pack({"a", "b"});
    assignment_.attempt = 2;
    assignment_.failed_on = "another";
    report_trouble(1, {FileCode::InputOutput, "medium", EIO});

    EXPECT_THAT(plan_of(copy()).error_codes(), ElementsAre("b: io_error"));

    assignment_.failed_on = assignment_.worker;
    EXPECT_THAT(rest_of(copy()), ElementsAre("b")) << "the worker may be to blame";
}

// An attempt that nobody heard of has copied it.
TEST_F(Copying, PassesOverWhatIsThereAlready) {
    make_pack({"a", "b", "c"});
    ASSERT_TRUE(copy().success);
    fs::remove(destination("b"));
    write_text(destination("c"), "something else");
    std::vector<PackReport::State> states;
    delivery_.on_send = [&](const PackReport& start) {
        states.clear();
        for (int i = 0; i < 3; ++i) states.push_back(start.state({0, i}));
    };
    using enum PackReport::State;

    ASSERT_TRUE(copy().success);
    EXPECT_THAT(states, ElementsAre(Unknown, Unknown, Unknown)) << "it is the first attempt";

    fs::remove(destination("b"));
    write_text(destination("c"), "something else");
    assignment_.losses = 1;
    const Plan done = plan_of(copy());

    EXPECT_THAT(states, ElementsAre(Done, Unknown, Unknown));
    EXPECT_EQ(done[Count::FilesCopied], 3) << "nobody has counted the first one";
    for (const char* name : {"a", "b", "c"}) EXPECT_EQ(read_file(destination(name)), "content!");
}

// They were planned for their content, whatever they look like.
TEST_F(Copying, TakesNothingForCopiedByItsLooksWhereLooksWereNotAsked) {
    make_pack({"a"});
    ASSERT_TRUE(copy().success);
    for (const auto compare : {model::Compare::Checksum, model::Compare::Always}) {
        write_text(destination("a"), "rotten!!");
        test_support::set_mtime(destination("a"), listed("a").attributes().mtime_ns());
        assignment_.options.compare = compare;
        assignment_.attempt = 2;

        ASSERT_TRUE(copy().success);

        EXPECT_EQ(read_file(destination("a")), "content!");
    }
}

TEST_F(Copying, TakesNothingForCopiedByItsLooksWhereMoreThanLooksIsWanted) {
    make_pack({"a"});
    ASSERT_TRUE(copy().success);
    assignment_.losses = 1;
    PackReport::State state{};
    delivery_.on_send = [&](const PackReport& start) { state = start.state({0, 0}); };
    ASSERT_TRUE(copy().success);
    ASSERT_EQ(state, PackReport::State::Done);

    assignment_.options.xattrs = true;
    ASSERT_TRUE(copy().success);
    EXPECT_EQ(state, PackReport::State::Unknown);

    assignment_.options.xattrs = false;
    assignment_.options.acls = true;
    state = {};
    ASSERT_TRUE(copy().success);
    EXPECT_EQ(state, PackReport::State::Unknown);
}

TEST_F(Copying, ThatBreaksDownPutsBackWhatNobodyKnowsOf) {
    make_pack({"a", "b", "c"});
    delivery_.report_pack = [](const work::Pack& pack) {
        PackReport report{pack};
        report.set_done({0, 0});
        report.set_problem({0, 1}, {FileCode::PermissionDenied, "no", EACCES});
        report.broken = Trouble{FileCode::PeerLost, "gone"};
        return report;
    };

    const auto result = copy();

    EXPECT_FALSE(result.success);
    EXPECT_EQ(result.error.code, "peer_lost");
    EXPECT_THAT(rest_of(result), ElementsAre("c"));
    EXPECT_EQ(effects_of(result)[Count::FilesCopied], 1);
    EXPECT_THAT(effects_of(result).error_codes(), ElementsAre("b: permission_denied"));
}

TEST_F(Copying, ThatIsStoppedGivesBackTheRestThoughItWasTheLastAttempt) {
    make_pack({"a", "b"});
    assignment_.attempt = assignment_.attempts_max;
    delivery_.report_pack = [](const work::Pack& pack) {
        PackReport report{pack};
        report.set_done({0, 0});
        report.broken = Trouble::stopped();
        return report;
    };

    const auto result = copy();

    EXPECT_TRUE(result.released);
    EXPECT_THAT(rest_of(result), ElementsAre("b"));
    EXPECT_EQ(effects_of(result)[Count::FilesFailed], 0);
}

TEST_F(Copying, ToAFullDestinationPausesAndKeepsWhatWasDone) {
    make_pack({"a", "b"});
    assignment_.attempt = assignment_.attempts_max;
    report_trouble(1, {FileCode::NoSpace, "full", ENOSPC});

    const auto result = copy();

    EXPECT_TRUE(result.pause);
    EXPECT_THAT(rest_of(result), ElementsAre("b"));
    EXPECT_EQ(effects_of(result)[Count::FilesCopied], 1);
}

TEST_F(Copying, ToADestinationThatCannotBeOpenedIsTriedAgainWhole) {
    make_pack({"a"});
    delivery_.open_trouble = Trouble{FileCode::PeerLost, "gone"};

    const auto result = copy();

    EXPECT_FALSE(result.success);
    EXPECT_TRUE(result.retryable);
    EXPECT_FALSE(result.rest);
}

// ------------------------------------------------------------------------------------- directories

TEST_F(Copying, SetsDirectoriesAndReportsThoseThatItCannot) {
    fs::create_directories(destination("there"));
    fs::create_directories(source("gone"));
    work::Work work;
    for (const char* path : {"there", "gone", "../outside"}) {
        auto& directory = *work.mutable_directories()->add_directories();
        directory.set_path(path);
        directory.mutable_attributes()->set_mode(0710);
        directory.mutable_attributes()->set_mtime_ns(42);
        directory.mutable_attributes()->set_uid(::geteuid());
        directory.mutable_attributes()->set_gid(::getegid());
    }

    assignment_.attempt = assignment_.attempts_max;
    const Plan done = plan_of(carry_out(set_directories, work));

    EXPECT_EQ(fs::status(destination("there")).permissions(), fs::perms{0710});
    EXPECT_EQ(done[Count::FilesFailed], 2);
    ASSERT_EQ(done.errors.size(), 2U);
    EXPECT_EQ(done.errors[0].path, "gone");
    EXPECT_EQ(done.errors[1].path, "../outside");
}

TEST_F(Copying, TakesADirectoryThatBothSidesHaveLostForDone) {
    work::Work work;
    work.mutable_directories()->add_directories()->set_path("vanished");

    const auto result = carry_out(set_directories, work);

    EXPECT_TRUE(result.success);
    EXPECT_THAT(effects_of(result).error_codes(), IsEmpty());
}

// semantics.md S13, of the attributes of directories.
TEST_F(Copying, TriesThoseDirectoriesAgainThatMayGetBetter) {
    struct Row {
        FileCode code;
        bool pause;
    };
    work::Work work;
    for (const char* path : {"a", "b", "c"}) {
        fs::create_directories(destination(path));
        work.mutable_directories()->add_directories()->set_path(path);
    }
    for (const Row& row : {Row{FileCode::InputOutput, false}, Row{FileCode::NoSpace, true}}) {
        delivery_.change_directories = [&](peer::DirectoriesDone& done) {
            done.clear_problems();
            for (const auto& [index, code] :
                 {std::pair{0U, FileCode::PermissionDenied}, std::pair{1U, row.code}}) {
                peer::FileProblem& problem = *done.add_problems();
                problem.set_index(index);
                *problem.mutable_failure() = transfer::to_message(code, {Code::Internal, "no"});
            }
        };

        const auto result = carry_out(set_directories, work);

        EXPECT_FALSE(result.success);
        EXPECT_EQ(result.pause, row.pause);
        EXPECT_TRUE(result.retryable);
        EXPECT_EQ(result.error.code, base::to_string(row.code));
        EXPECT_THAT(effects_of(result).error_codes(), ElementsAre("a: permission_denied"));
        ASSERT_TRUE(result.rest);
        const auto rest = transfer::open_payload(result.rest->payload);
        ASSERT_TRUE(rest);
        ASSERT_EQ(rest->directories().directories_size(), 1);
        EXPECT_EQ(rest->directories().directories(0).path(), "b");
    }
}

}  // namespace
}  // namespace godwit::agent
