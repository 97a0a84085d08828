#include <gmock/gmock.h>
#include <sys/stat.h>

#include <atomic>
#include <climits>
#include <filesystem>
#include <thread>

#include "files/listing.h"
#include "files/publish.h"
#include "open_folder.h"
#include "publish_file.h"
#include "support/child.h"
#include "support/process.h"

namespace godwit::files {
namespace {

namespace fs = std::filesystem;
using test_support::read_file;
using test_support::write_text;
using testing::ElementsAre;
using testing::IsEmpty;

std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span{text});
}

// A file that is being written, and published under the name "file".
class UnpublishedFile : public OpenFolder {
protected:
    Result<NewFile> create() const { return NewFile::create(fd(), temporary_); }
    Result<NewFile> open_shared(std::uint64_t size) const {
        return NewFile::open_shared(fd(), temporary_, size);
    }
    Result<NewFile> open_existing(std::uint64_t size) const {
        return NewFile::open_existing(fd(), temporary_, size);
    }
    static Attributes wanted() {
        Attributes wanted;
        wanted.mode = 0640;
        wanted.uid = ::geteuid();
        wanted.gid = ::getegid();
        wanted.mtime_ns = 1'234'567'890'123'456'789;
        return wanted;
    }
    // Its finish fails with this errno.
    void fail_to_publish(int error_number, const Attributes& attributes) const {
        const Finish finish = [&](int) -> Status { return base::errno_error("do", error_number); };
        auto file = open_existing(4);
        ASSERT_TRUE(file) << file.error().message;
        EXPECT_EQ(errno_of(publish_file(*file, "file", attributes, Durability::None, finish)),
                  error_number);
    }
    std::string content() const { return read_file(path("file")); }
    bool has_temporary() const { return fs::exists(fs::symlink_status(path(temporary_))); }

    const std::string temporary_ = temporary_name("file", 1);
};

// ---------------------------------------------------------------------------------------- creating

TEST_F(UnpublishedFile, IsSeenByNobodyUntilItIsPublished) {
    auto file = create();
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_TRUE(file->write_at(bytes("content"), 0));

    EXPECT_THAT(*names_in(fd()), IsEmpty());
    EXPECT_EQ(stat_at(fd(), temporary_)->mode, 0600U) << "others could read it";

    const auto applied = publish_file(*file, "file", wanted(), Durability::None);
    ASSERT_TRUE(applied) << applied.error().message;
    EXPECT_TRUE(applied->owner_kept);
    EXPECT_EQ(content(), "content");
    EXPECT_FALSE(has_temporary());
}

TEST_F(UnpublishedFile, HasItsAttributesWhenItIsSeen) {
    auto file = create();
    ASSERT_TRUE(file);

    ASSERT_TRUE(publish_file(*file, "file", wanted(), Durability::None));

    EXPECT_EQ(stat_at(fd(), "file")->mode, 0640U);
    EXPECT_EQ(stat_at(fd(), "file")->mtime_ns, wanted().mtime_ns);
}

TEST_F(UnpublishedFile, StartsEmptyWhateverAnEarlierAttemptLeft) {
    write_text(path(temporary_), "left over");
    ASSERT_EQ(::chmod(path(temporary_).c_str(), 0666), 0);

    const auto file = create();

    ASSERT_TRUE(file);
    EXPECT_EQ(stat_of(file->fd())->size, 0U);
    EXPECT_EQ(stat_of(file->fd())->mode, 0600U);
    EXPECT_TRUE(file->is_in_place());
}

TEST_F(UnpublishedFile, IsNeverWrittenThroughALink) {
    write_text(path("precious"), "precious");
    fs::create_symlink("precious", path(temporary_));

    auto created = create();

    ASSERT_TRUE(created);
    EXPECT_TRUE(created->write_at(bytes("evil"), 0));
    EXPECT_EQ(stat_at(fd(), temporary_)->type, EntryType::File);
    EXPECT_EQ(read_file(path("precious")), "precious");
}

TEST_F(UnpublishedFile, IsNotMadeWhereADirectoryHasTheNameOfItsTemporary) {
    fs::create_directory(path(temporary_));

    EXPECT_EQ(errno_of(create()), EISDIR);
    EXPECT_EQ(errno_of(open_shared(1)), EISDIR);
    EXPECT_FALSE(open_existing(1));
    EXPECT_TRUE(has_temporary());
}

TEST_F(UnpublishedFile, TakesNamesOfFullLength) {
    const std::string name(NAME_MAX, 'n');
    auto file = NewFile::create(fd(), temporary_name(name, 1));
    ASSERT_TRUE(file);

    EXPECT_TRUE(publish_file(*file, name, wanted(), Durability::None));
    EXPECT_THAT(*names_in(fd()), ElementsAre(name));
}

// ----------------------------------------------------------------------------------------- writing

TEST_F(UnpublishedFile, IsWrittenInAnyOrder) {
    auto file = create();
    ASSERT_TRUE(file);

    EXPECT_TRUE(file->write_at(bytes("work"), 4));
    EXPECT_TRUE(file->write_at({}, 100)) << "nothing is nothing";
    EXPECT_TRUE(file->write_at(bytes("good"), 0));
    EXPECT_TRUE(file->sync_data());
    ASSERT_TRUE(publish_file(*file, "file", wanted(), Durability::None));

    EXPECT_EQ(content(), "goodwork");
}

