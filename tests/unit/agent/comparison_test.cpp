// What tells that two names of the source are one file.
#include "agent/comparison.h"

#include <gtest/gtest.h>

namespace godwit::agent {
namespace {

TEST(LinkKey, IsTheSameOnEveryWorkerAndForNoOtherFile) {
    files::Attributes one;
    one.inode = 7;
    one.device = 1;
    one.ctime_ns = 100;
    one.size = 10;
    one.mtime_ns = 90;
    const std::string key = link_key_of(one);

    files::Attributes elsewhere = one;
    elsewhere.device = 2;
    EXPECT_EQ(link_key_of(elsewhere), key);
    files::Attributes other = one;
    other.inode = 8;
    EXPECT_NE(link_key_of(other), key);
    other = one;
    other.ctime_ns = 101;
    EXPECT_NE(link_key_of(other), key);
    // Of another file system, say, that was filled at the same time.
    other = one;
    other.size = 11;
    EXPECT_NE(link_key_of(other), key);
    other = one;
    other.mtime_ns = 91;
    EXPECT_NE(link_key_of(other), key);
}

}  // namespace
}  // namespace godwit::agent
