#include "base/path.h"

#include <gtest/gtest.h>

namespace godwit::base {
namespace {

TEST(NormalisePath, IsLexical) {
    EXPECT_EQ(*normalise_path("/"), "/");
    EXPECT_EQ(*normalise_path("//"), "/");
    EXPECT_EQ(*normalise_path("/a//b/./c/"), "/a/b/c");
    EXPECT_EQ(*normalise_path("/a/../b"), "/b");
    EXPECT_EQ(*normalise_path("/a/.."), "/");
    EXPECT_EQ(*normalise_path("/a/..b/...\xFF"), "/a/..b/...\xFF");
}

TEST(NormalisePath, SaysWhatIsWrong) {
    EXPECT_EQ(normalise_path("").error().message, "a path must not be empty");
    EXPECT_EQ(normalise_path("a/b").error().message, "a path must be absolute (begin with '/')");
    EXPECT_EQ(normalise_path({"/a\0b", 4}).error().message, "a path must not contain a NUL byte");
    EXPECT_EQ(normalise_path("/a/../../b").error().message,
              "a path must not climb above '/' with '..'");
}

TEST(PathsOverlap, OnlyAtComponentBoundaries) {
    EXPECT_TRUE(paths_overlap("/a", "/a"));
    EXPECT_TRUE(paths_overlap("/a/b", "/a"));
    EXPECT_TRUE(paths_overlap("/", "/a"));
    EXPECT_FALSE(paths_overlap("/ab", "/a"));
    EXPECT_FALSE(paths_overlap("/a/b", "/a/c"));
}

}  // namespace
}  // namespace godwit::base
