// What a destination does with large files: ranges into one temporary, sealed when it is published.
#include "transfer/destination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include "base/file_code.h"
#include "support/mount_namespace.h"
#include "transfer/digest.h"

namespace {

bool g_fdatasync_fails = false;
int g_flushes = 0;
off_t g_forgotten = 0;

}  // namespace

// In the place of the C library's.
extern "C" int fdatasync(int fd) {
    ++g_flushes;
    if (!g_fdatasync_fails) return static_cast<int>(::syscall(SYS_fdatasync, fd));
    errno = EIO;
    return -1;
}
extern "C" int posix_fadvise64(int fd, off_t offset, off_t length, int advice) {
    if (advice == POSIX_FADV_DONTNEED) g_forgotten += length;
    return ::syscall(SYS_fadvise64, fd, offset, length, advice) == 0 ? 0 : errno;
}

namespace godwit::transfer {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kTemporary = 0x1234;
const RequestKey kRequest{"r-1", 7};

class LargeFile : public testing::Test {
protected:
    LargeFile() {
        std::string name = "/tmp/godwit-destination-XXXXXX";
        folder_ = ::mkdtemp(name.data());
        storage_paths_ = {folder_};
    }
    ~LargeFile() override { fs::remove_all(folder_); }

    std::shared_ptr<Destination> open() {
        peer::Open open;
        open.set_request_id(kRequest.id);
        open.set_generation(kRequest.generation);
        open.set_destination_path(folder_ + "/tree");
        *open.mutable_manner() = manner_;
        auto opened = Destination::open(open, storage_paths_, *ledger_, is_given_up_);
        EXPECT_TRUE(opened);
        return *opened;
    }
    static peer::Range range(std::uint64_t offset, bool alone = false) {
        peer::Range range;
        range.set_name("file");
        range.set_file_size(8);
        range.set_offset(offset);
        range.set_temporary(kTemporary);
        range.set_alone(alone);
        return range;
    }
    static Bytes bytes(std::string_view text) { return std::as_bytes(std::span{text}); }
    static peer::Publish publish_message(bool discard = false) {
        peer::Publish publish;
        publish.mutable_file()->set_name("file");
        publish.mutable_file()->mutable_attributes()->set_size(8);
        publish.mutable_file()->mutable_attributes()->set_mode(0644);
        publish.set_temporary(kTemporary);
        publish.set_discard(discard);
        return publish;
    }
    void write_whole(Destination& destination) {
        ASSERT_TRUE(destination.write_range(range(0), bytes("good")));
        ASSERT_TRUE(destination.write_range(range(4), bytes("work")));
    }
    std::vector<std::string> names() const {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator{folder_ + "/tree"}) {
            names.push_back(entry.path().filename());
        }
        return names;
    }
    std::string content() const {
        std::ifstream file{folder_ + "/tree/file"};
        return {std::istreambuf_iterator<char>{file}, {}};
    }

    std::string folder_;
    std::vector<std::string> storage_paths_;
    peer::Manner manner_;
    Destination::IsGivenUp is_given_up_;
    std::unique_ptr<Ledger> ledger_ = std::make_unique<Ledger>();
};

TEST_F(LargeFile, IsNotBegunOnceGivenUp) {
    is_given_up_ = [] { return true; };

    EXPECT_FALSE(open()->write_range(range(0), bytes("12345678")));

    EXPECT_FALSE(fs::exists(folder_ + "/tree"));
}

// As when it is unmounted between the opening of a job and its first write.
TEST_F(LargeFile, GoesWhereTheStoragePathLedWhenItWasOpened) {
    const auto destination = open();
    const std::string mounted = folder_ + "-mounted";
    fs::rename(folder_, mounted);
    fs::create_directory(folder_);

    EXPECT_TRUE(destination->write_range(range(0), bytes("12345678")));

    EXPECT_TRUE(fs::exists(mounted + "/tree"));
    EXPECT_TRUE(fs::is_empty(folder_));
    fs::remove_all(mounted);
}

TEST_F(LargeFile, IsSeenWholeWhenItIsPublished) {
    const auto destination = open();
    write_whole(*destination);
    EXPECT_FALSE(fs::exists(folder_ + "/tree/file"));

    EXPECT_TRUE(destination->publish(publish_message()));

    EXPECT_EQ(content(), "goodwork");
    EXPECT_EQ(names().size(), 1U);
}

