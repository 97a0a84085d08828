// Listings that meet what cannot be read, a destination that does not answer, or a stop.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "assignment_in_folders.h"
#include "support/child.h"
#include "support/sanitizer.h"

namespace godwit::agent {
namespace {

namespace fs = std::filesystem;
using base::FileCode;
using test_support::write_text;
using testing::ElementsAre;
using testing::IsEmpty;
using transfer::Trouble;

constexpr uid_t kSomebody = 12'345;

class TroubledWalk : public AssignmentInFolders {
protected:
    TroubledWalk() { write_text(source("a/file"), "content"); }

    // The whole listing has failed; nothing of it may be applied.
    static void expect_broken(const model::AssignmentResult& result, const std::string& code) {
        EXPECT_FALSE(result.success);
        EXPECT_EQ(result.error.code, code);
        EXPECT_THAT(result.effects.units, IsEmpty());
        EXPECT_EQ(result.effects.counters, sdk::Counters{});
    }
};

TEST_F(TroubledWalk, SetsTheTimesOfAFolderInWhichAnEarlierAttemptMayHaveMadeAnother) {
    std::filesystem::remove_all(source("a"));
    fs::create_directories(source("above/made"));
    copy_all();
    EXPECT_THAT(plan_of(list_directories({"above/made"})).directories, IsEmpty());

    assignment_.losses = 1;

    EXPECT_THAT(plan_of(list_directories({"above/made"})).directories, ElementsAre("above"));
}

// It was to get the destination's name, and somebody has made a directory of that name meanwhile.
TEST_F(TroubledWalk, OfASingleFileKeepsADirectoryInWhichFiltersProtectSomething) {
    write_text(source("single"), "content");
    write_text(destination("named/inside/note.keep"), "mine");
    write_text(destination("single/inside"), "nobody's business");
    assignment_.source_path = source("single");
    assignment_.destination_path = destination("named");
    assignment_.resolution = model::kAsNamed;
    assignment_.options.replace_type = true;
    assignment_.options.filters = {"- *.keep"};

    EXPECT_THAT(plan_of(list_root()).error_codes(), ElementsAre("single: type_conflict"));

    std::filesystem::remove(destination("named/inside/note.keep"));
    EXPECT_THAT(plan_of(list_root()).error_codes(), IsEmpty());
}

// ------------------------------------------------------------------------------------------ source

TEST_F(TroubledWalk, OfADirectoryThatCannotBeReadIsAnErrorOfThatDirectoryOnly) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
    write_text(source("secret/file"), "content");
    ASSERT_EQ(::chmod(source("secret").c_str(), 0700), 0);
    fs::permissions(destination(), fs::perms::all);

    const int answer = test_support::run_as(kSomebody, {}, [&] {
        const Plan plan = list_all();
        EXPECT_THAT(plan.error_codes(), ElementsAre("secret: permission_denied"));
        EXPECT_EQ(plan[Count::FilesFailed], 1);
        EXPECT_THAT(plan.files, ElementsAre("a/file"));
        return HasFailure() ? 1 : 0;
    });

    EXPECT_EQ(answer, 0);
}

TEST_F(TroubledWalk, OfAnUnreadableSourceCannotDoItsJob) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
    ASSERT_EQ(::chmod(source().c_str(), 0700), 0);

    const int answer = test_support::run_as(kSomebody, {}, [&] {
        const auto result = list_root();
        expect_broken(result, "permission_denied");
        EXPECT_TRUE(result.fatal);
        return HasFailure() ? 1 : 0;
    });

    EXPECT_EQ(answer, 0);
}

TEST_F(TroubledWalk, OfASourceThatIsNotThereCannotDoItsJob) {
    fs::remove_all(source());

    const auto result = list_root();

    expect_broken(result, "source_missing");
    EXPECT_TRUE(result.fatal);
    EXPECT_FALSE(result.retryable);
}

// It was when the master looked: another worker may have it.
TEST_F(TroubledWalk, OfASourceThatIsNotMountedAnyMoreIsTriedAgain) {
    assignment_.source_path = "/somewhere/else";

    for (const auto& result : {list_root(), list_directories({"a"})}) {
        expect_broken(result, "no_worker");
        EXPECT_TRUE(result.retryable);
        EXPECT_FALSE(result.fatal);
    }
}

TEST_F(TroubledWalk, OfASpecialFileCannotDoItsJob) {
    ASSERT_EQ(::mkfifo(source("fifo").c_str(), 0600), 0);
    assignment_.source_path = source("fifo");

    const auto result = list_root();

    expect_broken(result, "unsupported");
    EXPECT_TRUE(result.fatal);
}

