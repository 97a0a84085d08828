#include "files/name_list.h"

#include <dirent.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <random>
#include <set>

#include "files/listing.h"
#include "open_folder.h"

namespace godwit::files {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;

NameList list_of(const std::vector<std::string>& names) {
    NameList list;
    for (const std::string& name : names) list.add(name);
    list.sort();
    return list;
}

TEST(NameList, OfNothingIsEmpty) {
    const NameList list = list_of({});

    EXPECT_TRUE(list.empty());
    EXPECT_EQ(list.size(), 0U);
    EXPECT_EQ(list.upper_bound("a"), 0U);
    EXPECT_THAT(list, IsEmpty());
}

TEST(NameList, StandsInTheOrderOfUnsignedBytes) {
    EXPECT_THAT(list_of({"b", "\xFF", "a", "ab", "\x01", "B", "a\xFF", "a-"}),
                ElementsAre("\x01", "B", "a", "a-", "ab", "a\xFF", "b", "\xFF"));
}

TEST(NameList, HoldsNamesOfAnyLengthAsTheyWere) {
    std::vector<std::string> names;
    for (const std::size_t length : {1U, 255U, 256U, 1'023U, 1'024U, 4'096U, 2'000'000U}) {
        names.push_back(std::string(length, 'n'));
    }

    const NameList list = list_of(names);

    EXPECT_TRUE(std::equal(list.begin(), list.end(), names.begin(), names.end()));
}

TEST(NameList, HoldsAsManyAsVectorsOfStringsDo) {
    std::mt19937_64 random{7};
    std::set<std::string> names;
    while (names.size() < 20'000) {
        names.insert(std::to_string(random()) + std::string(random() % 200, 'x'));
    }
    std::vector<std::string> shuffled{names.begin(), names.end()};
    std::shuffle(shuffled.begin(), shuffled.end(), random);

    EXPECT_THAT(list_of(shuffled), ElementsAreArray(names));
}

TEST(NameList, FindsWhatComesAfterANameBeItThereOrNot) {
    const NameList list = list_of({"a", "c", "e"});

    EXPECT_EQ(list.upper_bound(""), 0U);
    EXPECT_EQ(list.upper_bound("a"), 1U);
    EXPECT_EQ(list.upper_bound("b"), 1U);
    EXPECT_EQ(list.upper_bound("c"), 2U);
    EXPECT_EQ(list.upper_bound("e"), 3U);
    EXPECT_EQ(list.upper_bound("\xFF"), 3U);
    EXPECT_EQ(list[2], "e");
}

TEST(NameList, KeepsItsViewsWhenItIsMoved) {
    NameList list = list_of({"a", "b"});
    const std::string_view view = list[1];

    const NameList moved = std::move(list);

    EXPECT_EQ(moved[1].data(), view.data());
    EXPECT_EQ(view, "b");
}

TEST(NameList, CanBeUsedAnewWhenItWasMovedFrom) {
    NameList list = list_of({"a", "b"});
    { const NameList moved = std::move(list); }

    list.add("c");

    EXPECT_THAT(list, ElementsAre("c"));
}

TEST(NameList, EndsEachNameWithANulForTheKernel) {
    const NameList list = list_of({"a", "bc"});

    EXPECT_STREQ(list[0].data(), "a");
    EXPECT_STREQ(list[1].data(), "bc");
}

using Entries = OpenFolder;

TEST_F(Entries, AreToldWithTheirKindsAndUntilEnoughWereTold) {
    test_support::write_text(path("file"), "");
    ASSERT_EQ(::mkdirat(fd(), "folder", 0700), 0);
    ASSERT_EQ(::symlinkat("file", fd(), "link"), 0);
    std::set<std::pair<std::string, int>> seen;
    int calls = 0;

    ASSERT_TRUE(for_each_entry(fd(), [&](const char* name, unsigned char kind) {
        seen.emplace(name, kind);
        return true;
    }));
    ASSERT_TRUE(for_each_entry(fd(), [&](const char*, unsigned char) { return ++calls < 2; }));

    EXPECT_THAT(seen, ElementsAre(std::pair{"file", int{DT_REG}}, std::pair{"folder", int{DT_DIR}},
                                  std::pair{"link", int{DT_LNK}}));
    EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace godwit::files
