#include "model/file_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace godwit::model {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Paths = std::vector<std::string>;

std::string path_of(std::string_view entry, std::string_view source = "/data/source") {
    const auto path = listed_path(entry, source);
    return path ? *path : "refused: " + path.error().message;
}

TEST(ListedPath, IsNormalisedAndRelativeToTheSource) {
    EXPECT_EQ(path_of("a"), "a");
    EXPECT_EQ(path_of("a/"), "a");
    EXPECT_EQ(path_of("./a//b/./c/"), "a/b/c");
    EXPECT_EQ(path_of("a/x/../b"), "a/b");
    EXPECT_EQ(path_of("..."), "...");
    EXPECT_EQ(path_of("..a/b.."), "..a/b..");
    EXPECT_EQ(path_of("\xFF\xFE"), "\xFF\xFE");
    EXPECT_EQ(path_of(" "), " ");
}

TEST(ListedPath, ADotIsTheSourceItself) {
    for (const char* entry : {".", "./", "././", "a/..", "/data/source", "/data/source/"}) {
        EXPECT_EQ(path_of(entry), "") << entry;
    }
}

TEST(ListedPath, AbsoluteOnesAreTakenBeneathTheSource) {
    EXPECT_EQ(path_of("/data/source/a/b"), "a/b");
    EXPECT_EQ(path_of("//data/./source/a"), "a");
    EXPECT_EQ(path_of("/data/x/../source/a"), "a");
    EXPECT_EQ(path_of("/a/b", "/"), "a/b");
    for (const char* entry : {"/data/sourcex", "/data", "/", "/data/source/../x", "/etc/passwd"}) {
        EXPECT_EQ(path_of(entry), "refused: lies not beneath the source '/data/source'") << entry;
    }
}

TEST(ListedPath, NoneClimbsOut) {
    for (const char* entry : {"..", "../x", "a/../../x", "a/b/../../..", "./..", "/.."}) {
        EXPECT_EQ(path_of(entry), "refused: climbs out of the source with '..'") << entry;
    }
}

TEST(ListedPath, WhatIsNoPathIsRefused) {
    EXPECT_EQ(path_of(""), "refused: is empty (the source itself is '.')");
    EXPECT_EQ(path_of(std::string_view{"a\0b", 3}), "refused: has a NUL byte");
    EXPECT_EQ(path_of(std::string(kListedPathBytesMax, 'x')).size(), kListedPathBytesMax);
    EXPECT_EQ(path_of(std::string(kListedPathBytesMax + 1, 'x')),
              "refused: is longer than 65536 bytes");
}

TEST(FileList, IsSortedInTheOrderOfAWalkAndHasEachPathOnce) {
    Paths paths{"b", "a.b", "a/c", "a", "a/b/c", "a b", "a/b", "a", "\xFF", "a/b"};

    sort_file_list(paths);

    EXPECT_THAT(paths, ElementsAre("a", "a/b", "a/b/c", "a/c", "a b", "a.b", "b", "\xFF"));
}

TEST(FileList, PackedReadsBackWhateverTheOrderWas) {
    const Paths paths{"b", "a", "\xFF\n", "b"};

    const auto list = unpack_file_list(pack_file_list(paths));

    ASSERT_TRUE(list) << list.error().message;
    EXPECT_THAT(list->paths, ElementsAre("a", "b", "\xFF\n"));
    EXPECT_THAT(list->covered, IsEmpty());
    EXPECT_FALSE(list->again);
    EXPECT_EQ(pack_file_list(paths), pack_file_list(Paths{"a", "b", "\xFF\n"}));
}

TEST(FileList, KnowsWhetherItIsAnotherAttempt) {
    const auto list = unpack_file_list(pack_file_list(Paths{"a"}, true));

    ASSERT_TRUE(list);
    EXPECT_TRUE(list->again);
}

// A list from find(1) names every directory and all that is in it.
TEST(FileList, WhatTheWalkOfAnotherEntryMeetsIsCovered) {
    const auto list =
        unpack_file_list(pack_file_list(Paths{"a", "a/b", "a/b/c", "a.b", "ab", "c/d", "c/d/e"}));

    ASSERT_TRUE(list);
    EXPECT_THAT(list->paths, ElementsAre("a", "a.b", "ab", "c/d"));
    EXPECT_THAT(list->covered, ElementsAre("a/b", "a/b/c", "c/d/e"));
}

TEST(FileList, TheSourceItselfCoversAllElse) {
    const auto list = unpack_file_list(pack_file_list(Paths{"x/y", "", "z"}));

    ASSERT_TRUE(list);
    EXPECT_THAT(list->paths, ElementsAre(""));
    EXPECT_THAT(list->covered, ElementsAre("x/y", "z"));
}

TEST(FileList, IsToldFromOtherPayloads) {
    EXPECT_TRUE(is_file_list(pack_file_list(Paths{"a"})));
    EXPECT_TRUE(is_file_list(pack_file_list(Paths{"a"}, true)));
    EXPECT_FALSE(is_file_list(""));
    EXPECT_FALSE(is_file_list("GFL1"));
    EXPECT_FALSE(is_file_list("GFL1x"));
    EXPECT_FALSE(is_file_list("\x28\xB5\x2F\xFDLLLL"));
}