// No file descriptor is free for a moment: nothing is wrong with the directory.
TEST_F(TroubledWalk, OfADirectoryThatCannotBeReadJustNowIsTriedAgain) {
    // UBSan looks at memory through pipes, and takes for broken what it cannot look at.
    if (test_support::kIsSanitized) GTEST_SKIP() << "a sanitizer needs descriptors, too";
    write_text(source("b/file"), "content");
    rlimit limits{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limits), 0);
    const auto list_with = [&](int descriptors, std::uint32_t attempt) {
        fs::remove_all(destination());
        fs::create_directory(destination());
        const base::UniqueFd lowest{::open("/", O_PATH | O_CLOEXEC)};
        rlimit few = limits;
        few.rlim_cur = static_cast<rlim_t>(lowest.get() + descriptors);
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
        assignment_.attempt = attempt;
        auto result = list_directories({"a", "b"});
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &limits), 0);
        return result;
    };
    const auto counts_errors = [](const model::AssignmentResult& result) {
        return result.success && result.effects.counters[Count::FilesFailed] > 0;
    };

    int counted = 0;
    for (int descriptors = 1; descriptors < 16; ++descriptors) {
        if (!counts_errors(list_with(descriptors, assignment_.attempts_max))) continue;
        ++counted;
        const auto result = list_with(descriptors, 1);
        expect_broken(result, "internal");
        EXPECT_TRUE(result.retryable);
    }
    EXPECT_GT(counted, 0);
}

// ----------------------------------------------------------------------------------------- overlap

// Paths that do not overlap may lead to directories that do.
TEST_F(TroubledWalk, IntoItselfThroughALinkCannotDoItsJob) {
    fs::create_directory_symlink("source", folder_.path("same"));
    fs::create_directory_symlink("source/a", folder_.path("inside"));
    fs::create_directory_symlink(".", folder_.path("around"));

    for (const char* to : {"same", "same/new/folder", "inside", "inside/new", "around"}) {
        assignment_.destination_path = folder_.path(to);
        const auto result = list_root();
        expect_broken(result, "overlap");
        EXPECT_TRUE(result.fatal) << to;
    }
    EXPECT_FALSE(fs::exists(source("new")));
}

TEST_F(TroubledWalk, BesideItselfIsFine) {
    fs::create_directory_symlink(".", folder_.path("around"));

    for (const char* to : {"around/new", "beside/new"}) {
        assignment_.destination_path = folder_.path(to);
        EXPECT_THAT(list_all().files, ElementsAre("a/file")) << to;
    }
}

TEST_F(TroubledWalk, IntoItselfIsSeenByWhoeverMountsBothSides) {
    fs::create_directory_symlink("source/a", folder_.path("inside"));
    assignment_.destination_path = folder_.path("inside");
    assignment_.destination = "another worker";

    expect_broken(list_root(), "overlap");
}

// ------------------------------------------------------------------------------------- destination

TEST_F(TroubledWalk, WhoseDestinationIsAFileCannotDoItsJob) {
    fs::remove_all(destination());
    write_text(destination(), "a file");

    const auto result = list_root();

    expect_broken(result, "dest_not_directory");
    EXPECT_TRUE(result.fatal);
    EXPECT_EQ(test_support::read_file(destination()), "a file");
}

TEST_F(TroubledWalk, WhoseDestinationIsLostIsTriedAgain) {
    delivery_.view_trouble = Trouble{FileCode::PeerLost, "gone"};

    for (const auto& result : {list_root(), list_directories({"a"})}) {
        expect_broken(result, "peer_lost");
        EXPECT_TRUE(result.retryable);
        EXPECT_FALSE(result.fatal);
        EXPECT_FALSE(result.released);
        EXPECT_EQ(result.message, "gone");
    }
}

TEST_F(TroubledWalk, WhoseDestinationCannotBeOpenedIsTriedAgain) {
    delivery_.open_trouble = Trouble{FileCode::PeerLost, "gone"};

    for (const auto& result : {list_root(), list_directories({"a"})}) {
        expect_broken(result, "peer_lost");
        EXPECT_TRUE(result.retryable);
    }
}

TEST_F(TroubledWalk, WhoseDestinationIsFullPausesTheRequest) {
    delivery_.view_trouble = Trouble{FileCode::NoSpace, "full"};

    const auto result = list_root();

    expect_broken(result, "no_space");
    EXPECT_TRUE(result.pause);
    EXPECT_FALSE(result.fatal);
}

TEST_F(TroubledWalk, WhoseDestinationAnswersAnotherQuestionIsTriedAgain) {
    delivery_.change_view = [](peer::Viewed& answer) { answer.add_directories(); };

    const auto result = list_root();

    expect_broken(result, "peer_lost");
    EXPECT_TRUE(result.retryable);
}