TEST_F(UnpublishedFile, IsWrittenByManyThreadsAtOnce) {
    constexpr std::size_t kPiece = 4096;
    constexpr std::size_t kPieces = 64;
    auto file = create();
    ASSERT_TRUE(file);
    {
        std::vector<std::jthread> writers;
        for (std::size_t first = 0; first < 4; ++first) {
            writers.emplace_back([&, first] {
                for (std::size_t i = first; i < kPieces; i += 4) {
                    const std::string piece(kPiece, static_cast<char>('0' + i));
                    EXPECT_TRUE(file->write_at(bytes(piece), i * kPiece));
                }
            });
        }
    }
    ASSERT_TRUE(publish_file(*file, "file", wanted(), Durability::None));

    std::string expected;
    for (std::size_t i = 0; i < kPieces; ++i) {
        expected += std::string(kPiece, static_cast<char>('0' + i));
    }
    EXPECT_EQ(content(), expected);
}

// -------------------------------------------------------------------------------------- publishing

TEST_F(UnpublishedFile, ReplacesAFileInOneStep) {
    constexpr std::size_t kLength = 100'000;
    constexpr int kRounds = 50;
    write_text(path("file"), std::string(kLength, 'a'));
    std::atomic<bool> mixed{false};
    std::jthread reader{[&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            const std::string seen = content();
            if (seen != std::string(kLength, seen.empty() ? '?' : seen[0])) mixed = true;
        }
    }};

    for (int round = 0; round < kRounds; ++round) {
        auto file = create();
        ASSERT_TRUE(file);
        ASSERT_TRUE(file->write_at(bytes(std::string(kLength, 'a' + round % 26)), 0));
        ASSERT_TRUE(publish_file(*file, "file", wanted(), Durability::None));
    }
    reader.request_stop();
    reader.join();

    EXPECT_FALSE(mixed) << "a reader saw neither the old file nor the new one";
}

TEST_F(UnpublishedFile, LeavesTheOldFileToThoseWhoHaveItOpen) {
    write_text(path("file"), "old");
    const base::UniqueFd old{::open(path("file").c_str(), O_RDONLY | O_CLOEXEC)};
    auto file = create();
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write_at(bytes("new"), 0));

    ASSERT_TRUE(publish_file(*file, "file", wanted(), Durability::None));

    char seen[4] = {};
    EXPECT_EQ(::pread(old.get(), seen, 3, 0), 3);
    EXPECT_STREQ(seen, "old");
    EXPECT_EQ(content(), "new");
}

TEST_F(UnpublishedFile, ReplacesALinkAndNotWhatItPointsTo) {
    write_text(path("precious"), "precious");
    fs::create_symlink("precious", path("file"));
    auto file = create();
    ASSERT_TRUE(file);

    ASSERT_TRUE(publish_file(*file, "file", wanted(), Durability::None));

    EXPECT_EQ(stat_at(fd(), "file")->type, EntryType::File);
    EXPECT_EQ(read_file(path("precious")), "precious");
}

TEST_F(UnpublishedFile, IsRefusedAndRemovedWhereADirectoryIsInTheWay) {
    write_text(path("file/inside"), "x");
    {
        auto file = create();
        ASSERT_TRUE(file);

        const auto published = publish_file(*file, "file", wanted(), Durability::None);

        ASSERT_FALSE(published);
        EXPECT_EQ(published.error().code, Code::InvalidArgument);
        EXPECT_EQ(published.error().native, EISDIR);
    }
    EXPECT_TRUE(fs::exists(path("file/inside")));
    EXPECT_FALSE(has_temporary());
}

TEST_F(UnpublishedFile, OfManyRangesIsRemovedTooWhereADirectoryIsInTheWay) {
    fs::create_directory(path("file"));
    {
        auto file = open_shared(1);
        ASSERT_TRUE(file);

        EXPECT_FALSE(publish_file(*file, "file", wanted(), Durability::None));
    }

    EXPECT_FALSE(has_temporary());
}

TEST_F(UnpublishedFile, OfManyRangesIsKeptForAnotherAttemptWhereThatMayHelp) {
    ASSERT_TRUE(open_shared(4)->write_at(bytes("good"), 0));
    for (const int error_number : {EIO, ESTALE, ENOSPC, EDQUOT}) {
        fail_to_publish(error_number, wanted());
        EXPECT_TRUE(has_temporary()) << error_number;
    }

    fail_to_publish(EACCES, wanted());

    EXPECT_FALSE(has_temporary());
}

TEST_F(UnpublishedFile, OfManyRangesIsOpenedAgainWhateverModeAnAttemptGaveIt) {
    constexpr uid_t kSomebody = 12'345;
    const uid_t user = ::geteuid() == 0 ? kSomebody : ::geteuid();
    ASSERT_EQ(::chown(path().c_str(), user, user), 0);

    const int opened = test_support::run_as(user, {}, [&] {
        Attributes closed = wanted();
        closed.mode = 0;
        if (!open_shared(4)) return 2;
        fail_to_publish(EIO, closed);
        return open_existing(4) ? 1 : 0;
    });

    EXPECT_EQ(opened, 1);
}

