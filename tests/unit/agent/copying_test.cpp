// Chunks and publications: what of them is done, what is tried again, and what is given up.
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>

#include "assignment_in_folders.h"
#include "support/child.h"
#include "transfer/messages.h"

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

class Copying : public AssignmentInFolders {
protected:
    // What was listed of a file just now.
    work::FileEntry listed(const std::string& name) const {
        const auto root = files::Tree::open(folder_.path(), source());
        work::FileEntry entry;
        entry.set_name(name);
        *entry.mutable_attributes() = transfer::to_message(*files::stat_at(root->fd(), name));
        return entry;
    }
    // A pack of these files, of eight bytes each.
    void make_pack(const std::vector<std::string>& names) {
        work::DirectoryFiles& directory = *work_.mutable_pack()->add_directories();
        for (const std::string& name : names) {
            write_text(source(name), "content!");
            *directory.add_files() = listed(name);
        }
        assignment_.unit.kind = sdk::UnitKind::Chunk;
        assignment_.unit.files = names.size();
        assignment_.unit.bytes = 8 * names.size();
    }
    // The only file of the pack becomes a further name of this one.
    void make_link_pack(const std::string& name, const std::string& carrier) {
        make_pack({name});
        entry().set_link_to(carrier);
        fs::create_hard_link(source(name), source(carrier));
        *entry().mutable_attributes() = listed(name).attributes();
    }
    work::FileEntry& entry() {
        return *work_.mutable_pack()->mutable_directories(0)->mutable_files(0);
    }
    model::AssignmentResult copy() { return carry_out(copy_pack, work_); }
    // The file with this index of the pack has this trouble, all others are done.
    void report_trouble(int index, const Trouble& trouble) {
        delivery_.report_pack = [=](const work::Pack& pack) {
            PackReport report{pack};
            for (int i = 0; i < pack.directories(0).files_size(); ++i) {
                if (i == index) {
                    report.set_problem({0, i}, trouble);
                } else {
                    report.set_done({0, i});
                }
            }
            return report;
        };
    }
    static std::vector<std::string> rest_of(const model::AssignmentResult& result) {
        std::vector<std::string> names;
        if (!result.rest) return names;
        const auto work = transfer::open_payload(result.rest->payload);
        EXPECT_TRUE(work);
        for (const auto& directory : work->pack().directories()) {
            for (const auto& file : directory.files()) names.push_back(file.name());
        }
        EXPECT_EQ(result.rest->files, names.size());
        EXPECT_EQ(result.rest->bytes, 8 * names.size());
        return names;
    }
    static Plan effects_of(const model::AssignmentResult& result) {
        Plan plan;
        plan.add(result.effects);
        return plan;
    }

    work::Work work_;
};

// ------------------------------------------------------------------------------------------- packs

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

// ------------------------------------------------------------------------------------- hard links

TEST_F(Copying, OfALinkGivesTheCarrierAnotherName) {
    make_link_pack("b", "a");
    write_text(destination("a"), "content!");
    test_support::set_mtime(destination("a"), entry().attributes().mtime_ns());

    EXPECT_EQ(plan_of(copy())[Count::FilesLinked], 1);
    EXPECT_TRUE(fs::equivalent(destination("a"), destination("b")));
    EXPECT_EQ(plan_of(copy())[Count::FilesSkipped], 1) << "it is one already";
}

// The carrier has failed, say, and what it was to replace is there still.
TEST_F(Copying, OfALinkNeverNamesWhatTheSourceHasNot) {
    make_link_pack("b", "a");
    const std::int64_t time = entry().attributes().mtime_ns();
    const auto expect_own_content = [&](const char* why) {
        const auto result = copy();
        const Plan anew = plan_of(result);
        EXPECT_THAT(anew.files, ElementsAre("b")) << why;
        EXPECT_THAT(anew.links, IsEmpty()) << why;
        EXPECT_EQ(anew[Count::FilesCopied] + anew[Count::FilesSkipped], 0) << why;
    };
    expect_own_content("there is none");
    write_text(destination("a"), "content!");
    expect_own_content("it is of another time");
    fs::create_hard_link(destination("a"), destination("b"));
    expect_own_content("it is of another time, and has the name already");
    write_text(destination("a"), "another size");
    test_support::set_mtime(destination("a"), time);
    expect_own_content("it is of another size");
    fs::remove(destination("a"));
    fs::create_symlink("12345678", destination("a"));
    test_support::set_mtime(destination("a"), time);
    expect_own_content("it is of another kind");
}

