// What a destination does with entries that are written in one go, and with directories.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <utility>

#include "support/child.h"
#include "support/tree.h"
#include "transfer/destination.h"

namespace {

bool g_fsync_fails = false;
std::set<std::string> g_synced;         // The paths of what fsync was called for.
std::function<void()> g_before_rename;  // Called once.
int g_renameat2_error = 0;

}  // namespace

// In the place of the C library's.
extern "C" int fsync(int fd) {
    if (g_fsync_fails) {
        errno = EIO;
        return -1;
    }
    g_synced.insert(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)));
    return static_cast<int>(::syscall(SYS_fsync, fd));
}

extern "C" int renameat(int from, const char* old_name, int to, const char* new_name) {
    if (g_before_rename) std::exchange(g_before_rename, {})();
    return static_cast<int>(::syscall(SYS_renameat2, from, old_name, to, new_name, 0));
}

extern "C" int renameat2(int from, const char* old_name, int to, const char* new_name,
                         unsigned int flags) {
    if (g_renameat2_error == 0) {
        return static_cast<int>(::syscall(SYS_renameat2, from, old_name, to, new_name, flags));
    }
    errno = g_renameat2_error;
    return -1;
}

namespace godwit::transfer {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr uid_t kSomebody = 12'345;
const std::string kOrphan = ".godwit.0123456789abcdef.0123456789abcdef";

class Entries : public testing::Test {
protected:
    Entries() {
        std::string name = "/tmp/godwit-entries-XXXXXX";
        folder_ = ::mkdtemp(name.data());
        storage_paths_ = {folder_};
        root_ = path();
        manner_.set_replace_type(true);
        manner_.set_durability(peer::FILE_AND_DIRECTORY);
        g_synced.clear();
    }
    ~Entries() override {
        g_fsync_fails = false;
        g_before_rename = {};
        g_renameat2_error = 0;
        fs::remove_all(folder_);
    }

    std::string path(const std::string& name = "") const { return folder_ + "/tree" + name; }
    void write(const std::string& name) const {
        fs::create_directories(fs::path{path(name)}.parent_path());
        std::ofstream{path(name)} << "old";
    }
    std::shared_ptr<Destination> open() {
        peer::Open open;
        open.set_request_id("r-1");
        open.set_destination_path(single_.empty() ? root_ : path("/" + single_));
        open.set_roots(single_.empty() ? work::TREES : work::FILE_TO_FILE);
        *open.mutable_manner() = manner_;
        return *Destination::open(open, storage_paths_, ledger_, is_given_up_);
    }
    static work::FileEntry entry_of(work::EntryType type, const std::string& name) {
        work::FileEntry entry;
        entry.set_name(name);
        entry.set_type(type);
        entry.mutable_attributes()->set_mode(0644);
        entry.mutable_attributes()->set_uid(::geteuid());
        entry.mutable_attributes()->set_gid(::getegid());
        if (type == work::SYMLINK) entry.set_link_target("target");
        return entry;
    }
    // Whether it was published.
    bool write_entry(const work::FileEntry& entry, const std::string& directory = "") {
        peer::Files files;
        work::DirectoryFiles& there = *files.add_directories();
        there.set_path(directory);
        *there.add_files() = entry;
        const auto done = open()->write_files(files, {});
        return done && done->problems_size() == 0;
    }
    std::set<std::string> names() const {
        std::set<std::string> names;
        for (const auto& entry : fs::recursive_directory_iterator{path()}) {
            names.insert(fs::relative(entry.path(), path()));
        }
        return names;
    }

    std::string folder_;
    std::vector<std::string> storage_paths_;
    std::string root_;    // What is written into,
    std::string single_;  // or, not empty: where a source that is a file goes.
    peer::Manner manner_;
    Destination::IsGivenUp is_given_up_;
    Ledger ledger_;
};

// This process may have been stopped in the middle of a segment, while others did the work.
TEST_F(Entries, AppearNoMoreOnceGivenUp) {
    fs::create_directories(path());
    peer::Files files;
    work::DirectoryFiles& there = *files.add_directories();
    for (const char* name : {"first", "second", "third"}) {
        *there.add_files() = entry_of(work::FILE, name);
    }
    is_given_up_ = [this] { return fs::exists(path("/first")); };

    const auto done = open()->write_files(files, {});

    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::Cancelled);
    EXPECT_THAT(names(), ElementsAre("first"));
}

TEST_F(Entries, AppearNoMoreOnceGivenUpWhileTheyWereFlushed) {
    fs::create_directories(path());
    is_given_up_ = [] { return !g_synced.empty(); };

    EXPECT_FALSE(write_entry(entry_of(work::FILE, "name")));

    EXPECT_THAT(names(), IsEmpty());
}