TEST_F(UnpublishedFile, IsPublishedWithEveryDurability) {
    for (const Durability durability :
         {Durability::None, Durability::File, Durability::FileAndDirectory}) {
        auto file = create();
        ASSERT_TRUE(file);
        ASSERT_TRUE(file->write_at(bytes("content"), 0));

        EXPECT_TRUE(publish_file(*file, "file", wanted(), durability));

        EXPECT_EQ(content(), "content");
        ASSERT_EQ(::unlinkat(fd(), "file", 0), 0);
    }
}

// --------------------------------------------------------------------------------- giving it up

TEST_F(UnpublishedFile, GoesWithItsObjectWhenItWasNotPublished) {
    {
        auto file = create();
        ASSERT_TRUE(file);
        NewFile moved = std::move(*file);
        EXPECT_TRUE(has_temporary());
    }

    EXPECT_FALSE(has_temporary());
}

TEST_F(UnpublishedFile, GoesWhenAnotherTakesThePlaceOfItsObject) {
    auto first = NewFile::create(fd(), temporary_name("file", 1));
    auto second = NewFile::create(fd(), temporary_name("file", 2));
    ASSERT_TRUE(first && second);

    *first = std::move(*second);

    EXPECT_THAT(*temporaries_in(fd()), ElementsAre(temporary_name("file", 2)));
    EXPECT_TRUE(first->is_in_place());
}

TEST_F(UnpublishedFile, ThatWasPublishedStaysWhenItsObjectGoes) {
    {
        auto file = create();
        ASSERT_TRUE(file);
        ASSERT_TRUE(publish_file(*file, "file", wanted(), Durability::None));
        write_text(path(temporary_), "of another attempt");
    }

    EXPECT_TRUE(fs::exists(path("file")));
    EXPECT_TRUE(has_temporary());
}

// ------------------------------------------------------------------------------------ large files

TEST_F(UnpublishedFile, OfManyRangesIsMadeByWhoeverComesFirst) {
    {
        auto first = open_shared(8);
        ASSERT_TRUE(first) << first.error().message;
        EXPECT_EQ(stat_of(first->fd())->size, 8U);
        EXPECT_EQ(stat_of(first->fd())->mode, 0600U);
        ASSERT_TRUE(first->write_at(bytes("good"), 0));
        auto second = open_shared(8);
        ASSERT_TRUE(second) << second.error().message;
        ASSERT_TRUE(second->write_at(bytes("work"), 4));
    }

    auto whole = open_existing(8);
    ASSERT_TRUE(whole) << "its parts went with the objects that wrote them";
    ASSERT_TRUE(publish_file(*whole, "file", wanted(), Durability::None));
    EXPECT_EQ(content(), "goodwork");
}

TEST_F(UnpublishedFile, OfManyRangesIsNeverWrittenThroughALink) {
    write_text(path("precious"), "precious");
    fs::create_symlink("precious", path(temporary_));

    EXPECT_EQ(errno_of(open_shared(8)), ELOOP);
    EXPECT_EQ(errno_of(open_existing(8)), ELOOP);
    EXPECT_EQ(read_file(path("precious")), "precious");
}

TEST_F(UnpublishedFile, OfManyRangesIsNoFifo) {
    ASSERT_EQ(::mkfifoat(fd(), temporary_.c_str(), 0600), 0);

    EXPECT_FALSE(open_shared(0));
    EXPECT_FALSE(open_existing(0));
}

TEST_F(UnpublishedFile, WhoseRangesAreLostIsNotFound) {
    const auto gone = open_existing(8);
    ASSERT_TRUE(open_shared(7));
    const auto of_another_size = open_existing(8);

    for (const auto* lost : {&gone, &of_another_size}) {
        ASSERT_FALSE(*lost);
        EXPECT_EQ(lost->error().code, Code::NotFound);
        EXPECT_EQ(lost->error().native, ENOENT);
    }
    EXPECT_TRUE(open_existing(7)) << "it was touched";
}

TEST_F(UnpublishedFile, IsInPlaceUntilItsNameIsSomebodyElses) {
    auto late = open_shared(4);
    ASSERT_TRUE(late);
    EXPECT_TRUE(late->is_in_place());

    auto early = open_existing(4);
    ASSERT_TRUE(early);
    ASSERT_TRUE(publish_file(*early, "file", wanted(), Durability::None));
    EXPECT_FALSE(late->is_in_place()) << "published by another";

    auto anew = open_shared(4);
    ASSERT_TRUE(anew);
    EXPECT_TRUE(anew->is_in_place());
    EXPECT_FALSE(late->is_in_place()) << "the name is another file's";

    ASSERT_TRUE(remove_temporary(fd(), temporary_));
    EXPECT_FALSE(anew->is_in_place()) << "removed";
}

}  // namespace
}  // namespace godwit::files
