// What becomes of holes when files are copied on one machine.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <optional>
#include <vector>

#include "files/extents.h"
#include "files/publish.h"
#include "open_folder.h"
#include "support/mount_namespace.h"
#include "support/process.h"

namespace godwit::files {
namespace {

using test_support::read_file;
using test_support::write_text;

constexpr std::uint64_t kBlock = 128 << 10;  // Longer than what is filled rather than kept.
constexpr std::uint64_t kTerabyte = std::uint64_t{1} << 40;

// On a disk, and in memory, where the kernel copies and reserves by other ways.
class SparseCopy : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (::access(GetParam(), W_OK) != 0) GTEST_SKIP() << "there is no " << GetParam();
        folder_.emplace(GetParam());
        from_ = open("from");
        ASSERT_EQ(::ftruncate(from_.get(), kBlock), 0);
        if (::lseek(from_.get(), 0, SEEK_DATA) >= 0) {
            GTEST_SKIP() << "the file system does not know holes";
        }
    }

    base::UniqueFd open(const std::string& name) const {
        return base::UniqueFd{
            ::open(folder_->path(name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    }
    void write(int fd, std::uint64_t offset, std::uint64_t length, char byte) const {
        const std::string bytes(length, byte);
        ASSERT_EQ(::pwrite(fd, bytes.data(), length, static_cast<off_t>(offset)),
                  static_cast<ssize_t>(length));
    }
    // 'd' is a block of data, '.' one of hole.
    void write_source(const std::string& pieces) const {
        ASSERT_EQ(::ftruncate(from_.get(), 0), 0);
        ASSERT_EQ(::ftruncate(from_.get(), static_cast<off_t>(pieces.size() * kBlock)), 0);
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            if (pieces[i] == 'd') write(from_.get(), i * kBlock, kBlock, 'd');
        }
    }
    // Which blocks of the file are data, by the file system's word.
    static std::string pieces_of(int fd) {
        const std::uint64_t size = stat_of(fd)->size;
        std::string pieces((size + kBlock - 1) / kBlock, '.');
        for (std::uint64_t at = 0; at < size;) {
            const auto next = next_data(fd, at, size, 0);
            if (!next || !*next) break;
            for (at = (*next)->begin; at < (*next)->end; ++at) {
                if (at % kBlock == 0 || at == (*next)->begin) pieces[at / kBlock] = 'd';
            }
        }
        return pieces;
    }
    static std::uint64_t blocks_of(int fd) {
        struct stat info {};
        EXPECT_EQ(::fstat(fd, &info), 0);
        return static_cast<std::uint64_t>(info.st_blocks) * 512;
    }
    void expect_copied(int to, std::uint64_t offset, std::uint64_t length, bool sparse,
                       std::uint64_t wanted) const {
        const auto copied = copy_bytes(from_.get(), to, offset, length, sparse);
        ASSERT_TRUE(copied) << copied.error().message;
        EXPECT_EQ(*copied, wanted);
    }
    void expect_same_content() const {
        EXPECT_TRUE(read_file(folder_->path("from")) == read_file(folder_->path("to")))
            << "contents differ";
    }
    void copy_whole(const std::string& pieces, bool sparse) const {
        write_source(pieces);
        const std::uint64_t size = pieces.size() * kBlock;
        expect_copied(open("to").get(), 0, size, sparse, size);
        expect_same_content();
    }

    std::optional<test_support::TemporaryFolder> folder_;
    base::UniqueFd from_;
};

TEST_P(SparseCopy, HasHolesWhereItsSourceHasThem) {
    for (const char* pieces : {"....", "d...", "...d", ".dd.", "d.d.d", "dddd"}) {
        copy_whole(pieces, true);

        EXPECT_EQ(pieces_of(open("to").get()), pieces);
        ASSERT_EQ(::unlink(folder_->path("to").c_str()), 0);
    }
}

TEST_P(SparseCopy, HasSpaceForEveryByteWhenItIsNotToBeSparse) {
    for (const char* pieces : {"....", "d...", "...d", ".dd.", "d.d.d"}) {
        copy_whole(pieces, false);

        const base::UniqueFd to = open("to");
        EXPECT_GE(blocks_of(to.get()), std::strlen(pieces) * kBlock) << pieces;
        ASSERT_EQ(::unlink(folder_->path("to").c_str()), 0);
    }
}

TEST_P(SparseCopy, PutsHolesWhereOtherDataWas) {
    for (const bool sparse : {true, false}) {
        const base::UniqueFd to = open("to");
        write(to.get(), 0, 6 * kBlock, 'x');

        copy_whole(".dd..d", sparse);

        if (sparse) {
            EXPECT_EQ(pieces_of(to.get()), ".dd..d");
        }
    }
}

TEST_P(SparseCopy, OfARangeTouchesNothingElse) {
    for (const bool sparse : {true, false}) {
        write_source(".d..");
        const base::UniqueFd to = open("to");
        write(to.get(), 0, 4 * kBlock, 'x');

        // From the middle of the first hole to the middle of the last.
        expect_copied(to.get(), kBlock / 2, 2 * kBlock + kBlock / 2, sparse,
                      2 * kBlock + kBlock / 2);

        const std::string content = read_file(folder_->path("to"));
        EXPECT_TRUE(content == std::string(kBlock / 2, 'x') + std::string(kBlock / 2, '\0') +
                                   std::string(kBlock, 'd') + std::string(kBlock, '\0') +
                                   std::string(kBlock, 'x'))
            << sparse;
    }
}

TEST_P(SparseCopy, EndsWhereTheSourceEnds) {
    write_source("d..");
    const base::UniqueFd to = open("to");

    expect_copied(to.get(), 2 * kBlock, UINT64_MAX - 2 * kBlock, true, kBlock);
    expect_copied(to.get(), 3 * kBlock, 1, true, 0);
    expect_copied(to.get(), 100 * kBlock, 1, false, 0);

    EXPECT_EQ(stat_of(to.get())->size, 3 * kBlock);
}

TEST_P(SparseCopy, DoesNotCutAFileThatIsLonger) {
    write_source("..");
    const base::UniqueFd to = open("to");
    ASSERT_EQ(::ftruncate(to.get(), 10 * kBlock), 0);

    expect_copied(to.get(), 0, 2 * kBlock, true, 2 * kBlock);

    EXPECT_EQ(stat_of(to.get())->size, 10 * kBlock);
}

TEST_P(SparseCopy, OfATerabyteOfHolesCostsNothing) {
    ASSERT_EQ(::ftruncate(from_.get(), 0), 0);
    ASSERT_EQ(::ftruncate(from_.get(), static_cast<off_t>(kTerabyte)), 0);
    write(from_.get(), kTerabyte / 2, 10, 'x');
    const base::UniqueFd to = open("to");
    const auto begin = std::chrono::steady_clock::now();

    expect_copied(to.get(), 0, kTerabyte, true, kTerabyte);

    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{2});
    EXPECT_EQ(stat_of(to.get())->size, kTerabyte);
    EXPECT_LE(blocks_of(to.get()), 1U << 20);
    char bytes[10] = {};
    ASSERT_EQ(::pread(to.get(), bytes, 10, static_cast<off_t>(kTerabyte / 2)), 10);
    EXPECT_EQ((std::string_view{bytes, 10}), "xxxxxxxxxx");
}

INSTANTIATE_TEST_SUITE_P(FileSystems, SparseCopy, testing::Values("/tmp", "/dev/shm"));

class FilledCopy : public OpenFolder {
protected:
    // On a file system of its own at "mount".
    void expect_on(const char* type, const char* settings, const std::function<bool()>& condition) {
        ASSERT_EQ(::mkdir(path("mount").c_str(), 0700), 0);
        test_support::expect_with_mounts(
            [&] { return ::mount("none", path("mount").c_str(), type, 0, settings) == 0; },
            condition);
    }

