// Listings that do not fit into one result: nothing is lost, nothing is listed twice.
#include <fcntl.h>
#include <sys/stat.h>

#include "assignment_in_folders.h"

namespace godwit::agent {
namespace {

namespace fs = std::filesystem;
using test_support::write_text;
using testing::ElementsAre;
using testing::IsEmpty;

class LongWalk : public AssignmentInFolders {
protected:
    // Files of `bytes` bytes, and what their paths are.
    void make_files(const std::string& directory, int count, std::uint64_t bytes) {
        fs::create_directories(source(directory));
        const base::UniqueFd folder{::open(source(directory).c_str(), O_PATH | O_CLOEXEC)};
        for (int i = 0; i < count; ++i) {
            const std::string name = "file-" + std::to_string(i);
            const base::UniqueFd file{
                ::openat(folder.get(), name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)};
            const std::string content(bytes, 'x');
            ASSERT_EQ(::write(file.get(), content.data(), bytes), static_cast<ssize_t>(bytes));
            expected_.insert(path_of(directory, name));
        }
    }

    std::multiset<std::string> expected_;
};

TEST_F(LongWalk, OfManyDirectoriesIsTakenUpWhereItStopped) {
    // Each file is ten units, a result is a thousand or so.
    assignment_.chunk_bytes = 1;
    for (int i = 0; i < 40; ++i) make_files("a/" + std::to_string(i), 10, 10);

    const Plan plan = list_all();

    EXPECT_GT(results_, 3);
    EXPECT_EQ(plan.files, expected_);
    EXPECT_EQ(plan[Count::FilesDiscovered], 400);
    EXPECT_EQ(plan[Count::FilesPlanned], 400);
    EXPECT_EQ(plan[Count::Directories], 42);
    for (const auto& [group, left] : plan.parts_left) EXPECT_EQ(left, 0);
    for (const auto& [path, bytes] : plan.range_bytes) EXPECT_EQ(bytes, 10U) << path;
}

TEST_F(LongWalk, OfALongDirectoryIsTakenUpBehindTheLastName) {
    assignment_.chunk_bytes = 1;
    make_files("", 2'500, 2);
    write_text(source("folder/inside"), "x");
    expected_.insert("folder/inside");

    const Plan plan = list_all();

    EXPECT_GT(results_, 2);
    EXPECT_EQ(plan.files, expected_);
    EXPECT_EQ(plan[Count::FilesDiscovered], 2'501);
    EXPECT_EQ(plan[Count::Directories], 2);
}

TEST_F(LongWalk, OfAVeryLargeFileGoesOnWithIt) {
    constexpr std::uint64_t kSize = 5'000'000;
    assignment_.chunk_bytes = 1'000;
    test_support::write_random(source("large"), kSize);
    write_text(source("small"), "x");

    const Plan plan = list_all();

    EXPECT_GT(results_, 3);
    EXPECT_THAT(plan.files, testing::UnorderedElementsAre("large", "small"));
    EXPECT_EQ(plan.range_bytes.at("large"), kSize);
    ASSERT_EQ(plan.parts_left.size(), 1U);
    EXPECT_EQ(plan.parts_left.begin()->second, 0);
    EXPECT_EQ(plan[Count::BytesPlanned], static_cast<std::int64_t>(kSize) + 1);
}

TEST_F(LongWalk, IsSharedByCuttingTheRestIntoSeveralListings) {
    assignment_.chunk_bytes = 1;
    for (int i = 0; i < 64; ++i) make_files(std::to_string(i), 40, 2);

    const Plan first = plan_of(list_root());

    // Large files whose ranges did not fit go on alone, each in a listing of its own.
    std::size_t of_directories = 0;
    for (const sdk::Unit& unit : first.listings) {
        const auto work = transfer::open_payload(unit.payload);
        ASSERT_TRUE(work);
        if (work->listing().directories_size() != 0) ++of_directories;
    }
    EXPECT_GT(of_directories, 3U);
    EXPECT_LE(of_directories, 8U);
    EXPECT_LE(first.listings.size(), model::kUnitsPerResultMax);
}

TEST_F(LongWalk, GoesOnAlthoughADirectoryChangedInBetween) {
    assignment_.chunk_bytes = 1;
    make_files("", 2'500, 2);
    Plan plan = plan_of(list_root());
    ASSERT_FALSE(plan.listings.empty());
    // What it stopped behind is gone, and there is something new before and behind it.
    for (int i = 0; i < 2'500; i += 2) fs::remove(source("file-" + std::to_string(i)));
    write_text(source("a-new"), "x");
    write_text(source("z-new"), "x");
    const std::multiset<std::string> seen = plan.files;

    while (!plan.listings.empty()) {
        const sdk::Unit unit = plan.listings.back();
        plan.listings.pop_back();
        const auto work = transfer::open_payload(unit.payload);
        ASSERT_TRUE(work);
        plan.add(list(*work).effects);
    }

    EXPECT_EQ(plan.files.count("z-new"), 1U);
    EXPECT_EQ(plan.files.count("a-new"), 0U) << "it was not there when its place was listed";
    for (const std::string& path : plan.files) EXPECT_EQ(plan.files.count(path), 1U) << path;
    for (int i = 1; i < 2'500; i += 2) {
        EXPECT_EQ(plan.files.count("file-" + std::to_string(i)), 1U) << i;
    }
}

TEST_F(LongWalk, OfADirectoryThatVanishedBeforeItWasVisitedIsNoFailure) {
    const Plan plan = plan_of(list_directories({"gone", "also/gone"}));

    EXPECT_THAT(plan.error_codes(),
                ElementsAre("gone: source_vanished", "also/gone: source_vanished"));
    EXPECT_EQ(plan[Count::FilesDiscovered], 2);
    EXPECT_EQ(plan[Count::FilesVanished], 2);
    EXPECT_EQ(plan[Count::FilesFailed], 0);
    EXPECT_FALSE(fs::exists(destination("gone")));
}

TEST_F(LongWalk, MakesTheParentsOfWhatItIsTakenUpWith) {
    write_text(source("a/b/file"), "x");

    const Plan plan = plan_of(list_directories({"a/b"}));

    EXPECT_THAT(plan.files, testing::ElementsAre("a/b/file"));
    EXPECT_TRUE(fs::is_directory(destination("a/b")));
}

}  // namespace
}  // namespace godwit::agent