TEST_F(Entries, AreRemovedNoMoreOnceGivenUp) {
    write("/first");
    write("/second");
    is_given_up_ = [this] { return !fs::exists(path("/first")); };
    peer::Remove remove;
    remove.add_removals()->add_names("first");
    remove.mutable_removals(0)->add_names("second");

    const auto removed = open()->remove(remove);

    EXPECT_EQ(removed.entries(), 1);
    EXPECT_THAT(names(), ElementsAre("second"));
}

TEST_F(Entries, TakeThePlaceOfADirectory) {
    for (const work::EntryType type : {work::FILE, work::SYMLINK, work::FIFO}) {
        fs::remove_all(path());
        write("/name/inside");

        EXPECT_TRUE(write_entry(entry_of(type, "name"))) << type;

        EXPECT_THAT(names(), ElementsAre("name")) << type;
        EXPECT_FALSE(fs::is_directory(fs::symlink_status(path("/name")))) << type;
    }
}

TEST_F(Entries, ThatFailLeaveTheDirectoryInTheirWay) {
    write("/name/inside");
    g_fsync_fails = true;

    EXPECT_FALSE(write_entry(entry_of(work::FILE, "name")));

    EXPECT_THAT(names(), ElementsAre("name", "name/inside"));
}

TEST_F(Entries, InANewDirectoryTakeThePlaceOfAFile) {
    write("/name");

    EXPECT_TRUE(write_entry(entry_of(work::FILE, "inside"), "name"));

    EXPECT_THAT(names(), ElementsAre("name", "name/inside"));
}

// Between the look at what is in the way and its going aside another agent brings the same.
class EntriesOfTwoAgents : public Entries, public testing::WithParamInterface<int> {
protected:
    EntriesOfTwoAgents() {
        write("/name");
        g_renameat2_error = GetParam();
        g_before_rename = [&] {
            fs::remove(path("/name"));
            write("/name/of the other");
        };
    }
};

TEST_P(EntriesOfTwoAgents, LeaveWhatTheOtherHasBrought) {
    EXPECT_TRUE(write_entry(entry_of(work::FILE, "inside"), "name"));

    EXPECT_THAT(names(), ElementsAre("name", "name/inside", "name/of the other"));
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutFlags, EntriesOfTwoAgents, testing::Values(0, EINVAL));

using EntriesThatCannotBePutBack = EntriesOfTwoAgents;

TEST_P(EntriesThatCannotBePutBack, AreNotTakenForGood) {
    EXPECT_FALSE(write_entry(entry_of(work::FILE, "inside"), "name"));

    EXPECT_EQ(names().size(), 2U) << "the other's stays, under a name of its own";
}

INSTANTIATE_TEST_SUITE_P(WithoutRights, EntriesThatCannotBePutBack, testing::Values(EPERM));

TEST_F(Entries, OfEveryKindHaveTheirNamesOnTheMedium) {
    for (const work::EntryType type : {work::FILE, work::SYMLINK, work::FIFO}) {
        g_synced.clear();

        EXPECT_TRUE(write_entry(entry_of(type, "name"), "new/folder")) << type;

        EXPECT_THAT(g_synced, Contains(path("/new/folder"))) << type;
    }
    write("/new/folder/carrier");
    work::FileEntry link = entry_of(work::FILE, "link");
    link.set_link_to("new/folder/carrier");
    link.mutable_attributes()->set_size(3);
    test_support::set_mtime(path("/new/folder/carrier"), 0);
    g_synced.clear();

    EXPECT_TRUE(write_entry(link, "new/folder"));

    EXPECT_THAT(g_synced, Contains(path("/new/folder")));
}

TEST_F(Entries, HaveTheNamesOfNewDirectoriesOnTheMedium) {
    ASSERT_TRUE(write_entry(entry_of(work::FILE, "name"), "new/folder"));

    EXPECT_THAT(g_synced, testing::IsSupersetOf({folder_, path(), path("/new")}));
}

TEST_F(Entries, OfADirectoryHaveItsAttributesOnTheMedium) {
    write("/folder/file");
    peer::Directories directories;
    work::DirectoryAttributes& wanted = *directories.add_directories();
    wanted.set_path("folder");
    wanted.mutable_attributes()->set_mode(0700);

    EXPECT_EQ(open()->set_directories(directories).problems_size(), 0);

    EXPECT_THAT(g_synced, Contains(path("/folder")));
}

TEST_F(Entries, SyncNothingThatNobodyAskedFor) {
    manner_.clear_durability();

    EXPECT_TRUE(write_entry(entry_of(work::SYMLINK, "name"), "new/folder"));

    EXPECT_THAT(g_synced, testing::IsEmpty());
}

TEST_F(Entries, OfASingleFileTakeItsOrphansAlong) {
    single_ = "file";
    write("/" + files::temporary_name("file", 1));
    write("/" + files::temporary_name("other", 1));

    EXPECT_TRUE(write_entry(entry_of(work::FILE, "source")));

    EXPECT_THAT(names(), testing::UnorderedElementsAre("file", files::temporary_name("other", 1)))
        << "another request may be writing the other one";
}