TEST_F(Copying, OfALinkAcrossMountsGetsContentOfItsOwn) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to mount";
    make_link_pack("b", "a");
    entry().set_link_to("mount/a");
    write_text(destination("mount/a"), "content!");
    test_support::set_mtime(destination("mount/a"), entry().attributes().mtime_ns());
    enum Answer { AsExpected, Other, NotMounted };

    // In a mount namespace of its own, which takes the mount with it.
    const int answer = test_support::run_as(0, {}, [&] {
        const std::string mount = destination("mount");
        if (::unshare(CLONE_NEWNS) != 0 ||
            ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount(mount.c_str(), mount.c_str(), nullptr, MS_BIND, nullptr) != 0) {
            return NotMounted;
        }
        const Plan anew = plan_of(copy());
        return anew.files.contains("b") && anew.links.empty() ? AsExpected : Other;
    });

    if (answer == NotMounted) GTEST_SKIP() << "nothing can be mounted here";
    EXPECT_EQ(answer, AsExpected);
}

TEST_F(Copying, OfALinkWithoutItsCarrierLeavesWhatStandsAsItShould) {
    make_link_pack("b", "a");
    entry().set_stands(true);

    const Plan done = plan_of(copy());

    EXPECT_THAT(done.files, IsEmpty());
    EXPECT_EQ(done[Count::FilesSkipped], 1);
}

// ------------------------------------------------------------------------- ranges and publications

class CopyingALargeFile : public Copying {
protected:
    static constexpr std::uint64_t kHalf = 1'000;

    CopyingALargeFile() {
        test_support::write_random(source("large"), 2 * kHalf);
        entry_ = listed("large");
    }
    model::AssignmentResult copy_half(std::uint64_t offset) {
        work::Work work;
        work::Range& range = *work.mutable_range();
        *range.mutable_file() = entry_;
        range.set_offset(offset);
        range.set_length(kHalf);
        range.set_temporary(7);
        return carry_out(copy_range, work);
    }
    model::AssignmentResult publish() {
        work::Work work;
        *work.mutable_publish()->mutable_file() = entry_;
        work.mutable_publish()->set_temporary(7);
        work.mutable_publish()->set_hole_bytes(hole_bytes_);
        return carry_out(publish_file, work);
    }
    void expect_nothing_published() const {
        EXPECT_FALSE(fs::exists(destination("large")));
        EXPECT_THAT(test_support::temporaries_below(destination()), IsEmpty());
    }

    work::FileEntry entry_;
    std::uint64_t hole_bytes_ = 0;
};

TEST_F(CopyingALargeFile, InRangesPublishesItOnce) {
    EXPECT_EQ(plan_of(copy_half(kHalf))[Count::BytesCopied], kHalf);
    EXPECT_EQ(plan_of(copy_half(0))[Count::BytesCopied], kHalf);
    EXPECT_FALSE(fs::exists(destination("large")));

    const Plan done = plan_of(publish());

    EXPECT_THAT(test_support::differences(source("large"), destination("large")), IsEmpty());
    EXPECT_EQ(done[Count::FilesCopied], 1);
    EXPECT_EQ(done[Count::BytesPublished], 2 * kHalf);
    EXPECT_EQ(done[Count::BytesCopied], 0) << "its ranges were counted before";
}

TEST_F(CopyingALargeFile, CountsItsHolesWhenItIsPublished) {
    fs::resize_file(source("large"), 0);
    fs::resize_file(source("large"), 2 * kHalf);
    entry_ = listed("large");
    work::Work work;
    work::Publish& publication = *work.mutable_publish();
    *publication.mutable_file() = entry_;
    publication.set_temporary(7);
    publication.set_all_hole(true);
    publication.set_hole_bytes(2 * kHalf);

    const Plan done = plan_of(carry_out(publish_file, work));

    EXPECT_THAT(test_support::differences(source("large"), destination("large")), IsEmpty());
    EXPECT_EQ(done[Count::BytesCopied], 2 * kHalf);
    EXPECT_EQ(done[Count::BytesPublished], 2 * kHalf);
    EXPECT_THAT(test_support::temporaries_below(destination()), IsEmpty());
}

TEST_F(CopyingALargeFile, ThatHasChangedLeavesThatToThePublication) {
    Plan sum;
    sum.add(copy_half(0).effects);
    write_text(source("large"), std::string(3 * kHalf, 'x'));

    sum.add(copy_half(kHalf).effects);
    const auto publication = publish();
    const Plan anew = plan_of(publication);

    EXPECT_THAT(anew.files, ElementsAre("large"));
    EXPECT_EQ(anew[Count::FilesCopied], 0);
    EXPECT_EQ(anew[Count::FilesFailed], 0);
    expect_nothing_published();
    sum.add(publication.effects);
    EXPECT_EQ(sum[Count::BytesCopied], 0) << "all of it is copied anew";
    EXPECT_EQ(sum[Count::BytesPlanned], kHalf) << "so many more than were planned";
}

