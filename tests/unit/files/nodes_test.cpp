#include "files/nodes.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>

#include "files/listing.h"
#include "open_folder.h"
#include "support/child.h"

namespace godwit::files {
namespace {

namespace fs = std::filesystem;
using test_support::run_as;
using test_support::write_text;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kGeneration = 7;
constexpr uid_t kSomebody = 12'345;

class PublishedNode : public OpenFolder {
protected:
    static Attributes wanted(EntryType type, std::uint64_t device_number = 0) {
        Attributes wanted;
        wanted.type = type;
        wanted.mode = 0640;
        wanted.uid = ::geteuid();
        wanted.gid = ::getegid();
        wanted.mtime_ns = 1'234'567'890'123'456'789;
        wanted.device_number = device_number;
        return wanted;
    }
    Result<Applied> publish(const Attributes& wanted) const {
        return publish_node(fd(), "node", wanted, kGeneration);
    }
    // Skips where nobody may make devices.
    bool may_make_devices() const {
        const bool may = ::mknodat(fd(), "probe", S_IFCHR | 0600, makedev(1, 3)) == 0;
        ::unlinkat(fd(), "probe", 0);
        return may;
    }
    void expect_published(const Attributes& wanted) const {
        const auto there = stat_at(fd(), "node");
        ASSERT_TRUE(there);
        EXPECT_EQ(there->type, wanted.type);
        EXPECT_EQ(there->mode, wanted.mode);
        EXPECT_EQ(there->mtime_ns, wanted.mtime_ns);
        EXPECT_EQ(there->device_number, wanted.device_number);
        EXPECT_THAT(*temporaries_in(fd()), IsEmpty());
    }
};

TEST_F(PublishedNode, IsAFifoOrASocketWithItsAttributes) {
    for (const EntryType type : {EntryType::Fifo, EntryType::Socket}) {
        const auto applied = publish(wanted(type));

        ASSERT_TRUE(applied) << applied.error().message;
        expect_published(wanted(type));
    }
}

TEST_F(PublishedNode, IsADeviceWithItsNumber) {
    if (!may_make_devices()) GTEST_SKIP() << "devices are made by root only";
    for (const EntryType type : {EntryType::CharDevice, EntryType::BlockDevice}) {
        for (const std::uint64_t number :
             {makedev(1, 3), makedev(259, 70'000), makedev(4'095, 0)}) {
            const auto applied = publish(wanted(type, number));

            ASSERT_TRUE(applied) << applied.error().message;
            expect_published(wanted(type, number));
        }
    }
}

TEST_F(PublishedNode, HasNoNumberWhereItsTypeHasNone) {
    ASSERT_TRUE(publish(wanted(EntryType::Fifo, 77)));

    EXPECT_EQ(stat_at(fd(), "node")->device_number, 0U);
}

TEST_F(PublishedNode, ReplacesWhatIsThereButNoDirectory) {
    write_text(path("node"), "a file");
    ASSERT_TRUE(publish(wanted(EntryType::Fifo)));
    expect_published(wanted(EntryType::Fifo));
    fs::remove(path("node"));
    fs::create_directory(path("node"));

    const auto published = publish(wanted(EntryType::Fifo));

    ASSERT_FALSE(published);
    EXPECT_EQ(published.error().native, EISDIR);
    EXPECT_THAT(*temporaries_in(fd()), IsEmpty());
}

TEST_F(PublishedNode, IsMadeThoughAnEarlierAttemptLeftItsTemporary) {
    write_text(path(temporary_name("node", kGeneration)), "left over");

    ASSERT_TRUE(publish(wanted(EntryType::Socket)));

    expect_published(wanted(EntryType::Socket));
}

TEST_F(PublishedNode, IsFinishedBeforeItIsSeenAndNotAtAllWhenThatFails) {
    const Attributes fifo = wanted(EntryType::Fifo);
    EntryType type = EntryType::File;
    bool seen = true;
    const auto finish = [&](int node) -> Status {
        type = stat_of(node)->type;
        seen = stat_at(fd(), "node").ok();
        return {};
    };
    const auto fail = [](int) -> Status { return base::errno_error("finish", EIO); };

    ASSERT_TRUE(publish_node(fd(), "node", fifo, kGeneration, finish));
    const auto failed = publish_node(fd(), "other", fifo, kGeneration, fail);

    EXPECT_EQ(type, EntryType::Fifo);
    EXPECT_FALSE(seen);
    EXPECT_EQ(errno_of(failed), EIO);
    EXPECT_THAT(*names_in(fd()), ElementsAre("node"));
    EXPECT_THAT(*temporaries_in(fd()), IsEmpty());
}

TEST_F(PublishedNode, IsNoFileAndNoDirectoryAndNoLink) {
    for (const EntryType type : {EntryType::File, EntryType::Directory, EntryType::Symlink}) {
        const auto published = publish(wanted(type));

        ASSERT_FALSE(published);
        EXPECT_EQ(published.error().code, Code::InvalidArgument);
    }
    EXPECT_THAT(*names_in(fd()), IsEmpty());
}

TEST_F(PublishedNode, IsNoDeviceForThoseWhoMayNotMakeThem) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
    ASSERT_EQ(::chmod(path().c_str(), 0777), 0);

    const int error_number = run_as(kSomebody, {}, [&] {
        return errno_of(publish(wanted(EntryType::CharDevice, makedev(1, 3))));
    });

    EXPECT_EQ(error_number, EPERM);
    EXPECT_THAT(*temporaries_in(fd()), IsEmpty());
    EXPECT_EQ(run_as(kSomebody, {}, [&] { return errno_of(publish(wanted(EntryType::Fifo))); }), 0);
}

}  // namespace
}  // namespace godwit::files
