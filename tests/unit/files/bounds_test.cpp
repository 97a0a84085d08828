#include "files/bounds.h"

#include <gtest/gtest.h>

#include <limits>

namespace godwit::files {
namespace {

Attributes file_of(std::uint64_t size, std::int64_t mtime_ns) {
    Attributes attributes;
    attributes.size = size;
    attributes.mtime_ns = mtime_ns;
    return attributes;
}

TEST(Bounds, ThatAreAbsentAdmitEverything) {
    EXPECT_TRUE(Bounds{}.admits(file_of(0, std::numeric_limits<std::int64_t>::min())));
    EXPECT_TRUE(Bounds{}.admits(file_of(std::numeric_limits<std::uint64_t>::max(),
                                        std::numeric_limits<std::int64_t>::max())));
}

TEST(Bounds, AdmitWhatIsExactlyAtThem) {
    Bounds bounds;
    bounds.min_size = 10;
    bounds.max_size = 20;
    bounds.modified_after_ns = -5;
    bounds.modified_before_ns = 5;

    EXPECT_TRUE(bounds.admits(file_of(10, -5)));
    EXPECT_TRUE(bounds.admits(file_of(20, 5)));
    EXPECT_FALSE(bounds.admits(file_of(9, 0)));
    EXPECT_FALSE(bounds.admits(file_of(21, 0)));
    EXPECT_FALSE(bounds.admits(file_of(15, -6)));
    EXPECT_FALSE(bounds.admits(file_of(15, 6)));
}

TEST(Bounds, OfSizeAreForFilesAndOfAgeForAllButDirectories) {
    Bounds bounds;
    bounds.min_size = 10;
    bounds.modified_after_ns = 0;
    Attributes link = file_of(0, 1);
    link.type = EntryType::Symlink;
    Attributes old_link = file_of(0, -1);
    old_link.type = EntryType::Symlink;
    Attributes directory = file_of(0, -1);
    directory.type = EntryType::Directory;

    EXPECT_TRUE(bounds.admits(link));
    EXPECT_FALSE(bounds.admits(old_link));
    EXPECT_TRUE(bounds.admits(directory));
}

}  // namespace
}  // namespace godwit::files