TEST_F(LargeFile, TakesNoLateRangeOnceItIsPublished) {
    const auto late = open();
    write_whole(*late);
    ASSERT_TRUE(open()->publish(publish_message()));

    const auto through_open_file = late->write_range(range(0), bytes("LATE"));
    const auto through_new_file = open()->write_range(range(0), bytes("LATE"));

    ASSERT_FALSE(through_open_file);
    EXPECT_EQ(through_open_file.error().code, Code::Conflict);
    ASSERT_FALSE(through_new_file);
    EXPECT_EQ(through_new_file.error().code, Code::Conflict);
    EXPECT_EQ(content(), "goodwork");
    EXPECT_EQ(names().size(), 1U) << "the temporary was made anew";
}

// Another agent that mounts the same storage has a ledger of its own.
TEST_F(LargeFile, TakesNoLateRangeWhenAnotherAgentHasPublishedIt) {
    const auto late = open();
    write_whole(*late);
    Ledger other_ledger;
    peer::Open open_message;
    open_message.set_request_id(kRequest.id);
    open_message.set_destination_path(folder_ + "/tree");
    const auto other = *Destination::open(open_message, storage_paths_, other_ledger);
    ASSERT_TRUE(other->publish(publish_message()));

    EXPECT_FALSE(late->write_range(range(0), bytes("LATE")));

    EXPECT_EQ(content(), "goodwork");
}

TEST_F(LargeFile, CanBePublishedTwiceWhenTheAnswerWasLost) {
    const auto destination = open();
    write_whole(*destination);
    ASSERT_TRUE(destination->publish(publish_message()));

    EXPECT_TRUE(destination->publish(publish_message()));
    EXPECT_EQ(content(), "goodwork");
}

class LargeFileInUse : public LargeFile {
protected:
    // While "file" gives way to nothing: something is mounted there.
    void expect(const std::function<bool()>& condition) const {
        fs::create_directory(folder_ + "/tree");
        const std::string busy = folder_ + "/tree/file";
        std::ofstream{busy} << "in use";
        test_support::expect_with_mounts(
            [&] { return ::mount(busy.c_str(), busy.c_str(), nullptr, MS_BIND, nullptr) == 0; },
            condition);
    }
};

TEST_F(LargeFileInUse, KeepsItsPartsForAnotherAttempt) {
    expect([&] {
        write_whole(*open());
        const bool refused = !open()->publish(publish_message());
        ::umount((folder_ + "/tree/file").c_str());
        return refused && open()->publish(publish_message()) && content() == "goodwork" &&
               !open()->write_range(range(0), bytes("LATE"));
    });
}

TEST_F(LargeFileInUse, OfOneAssignmentAloneIsRemovedWithIt) {
    expect([&] {
        const auto destination = open();
        const bool written = destination->write_range(range(0, true), bytes("goodwork")).ok();
        return written && !destination->publish(publish_message()) && names().size() == 1;
    });
}

TEST_F(LargeFile, ThatIsDiscardedLeavesNothing) {
    const auto destination = open();
    write_whole(*destination);

    EXPECT_TRUE(destination->publish(publish_message(true)));

    EXPECT_FALSE(destination->write_range(range(0), bytes("LATE")));
    EXPECT_THAT(names(), IsEmpty());
}

TEST_F(LargeFile, ItsPartsStayForOthersWhenOneAssignmentEnds) {
    write_whole(*open());

    EXPECT_EQ(names().size(), 1U);
    EXPECT_TRUE(open()->publish(publish_message()));
}

TEST_F(LargeFile, OfOneAssignmentAloneGoesWithIt) {
    ASSERT_TRUE(open()->write_range(range(0, true), bytes("good")));

    EXPECT_THAT(names(), IsEmpty());
}

TEST_F(LargeFile, WhoseRequestHasEndedIsRemovedAndNotMadeAnew) {
    const auto destination = open();
    write_whole(*destination);
    EXPECT_EQ(ledger_->requests(), std::vector{kRequest});

    ledger_->clean(kRequest);

    EXPECT_THAT(names(), IsEmpty());
    EXPECT_THAT(ledger_->requests(), IsEmpty());
    EXPECT_FALSE(open()->write_range(range(0), bytes("LATE")));
    EXPECT_THAT(names(), IsEmpty());
}

