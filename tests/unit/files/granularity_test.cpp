#include "files/granularity.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <thread>
#include <vector>

#include "files/attributes.h"
#include "files/listing.h"
#include "open_folder.h"
#include "support/mount_namespace.h"
#include "support/process.h"

namespace godwit::files {
namespace {

namespace fs = std::filesystem;
using test_support::run;
using testing::IsEmpty;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr uid_t kSomebody = 12'345;

class Granularity : public OpenFolder {
protected:
    // What a time on the file system turns into.
    std::int64_t kept(std::int64_t time_ns) const {
        test_support::write_text(path("file"), "");
        test_support::set_mtime(path("file"), time_ns);
        const std::int64_t time = stat_at(fd(), "file")->mtime_ns;
        fs::remove(path("file"));
        return time;
    }
};

TEST_F(Granularity, IsTheStepThatTimesAreKeptIn) {
    constexpr std::int64_t kOdd = 1'000'000'001 * kSecond + 123'456'789;
    const std::int64_t step = time_granularity_ns(fd());

    EXPECT_EQ(kept(kOdd), kOdd / step * step);
    EXPECT_EQ(kept(kOdd + step), kept(kOdd) + step);
}

TEST_F(Granularity, IsFoundWithoutATraceInTheDirectory) {
    const Attributes before = *stat_of(fd());

    time_granularity_ns(fd());

    EXPECT_EQ(*stat_of(fd()), before);
    EXPECT_THAT(*names_in(fd()), IsEmpty());
    EXPECT_THAT(*temporaries_in(fd()), IsEmpty());
}

TEST_F(Granularity, CanBeAskedOfADescriptorForPathsOnly) {
    const base::UniqueFd path_only{::open(path().c_str(), O_PATH | O_CLOEXEC)};

    EXPECT_EQ(time_granularity_ns(path_only.get()), time_granularity_ns(fd()));
}

TEST_F(Granularity, IsTheSameForManyThreadsAtOnce) {
    const std::int64_t expected = time_granularity_ns(fd());
    std::vector<std::int64_t> steps(8, 0);
    {
        std::vector<std::jthread> threads;
        for (std::int64_t& step : steps) {
            threads.emplace_back([&] { step = time_granularity_ns(fd()); });
        }
    }

    EXPECT_THAT(steps, testing::Each(expected));
}

TEST(GranularityOf, WhatIsNoDirectoryAtAllIsTheFinest) {
    EXPECT_EQ(time_granularity_ns(-1), 1);
}

TEST(GranularityOf, FileSystemsThatCannotBeTriedIsWhatIsKnownOfThem) {
    const base::UniqueFd kernel{::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};

    EXPECT_EQ(time_granularity_ns(kernel.get()), 1) << "nothing is known of it";
}

// ext4 as it was: inodes of 128 bytes have room for seconds only.
class GranularityOfSeconds : public OpenFolder {
protected:
    void SetUp() override {
        test_support::write_text(path("image"), "");
        ASSERT_EQ(::truncate(path("image").c_str(), 8 << 20), 0);
        fs::create_directory(path("mount"));
        if (run({"/sbin/mkfs.ext4", "-q", "-F", "-I", "128", path("image")}).exit_code != 0) {
            GTEST_SKIP() << "there is no mkfs.ext4";
        }
    }
    void expect(const std::function<bool(int mounted)>& condition) const {
        test_support::expect_with_mounts(
            [&] {
                return test_support::mount_by_command("-o loop " + path("image") + " " +
                                                      path("mount"));
            },
            [&] {
                const base::UniqueFd mounted{
                    ::open(path("mount").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
                return condition(mounted.get());
            });
    }
};

TEST_F(GranularityOfSeconds, IsASecond) {
    expect([](int mounted) { return time_granularity_ns(mounted) == kSecond; });
}

TEST_F(GranularityOfSeconds, IsAGuessForThoseWhoMayNotTryAndTheGuessIsNotRemembered) {
    expect([](int mounted) {
        if (::seteuid(kSomebody) != 0) return false;
        const std::int64_t guessed = time_granularity_ns(mounted);
        if (::seteuid(0) != 0) return false;
        return guessed == 1 && time_granularity_ns(mounted) == kSecond;
    });
}

}  // namespace
}  // namespace godwit::files
