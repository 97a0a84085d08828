// Ranges and publications of large files.
#include "pack_in_folders.h"

namespace godwit::agent {
namespace {

namespace fs = std::filesystem;
using base::FileCode;
using test_support::write_text;
using testing::ElementsAre;
using testing::IsEmpty;
using transfer::Trouble;

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
        work.set_begun(begun_);
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
    bool begun_ = false;
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

// Within one agent, too: it reads both, which is cheaper than writing.
TEST_F(CopyingALargeFile, GoesOnInsideOfARangeThatWasBegun) {
    plan_of(copy_half(0));
    const auto temporaries = test_support::temporaries_below(destination());
    ASSERT_EQ(temporaries.size(), 1U);
    const std::string& temporary = temporaries.front();
    test_support::set_mtime(temporary, 1'000'000'000);
    const auto untouched = fs::last_write_time(temporary);
    begun_ = true;

    EXPECT_EQ(plan_of(copy_half(0))[Count::BytesCopied], kHalf);
    EXPECT_EQ(fs::last_write_time(temporary), untouched) << "all of it is there";

    std::fstream{temporary} << "damaged";
    EXPECT_EQ(plan_of(copy_half(0))[Count::BytesCopied], kHalf);
    plan_of(copy_half(kHalf));
    plan_of(publish());
    EXPECT_THAT(test_support::differences(source("large"), destination("large")), IsEmpty());
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

}  // namespace
}  // namespace godwit::agent
