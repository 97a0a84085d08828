#include "files/long_directories.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/unique_fd.h"
#include "support/tree.h"

namespace godwit::files {
namespace {

using test_support::write_text;
using testing::ElementsAre;

class LongDirectoriesTest : public testing::Test {
protected:
    LongDirectoriesTest() {
        for (const char* name : {"a", "b", "c"}) write_text(folder_.path(name), "x");
    }
    std::shared_ptr<const NameList> names_in(bool goes_on) {
        auto names = directories_.names_in(fd_.get(), goes_on);
        EXPECT_TRUE(names) << names.error().message;
        return names ? *names : nullptr;
    }

    test_support::TemporaryFolder folder_;
    base::UniqueFd fd_{::open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    LongDirectories directories_{3};
};

TEST_F(LongDirectoriesTest, AreReadOnceByAllWhoGoOnInThem) {
    const auto first = names_in(false);

    EXPECT_THAT(*first, ElementsAre("a", "b", "c"));
    EXPECT_EQ(names_in(true), first);
    EXPECT_EQ(names_in(true), first);
}

TEST_F(LongDirectoriesTest, AreReadAnewFromTheirBeginning) {
    const auto first = names_in(false);

    EXPECT_NE(names_in(false), first);
}

TEST_F(LongDirectoriesTest, AreReadAnewWhenTheyHaveChanged) {
    const auto first = names_in(false);
    write_text(folder_.path("d"), "x");
    // Times tick no finer than the kernel's clock: a name that comes at once is as one that came
    // late.
    const auto before = std::filesystem::last_write_time(folder_.path());
    std::filesystem::last_write_time(folder_.path(), before + std::chrono::hours{1});

    EXPECT_THAT(*names_in(true), ElementsAre("a", "b", "c", "d"));
}

TEST_F(LongDirectoriesTest, AreForgottenWhenTheyAreLeft) {
    const auto first = names_in(false);
    directories_.leave(fd_.get());

    EXPECT_NE(names_in(true), first);
}

TEST_F(LongDirectoriesTest, AreOneAtATime) {
    const test_support::TemporaryFolder other;
    for (const char* name : {"x", "y", "z"}) write_text(other.path(name), "x");
    const base::UniqueFd fd{::open(other.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    const auto first = names_in(false);
    const auto second = directories_.names_in(fd.get(), false);
    ASSERT_TRUE(second);

    EXPECT_THAT(**second, ElementsAre("x", "y", "z"));
    EXPECT_NE(names_in(true), first);
    EXPECT_THAT(*names_in(true), ElementsAre("a", "b", "c"));
}

TEST_F(LongDirectoriesTest, ShortOnesAreNotKept) {
    std::filesystem::remove(folder_.path("c"));
    const auto first = names_in(false);

    EXPECT_NE(names_in(true), first);
}

TEST_F(LongDirectoriesTest, WhatIsNoDirectoryIsAnError) {
    EXPECT_FALSE(directories_.names_in(-1, false));
}

}  // namespace
}  // namespace godwit::files