TEST_F(CopyingALargeFile, ThatIsGivenUpHasFailedOnceWithAllItsBytes) {
    entry_.set_replans(2);
    Plan sum;
    sum.add(copy_half(0).effects);
    write_text(source("large"), std::string(3 * kHalf, 'x'));
    sum.add(copy_half(kHalf).effects);

    sum.add(publish().effects);

    EXPECT_THAT(sum.error_codes(), ElementsAre("large: source_changed"));
    EXPECT_EQ(sum[Count::BytesCopied], 0);
    EXPECT_EQ(sum[Count::BytesFailed], 2 * kHalf);
    EXPECT_EQ(sum[Count::BytesPlanned], 0) << "no more than were planned";
}

TEST_F(CopyingALargeFile, ThatHasVanishedLeavesNothing) {
    Plan done;
    done.add(copy_half(0).effects);
    fs::remove(source("large"));
    done.add(copy_half(kHalf).effects);

    done.add(publish().effects);

    EXPECT_EQ(done[Count::FilesVanished], 1);
    EXPECT_EQ(done[Count::BytesVanished], 2 * kHalf);
    EXPECT_EQ(done[Count::BytesCopied], 0);
    expect_nothing_published();
}

TEST_F(CopyingALargeFile, WhosePartsAreLostIsPlannedAnew) {
    Plan sum;
    sum.add(copy_half(0).effects);
    sum.add(copy_half(kHalf).effects);
    for (const auto& path : test_support::temporaries_below(destination())) fs::remove(path);

    const auto publication = publish();

    EXPECT_THAT(plan_of(publication).files, ElementsAre("large"));
    EXPECT_FALSE(fs::exists(destination("large")));
    sum.add(publication.effects);
    EXPECT_EQ(sum[Count::BytesCopied], 0) << "all of it is copied anew";
    entry_.set_replans(2);
    EXPECT_THAT(plan_of(publish()).error_codes(), ElementsAre("large: io_error"))
        << "the source has not changed";
}

// By an attempt that nobody heard of, through an agent that does not remember it.
TEST_F(CopyingALargeFile, ThatWasPublishedBeforeIsNotCopiedAgain) {
    copy_all();
    assignment_.attempt = 2;

    const Plan done = plan_of(publish());

    EXPECT_THAT(done.files, IsEmpty());
    EXPECT_EQ(done[Count::FilesCopied], 1);
    EXPECT_EQ(done[Count::BytesPublished], 2 * kHalf);
    EXPECT_EQ(done[Count::BytesCopied], 0) << "its ranges were counted before";
    assignment_.options.compare = model::Compare::Checksum;
    EXPECT_THAT(plan_of(publish()).files, ElementsAre("large")) << "its looks tell nothing";
}

TEST_F(CopyingALargeFile, WhoseGroupHasFailedIsDiscarded) {
    ASSERT_TRUE(copy_half(0).success);
    assignment_.discard = true;
    hole_bytes_ = kHalf;

    const Plan done = plan_of(publish());

    EXPECT_EQ(done[Count::FilesFailed], 1);
    EXPECT_THAT(done.errors, IsEmpty()) << "the part that failed has said why";
    EXPECT_EQ(done[Count::BytesFailed], kHalf) << "its parts have counted the rest";
    expect_nothing_published();
}

TEST_F(CopyingALargeFile, SaysWhichOfItsRangesHasFailed) {
    delivery_.range_trouble = Trouble{FileCode::InputOutput, "medium", EIO};
    assignment_.unit.offset = kHalf;

    EXPECT_EQ(copy_half(kHalf).error.offset, kHalf);
}

TEST_F(CopyingALargeFile, ToALostDestinationIsTriedAgain) {
    delivery_.range_trouble = Trouble{FileCode::PeerLost, "gone"};
    const auto range = copy_half(0);
    delivery_.publish_trouble = Trouble{FileCode::PeerLost, "gone"};
    const auto publication = publish();

    for (const auto& result : {range, publication}) {
        EXPECT_FALSE(result.success);
        EXPECT_TRUE(result.retryable);
        EXPECT_EQ(result.error.code, "peer_lost");
    }
}

// ------------------------------------------------------------------------------------- directories

TEST_F(Copying, SetsDirectoriesAndReportsThoseThatItCannot) {
    fs::create_directories(destination("there"));
    work::Work work;
    for (const char* path : {"there", "gone", "../outside"}) {
        auto& directory = *work.mutable_directories()->add_directories();
        directory.set_path(path);
        directory.mutable_attributes()->set_mode(0710);
        directory.mutable_attributes()->set_mtime_ns(42);
        directory.mutable_attributes()->set_uid(::geteuid());
        directory.mutable_attributes()->set_gid(::getegid());
    }

    const Plan done = plan_of(carry_out(set_directories, work));

    EXPECT_EQ(fs::status(destination("there")).permissions(), fs::perms{0710});
    EXPECT_EQ(done[Count::FilesFailed], 2);
    ASSERT_EQ(done.errors.size(), 2U);
    EXPECT_EQ(done.errors[0].path, "gone");
    EXPECT_EQ(done.errors[1].path, "../outside");
}

}  // namespace
}  // namespace godwit::agent