// A folder that may be passed through and not be read cannot be flushed.
TEST_F(Entries, BelowAClosedFolderHaveTheNamesOnTheMediumThatTheyCan) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
    ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
    fs::create_directories(path("/closed/own"));
    ASSERT_EQ(::chmod(path("/closed").c_str(), 0711), 0);
    ASSERT_EQ(::chown(path("/closed/own").c_str(), kSomebody, kSomebody), 0);
    root_ = path("/closed/own/new");

    const int answer = test_support::run_as(kSomebody, {}, [&] {
        EXPECT_TRUE(write_entry(entry_of(work::FILE, "name")));
        EXPECT_THAT(g_synced, testing::IsSupersetOf({path("/closed/own"), path(), folder_}));
        EXPECT_THAT(g_synced, testing::Not(Contains(path("/closed"))));
        return HasFailure() ? 1 : 0;
    });

    EXPECT_EQ(answer, 0);
    EXPECT_TRUE(fs::exists(path("/closed/own/new/name")));
}

// Agents that are not root meet modes that root would not notice.
class ClosedDirectory : public Entries {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
        write("/closed/old");
        for (const std::string& owned : {folder_, path(), path("/closed"), path("/closed/old")}) {
            ASSERT_EQ(::chown(owned.c_str(), kSomebody, kSomebody), 0);
        }
    }
    // `body` by the owner of the directory, which has `mode`.
    bool as_owner(mode_t mode, const std::function<bool()>& body) {
        EXPECT_EQ(::chmod(path("/closed").c_str(), mode), 0);
        return test_support::run_as(kSomebody, {}, [&] { return body() ? 1 : 0; }) == 1;
    }
    mode_t mode() const {
        struct stat found {};
        ::stat(path("/closed").c_str(), &found);
        return found.st_mode & 07777;
    }
    bool set_mode(mode_t mode) {
        peer::Directories directories;
        work::DirectoryAttributes& wanted = *directories.add_directories();
        wanted.set_path("closed");
        wanted.mutable_attributes()->set_mode(mode);
        wanted.mutable_attributes()->set_uid(kSomebody);
        wanted.mutable_attributes()->set_gid(kSomebody);
        return open()->set_directories(directories).problems_size() == 0;
    }
};

TEST_F(ClosedDirectory, IsWrittenByItsOwnerAndHasItsModeInTheEnd) {
    for (const mode_t mode : {0555U, 0000U, 02311U}) {
        const std::string name = "new-" + std::to_string(mode);

        EXPECT_TRUE(as_owner(
            mode,
            [&] {
                return write_entry(entry_of(work::FILE, name), "closed") &&
                       write_entry(entry_of(work::SYMLINK, name + "-link"), "closed") &&
                       write_entry(entry_of(work::FILE, "file"), "closed/" + name + "-folder") &&
                       set_mode(mode);
            }))
            << std::oct << mode;

        EXPECT_THAT(names(), testing::IsSupersetOf({"closed/" + name, "closed/" + name + "-link",
                                                    "closed/" + name + "-folder/file"}));
        EXPECT_EQ(this->mode(), mode);
    }
}

TEST_F(ClosedDirectory, IsEmptiedByItsOwner) {
    peer::Remove remove;
    peer::Removal& removal = *remove.add_removals();
    removal.set_directory("closed");
    removal.add_names("old");

    EXPECT_TRUE(as_owner(0555, [&] { return open()->remove(remove).problems_size() == 0; }));

    EXPECT_THAT(names(), ElementsAre("closed"));
}

TEST_F(ClosedDirectory, StaysClosedWhereNobodyWouldSetItsMode) {
    const auto look_fails = [&] {
        peer::View view;
        view.add_directories()->set_path("closed");
        return open()->view(view).directories(0).has_failure();
    };
    manner_.set_look_only(true);

    EXPECT_TRUE(as_owner(0, look_fails)) << "a dry run changes nothing";

    EXPECT_EQ(mode(), 0U);
}

TEST_F(Entries, ADirectoryWithNothingButOrphansIsRemoved) {
    write("/surplus/" + kOrphan);
    fs::create_directory(path("/full"));
    write("/full/file");
    peer::Remove remove;
    peer::Removal& removal = *remove.add_removals();
    removal.add_names("surplus");
    removal.add_names("full");

    const peer::Removed removed = open()->remove(remove);

    EXPECT_THAT(names(), ElementsAre("full", "full/file"));
    EXPECT_EQ(removed.entries(), 1U);
    ASSERT_EQ(removed.problems_size(), 1);
    EXPECT_EQ(removed.problems(0).failure().error_number(), ENOTEMPTY);
}

}  // namespace
}  // namespace godwit::transfer