TEST_F(TroubledWalk, WhoseDestinationCannotReadADirectoryJustNowIsTriedAgain) {
    delivery_.change_view = [](peer::Viewed& answer) {
        const auto last = answer.directories_size() - 1;
        *answer.mutable_directories(last)->mutable_failure() =
            transfer::to_message(FileCode::InputOutput, {Code::Internal, "server away", EIO});
    };

    const auto result = list_root();

    expect_broken(result, "io_error");
    EXPECT_TRUE(result.retryable);
}

class WalkOverASurplusDirectory : public TroubledWalk {
protected:
    WalkOverASurplusDirectory() {
        assignment_.options.delete_surplus = model::Delete::After;
        write_text(destination("surplus/inside"), "x");
        cursor_.set_path("surplus");
        cursor_.set_surplus(true);
    }
    // The destination cannot read it.
    model::AssignmentResult list_with(int error_number, std::uint32_t attempt) {
        assignment_.attempt = attempt;
        delivery_.change_view = [=](peer::Viewed& answer) {
            const Error error = base::errno_error("read", error_number);
            *answer.mutable_directories(0)->mutable_failure() =
                transfer::to_message(files::destination_code(error), error);
        };
        work::Work work;
        *work.mutable_listing()->add_directories() = cursor_;
        return list(work);
    }

    work::DirectoryCursor cursor_;
};

// What is in it would not be counted, nor removed.
TEST_F(WalkOverASurplusDirectory, ThatCannotBeReadJustNowIsTriedAgain) {
    const auto result = list_with(EIO, 1);

    expect_broken(result, "io_error");
    EXPECT_TRUE(result.retryable);
}

TEST_F(WalkOverASurplusDirectory, ThatCannotBeReadInTheEndIsAFailure) {
    const Plan plan = plan_of(list_with(EIO, assignment_.attempts_max));

    EXPECT_THAT(plan.error_codes(), ElementsAre("surplus: io_error"));
    EXPECT_EQ(plan[Count::FilesFailed], 1);
    EXPECT_EQ(plan[Count::FilesDiscovered], 1);
}

TEST_F(WalkOverASurplusDirectory, ThatMayNotBeReadLeavesThatToItsRemoval) {
    for (const std::uint32_t attempt : {1U, assignment_.attempts_max}) {
        const Plan plan = plan_of(list_with(EACCES, attempt));

        EXPECT_THAT(plan.error_codes(), IsEmpty());
        EXPECT_EQ(plan[Count::FilesFailed], 0);
    }
}

// The same where the directory is one of both sides, and only what follows the first names is lost.
TEST_F(WalkOverASurplusDirectory, WhoseRestCannotBeReadJustNowIsTriedAgain) {
    cursor_.set_path("a");
    cursor_.set_surplus(false);
    write_text(destination("a/surplus"), "x");
    int views = 0;
    delivery_.change_view = [&](peer::Viewed& answer) {
        peer::DirectoryAnswer& directory = *answer.mutable_directories(0);
        if (++views == 1) return directory.set_surplus_cut_after("surplus");
        *directory.mutable_failure() =
            transfer::to_message(FileCode::InputOutput, {Code::Internal, "server away", EIO});
    };
    work::Work work;
    *work.mutable_listing()->add_directories() = cursor_;

    expect_broken(list(work), "io_error");
    EXPECT_EQ(views, 2);
}

TEST_F(TroubledWalk, WhoseDestinationNamesEntriesThatNobodyAskedForIgnoresThem) {
    delivery_.change_view = [](peer::Viewed& answer) {
        for (auto& directory : *answer.mutable_directories()) {
            peer::FoundEntry& entry = *directory.add_entries();
            entry.set_index(UINT32_MAX);
            entry.set_type(UINT32_MAX);
        }
    };

    EXPECT_THAT(list_all().files, ElementsAre("a/file"));
}

// -------------------------------------------------------------------------------------------- stop

TEST_F(TroubledWalk, ThatIsStoppedGivesItsUnitBack) {
    stop_.request_stop();

    const auto result = list_root();

    EXPECT_FALSE(result.success);
    EXPECT_TRUE(result.released);
    EXPECT_FALSE(result.fatal);
    EXPECT_THAT(result.effects.units, IsEmpty());
}

TEST_F(TroubledWalk, ThatIsStoppedWhileTheDestinationAnswersGivesItsUnitBack) {
    delivery_.on_view = [&] { stop_.request_stop(); };

    const auto result = list_root();

    EXPECT_FALSE(result.success);
    EXPECT_TRUE(result.released);
    EXPECT_THAT(result.effects.units, IsEmpty());
}

}  // namespace
}  // namespace godwit::agent
