#include "files/extents.h"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <vector>

#include "open_folder.h"

namespace godwit::files {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kBlock = 64
                                 << 10;  // A multiple of what any file system keeps in one piece.

// A file made of pieces of kBlock bytes: 'd' is data, '.' a hole.
class FileOfExtents : public OpenFolder {
protected:
    int make(const std::string& pieces) {
        file_.reset(::open(path("file").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        const std::string data(kBlock, 'd');
        EXPECT_EQ(::ftruncate(file_.get(), static_cast<off_t>(pieces.size() * kBlock)), 0);
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            if (pieces[i] != 'd') continue;
            EXPECT_EQ(::pwrite(file_.get(), data.data(), kBlock, static_cast<off_t>(i * kBlock)),
                      static_cast<ssize_t>(kBlock));
        }
        return file_.get();
    }
    // All extents within the range, in blocks.
    static std::vector<Extent> extents_of(int fd, std::uint64_t begin, std::uint64_t end,
                                          std::uint64_t hole_bytes_min = 0) {
        std::vector<Extent> extents;
        for (std::uint64_t at = begin * kBlock; at < end * kBlock;) {
            const auto next = next_data(fd, at, end * kBlock, hole_bytes_min);
            EXPECT_TRUE(next) << next.error().message;
            if (!next || !*next) break;
            extents.push_back({(*next)->begin / kBlock, (*next)->end / kBlock});
            EXPECT_GT((*next)->end, at) << "no way forward";
            if ((*next)->end <= at) break;
            at = (*next)->end;
        }
        return extents;
    }
    bool has_holes_now() const { return has_holes(file_.get(), *stat_of(file_.get())); }
    void SetUp() override {
        const int fd = make("..");
        if (::lseek(fd, 0, SEEK_DATA) >= 0) GTEST_SKIP() << "the file system does not know holes";
    }

private:
    base::UniqueFd file_;
};

using E = Extent;

TEST_F(FileOfExtents, HasNoneWhenItIsEmptyOrAllHole) {
    EXPECT_THAT(extents_of(make(""), 0, 0), IsEmpty());
    EXPECT_THAT(extents_of(make("...."), 0, 4), IsEmpty());
}

TEST_F(FileOfExtents, HasOneWhenItIsAllData) {
    EXPECT_THAT(extents_of(make("dddd"), 0, 4), ElementsAre(E{0, 4}));
}

TEST_F(FileOfExtents, HasThemWhereItsDataIs) {
    EXPECT_THAT(extents_of(make(".d..dd."), 0, 7), ElementsAre(E{1, 2}, E{4, 6}));
    EXPECT_THAT(extents_of(make("d.d"), 0, 3), ElementsAre(E{0, 1}, E{2, 3}));
}

TEST_F(FileOfExtents, HasThemCutToTheRangeThatIsAskedFor) {
    const int fd = make("ddd..ddd");

    EXPECT_THAT(extents_of(fd, 1, 2), ElementsAre(E{1, 2}));
    EXPECT_THAT(extents_of(fd, 2, 6), ElementsAre(E{2, 3}, E{5, 6}));
    EXPECT_THAT(extents_of(fd, 3, 5), IsEmpty());
    EXPECT_THAT(extents_of(fd, 4, 4), IsEmpty());
}

TEST_F(FileOfExtents, TakesShortHolesBetweenDataForData) {
    const int fd = make(".d.d..d...d.");

    EXPECT_THAT(extents_of(fd, 0, 12, kBlock), ElementsAre(E{1, 2}, E{3, 4}, E{6, 7}, E{10, 11}));
    EXPECT_THAT(extents_of(fd, 0, 12, kBlock + 1), ElementsAre(E{1, 4}, E{6, 7}, E{10, 11}));
    EXPECT_THAT(extents_of(fd, 0, 12, 3 * kBlock), ElementsAre(E{1, 7}, E{10, 11}));
    EXPECT_THAT(extents_of(fd, 0, 12, UINT64_MAX), ElementsAre(E{1, 11}));
}

TEST_F(FileOfExtents, IsFoundInAHugeFileAtOnce) {
    const int fd = make("");
    const off_t far = off_t{1} << 40;
    ASSERT_EQ(::pwrite(fd, "x", 1, far), 1);

    const auto next = next_data(fd, 0, static_cast<std::uint64_t>(far) + 1, kSmallestHoleBytes);

    ASSERT_TRUE(next && *next);
    EXPECT_GT((*next)->begin, static_cast<std::uint64_t>(far) - kBlock);
    EXPECT_EQ((*next)->end, static_cast<std::uint64_t>(far) + 1);
}

TEST_F(FileOfExtents, EndsWhereItIsCutMeanwhile) {
    const int fd = make("dd");

    const auto within = next_data(fd, 0, 5 * kBlock, 0);
    const auto behind = next_data(fd, 3 * kBlock, 5 * kBlock, 0);

    ASSERT_TRUE(within && *within);
    EXPECT_EQ(**within, (E{0, 2 * kBlock}));
    ASSERT_TRUE(behind);
    EXPECT_FALSE(*behind);
}

TEST_F(FileOfExtents, SaysWhetherItHasHoles) {
    make("dddd");
    EXPECT_FALSE(has_holes_now());
    make("");
    EXPECT_FALSE(has_holes_now());
    make("d.dd");
    EXPECT_TRUE(has_holes_now());
    make("ddd.");
    EXPECT_TRUE(has_holes_now());
    make("....");
    EXPECT_TRUE(has_holes_now());
}

TEST_F(FileOfExtents, AsksNobodyAboutHolesWhereTheAttributesSayThatThereAreNone) {
    const int fd = make("d.dd");
    Attributes dense = *stat_of(fd);
    EXPECT_TRUE(dense.sparse);
    dense.sparse = false;

    EXPECT_FALSE(has_holes(fd, dense));
}

// As a file system that compresses says it.
TEST_F(FileOfExtents, HasNoHolesForHavingFewerBlocksAlone) {
    const int fd = make("dddd");
    Attributes compressed = *stat_of(fd);
    compressed.sparse = true;

    EXPECT_FALSE(has_holes(fd, compressed));
}

TEST(Extents, AreAllThereIsWhereHolesAreNotKnown) {
    const base::UniqueFd kernel{::open("/proc/version", O_RDONLY | O_CLOEXEC)};
    int pair[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    const base::UniqueFd first{pair[0]};
    const base::UniqueFd second{pair[1]};

    for (const int fd : {kernel.get(), first.get()}) {
        const auto next = next_data(fd, 3, 10, 0);

        ASSERT_TRUE(next && *next);
        EXPECT_EQ(**next, (Extent{3, 10}));
    }
    Attributes attributes;
    attributes.size = 1'000;
    attributes.sparse = true;
    EXPECT_FALSE(has_holes(first.get(), attributes));
}

TEST(Extents, OfWhatCannotBeAskedAreAnError) {
    EXPECT_EQ(errno_of(next_data(-1, 0, 1, 0)), EBADF);
}

}  // namespace
}  // namespace godwit::files