    base::UniqueFd from_{::open(path("from").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
};

// A small one: what fills the machine's own disk, if only for a moment, fails whoever writes there.
TEST_F(FilledCopy, OfMoreHolesThanThereIsRoomForSaysSo) {
    ASSERT_EQ(::ftruncate(from_.get(), static_cast<off_t>(kTerabyte)), 0);

    expect_on("tmpfs", "size=1m", [&] {
        const base::UniqueFd to{
            ::open(path("mount/to").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
        const auto copied = copy_bytes(from_.get(), to.get(), 0, kTerabyte, false);
        return !copied && copied.error().native == ENOSPC;
    });
}

// ramfs keeps no account of its holes, and makes none.
TEST_F(FilledCopy, OfHolesToAFileSystemWithoutAnyReadsTheSame) {
    ASSERT_EQ(::pwrite(from_.get(), "data", 4, 2 * kBlock), 4);
    ASSERT_EQ(::ftruncate(from_.get(), 5 * kBlock), 0);

    expect_on("ramfs", nullptr, [&] {
        for (const bool sparse : {true, false}) {
            const std::string to = path("mount/to");
            write_text(to, std::string(4 * kBlock, 'x'));
            const base::UniqueFd file{::open(to.c_str(), O_RDWR | O_CLOEXEC)};
            const auto copied = copy_bytes(from_.get(), file.get(), 0, 5 * kBlock, sparse);
            if (!copied || read_file(to) != read_file(path("from"))) return false;
        }
        return true;
    });
}

}  // namespace
}  // namespace godwit::files