TEST_F(LargeFile, ThatIsPublishedIsNotTheLedgersBusinessAnyMore) {
    const auto destination = open();
    write_whole(*destination);

    ASSERT_TRUE(destination->publish(publish_message()));

    EXPECT_THAT(ledger_->requests(), IsEmpty());
    ledger_->clean(kRequest);
    EXPECT_EQ(content(), "goodwork");
}

TEST_F(LargeFile, NothingIsWrittenBeyondItsEndOrOutsideOfItsFolder) {
    const auto destination = open();

    EXPECT_FALSE(destination->write_range(range(6), bytes("abc")));
    peer::Range outside = range(0);
    outside.set_directory("../..");
    EXPECT_FALSE(destination->write_range(outside, bytes("abc")));
    outside.set_directory("");
    outside.set_name("a/b");
    EXPECT_FALSE(destination->write_range(outside, bytes("abc")));
}

// It was the same but for being longer, so that nothing had to be written.
TEST_F(LargeFile, ThatIsWrittenInPlaceIsCutByItsFlush) {
    fs::create_directory(folder_ + "/tree");
    std::ofstream{folder_ + "/tree/file"} << "goodworkand more";
    manner_.set_inplace(true);
    peer::Flush flush;
    flush.set_name("file");
    flush.set_temporary(kTemporary);
    flush.set_file_size(8);

    EXPECT_TRUE(open()->flush(flush));

    EXPECT_EQ(content(), "goodwork");
}

class BegunFile : public LargeFile {
protected:
    ~BegunFile() override { g_fdatasync_fails = false; }

    // Of its two halves, as the destination has them.
    std::vector<std::string> digests() {
        peer::Digests digests;
        for (const std::uint64_t offset : {0, 4}) {
            peer::DigestQuestion& question = *digests.add_questions();
            question.set_name("file");
            question.set_offset(offset);
            question.set_length(4);
            question.set_temporary(kTemporary);
        }
        const peer::DigestsDone done = open()->digests(digests);
        return {done.digests().begin(), done.digests().end()};
    }
};

TEST_F(BegunFile, TellsWhatItHoldsAsTheMediumHasIt) {
    write_whole(*open());
    g_flushes = 0;
    g_forgotten = 0;

    EXPECT_THAT(digests(), ElementsAre(digest_of(bytes("good")), digest_of(bytes("work"))));

    EXPECT_EQ(g_flushes, 1) << "of the file, not of each piece";
    EXPECT_EQ(g_forgotten, 8) << "bytes in the page cache";
}

// What it shows may be nothing but pages that never reached the medium.
TEST_F(BegunFile, ThatCannotBeFlushedHoldsNothing) {
    write_whole(*open());
    g_fdatasync_fails = true;

    EXPECT_THAT(digests(), ElementsAre("", ""));
}

TEST_F(LargeFile, AFlushOfWhatWasNotWrittenIsRefused) {
    peer::Flush flush;
    flush.set_name("file");
    flush.set_temporary(kTemporary);

    EXPECT_FALSE(open()->flush(flush));
}

// An agent that was started anew knows of nothing that it has written before.
TEST_F(LargeFile, ThatWasWrittenByAnEarlierLifeIsFlushedAndGoesWithItsRequest) {
    write_whole(*open());
    ledger_ = std::make_unique<Ledger>();
    peer::Flush flush;
    flush.set_name("file");
    flush.set_temporary(kTemporary);
    flush.set_file_size(8);

    EXPECT_TRUE(open()->flush(flush));

    flush.set_file_size(9);
    EXPECT_FALSE(open()->flush(flush)) << "it is not whole";
    ledger_->clean(kRequest);
    EXPECT_THAT(names(), IsEmpty());
    flush.set_file_size(8);
    EXPECT_FALSE(open()->flush(flush)) << "nothing is there any more";
    EXPECT_THAT(names(), IsEmpty());
}

}  // namespace
}  // namespace godwit::transfer