TEST(FileList, WhatNobodyPackedIsRefused) {
    const std::string head = "GFL1L";
    for (const std::string& body :
         {std::string{"a"}, std::string{"a\0b", 3}, std::string{"/a\0", 3}, std::string{"..\0", 3},
          std::string{"a/../b\0", 7}, std::string{"a/..\0", 5}, std::string{"./a\0", 4},
          std::string{"a//\0", 4}, std::string{"a//b\0", 5}, std::string{"/\0", 2},
          std::string(kListedPathBytesMax + 1, 'x') + '\0'}) {
        EXPECT_FALSE(unpack_file_list(head + body)) << body.substr(0, 20);
    }
    EXPECT_FALSE(unpack_file_list(""));
    EXPECT_FALSE(unpack_file_list("\x28\xB5\x2F\xFD"));
    EXPECT_TRUE(unpack_file_list(head)) << "no paths at all";
}

TEST(FileList, TheNumberOfPathsIsBounded) {
    std::string packed = "GFL1L";
    for (std::size_t i = 0; i < kListedPathsMax; ++i) packed.append("a\0", 2);

    EXPECT_TRUE(unpack_file_list(packed));
    EXPECT_FALSE(unpack_file_list(packed + std::string{"a\0", 2}));
}

TEST(FileList, SlicesHaveAllPathsInOrderAndKnowWhatIsCovered) {
    Paths paths{"top"};
    for (int i = 0; i < 500; ++i) paths.push_back("top/file-" + std::to_string(1000 + i));
    for (int i = 0; i < 500; ++i) paths.push_back("z-" + std::to_string(1000 + i));
    const std::string packed = pack_file_list(paths, true);

    const auto slices = slice_file_list(packed, 256);

    Paths found;
    Paths covered;
    for (const std::string& slice : slices) {
        EXPECT_LE(slice.size(), 256u);
        auto list = unpack_file_list(slice);
        ASSERT_TRUE(list) << list.error().message;
        EXPECT_TRUE(list->again);
        found.insert(found.end(), list->paths.begin(), list->paths.end());
        covered.insert(covered.end(), list->covered.begin(), list->covered.end());
    }
    EXPECT_GT(slices.size(), 10u);
    EXPECT_THAT(found, SizeIs(501));
    EXPECT_THAT(covered, SizeIs(500));
    found.insert(found.begin() + 1, covered.begin(), covered.end());
    EXPECT_THAT(found, ElementsAreArray(paths));
}

TEST(FileList, OneSliceIsTheListItself) {
    const std::string packed = pack_file_list(Paths{"a", "b"});

    EXPECT_THAT(slice_file_list(packed, 1 << 20), ElementsAre(packed));
}

TEST(FileList, APathThatFillsMoreThanASliceHasOneOfItsOwn) {
    const Paths paths{"a", "b" + std::string(1000, 'x'), "c"};

    const auto slices = slice_file_list(pack_file_list(paths), 64);

    ASSERT_THAT(slices, SizeIs(3));
    EXPECT_THAT(unpack_file_list(slices[1])->paths, ElementsAre(paths[1]));
}

TEST(FileList, NothingIsSlicedOutOfWhatIsNone) {
    EXPECT_THAT(slice_file_list("", 64), IsEmpty());
    EXPECT_THAT(slice_file_list("GFL1L", 64), IsEmpty());
    EXPECT_THAT(slice_file_list("GFL1Labc", 64), IsEmpty());
    EXPECT_THAT(slice_file_list(pack_file_list(Paths{}), 64), IsEmpty());
}

// Whatever stands in an assignment: a list whose paths stay beneath the source, or a refusal.
TEST(FileList, HostileBytesAreRefusedOrHarmless) {
    std::mt19937 random{20'261'125};
    const std::string seed =
        pack_file_list(Paths{"a", "a/b", "c/d/e", "..f", "g..", "\xC3\xA4", "x y"});
    constexpr std::string_view kAlphabet{"\0/..aLR\xFF", 8};

    std::size_t taken = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes = seed;
        for (std::size_t edits = random() % 4; edits > 0; --edits) {
            const std::size_t at = random() % bytes.size();
            if (random() % 2 == 0) {
                bytes[at] = kAlphabet[random() % kAlphabet.size()];
            } else {
                bytes.resize(at + 1);
            }
        }

        const auto list = unpack_file_list(bytes);
        for (const std::string& slice : slice_file_list(bytes, 16)) EXPECT_FALSE(slice.empty());

        if (!list) continue;
        ++taken;
        for (const Paths* paths : {&list->paths, &list->covered}) {
            for (const std::string& path : *paths) {
                ASSERT_EQ(path_of(path.empty() ? "." : path), path) << "round " << round;
            }
        }
    }
    EXPECT_GT(taken, 1'000u);
}

}  // namespace
}  // namespace godwit::model
