#include <gmock/gmock.h>
#include <sys/mman.h>

#include <algorithm>

#include "files/publish.h"
#include "open_folder.h"
#include "support/process.h"

namespace godwit::files {
namespace {

using test_support::read_file;
using test_support::write_random;
using test_support::write_text;

class CopiedBytes : public OpenFolder {
protected:
    base::UniqueFd open(const std::string& name, int flags) const {
        return base::UniqueFd{::open(path(name).c_str(), flags | O_CLOEXEC, 0600)};
    }
    // From "from" to "to".
    Result<std::uint64_t> copy(std::uint64_t offset, std::uint64_t length) const {
        const base::UniqueFd from = open("from", O_RDONLY);
        const base::UniqueFd to = open("to", O_RDWR | O_CREAT);
        return copy_bytes(from.get(), to.get(), offset, length);
    }
    void expect_copied(const Result<std::uint64_t>& copied, std::uint64_t wanted) const {
        ASSERT_TRUE(copied) << copied.error().message;
        EXPECT_EQ(*copied, wanted);
    }
};

TEST_F(CopiedBytes, AreAWholeFile) {
    write_text(path("from"), "some bytes");

    expect_copied(copy(0, 10), 10);

    EXPECT_EQ(read_file(path("to")), "some bytes");
}

TEST_F(CopiedBytes, AreAsManyAsThereAre) {
    constexpr std::uint64_t kLength = (8 << 20) + 4097;
    write_random(path("from"), kLength);

    expect_copied(copy(0, kLength), kLength);

    EXPECT_TRUE(read_file(path("to")) == read_file(path("from"))) << "contents differ";
}

TEST_F(CopiedBytes, LandWhereTheyWereAndNowhereElse) {
    write_text(path("from"), "0123456789");
    write_text(path("to"), "abcdefghij");

    expect_copied(copy(3, 4), 4);

    EXPECT_EQ(read_file(path("to")), "abc3456hij");
}

TEST_F(CopiedBytes, OfARangeBeyondTheEndOfTheDestinationMakeItLonger) {
    write_text(path("from"), "0123456789");

    expect_copied(copy(8, 2), 2);

    EXPECT_EQ(read_file(path("to")), std::string(8, '\0') + "89");
}

TEST_F(CopiedBytes, EndWhereTheSourceEnds) {
    write_text(path("from"), "0123456789");

    expect_copied(copy(6, 100), 4);
    expect_copied(copy(10, 1), 0);
    expect_copied(copy(1'000, 1), 0);

    EXPECT_EQ(read_file(path("to")), std::string(6, '\0') + "6789");
}

TEST_F(CopiedBytes, OfNoLengthAreNone) {
    write_text(path("from"), "0123456789");
    write_text(path("to"), "kept");

    expect_copied(copy(2, 0), 0);

    EXPECT_EQ(read_file(path("to")), "kept");
}

TEST_F(CopiedBytes, OfAFileWithHolesReadTheSame) {
    constexpr off_t kHole = 1 << 20;
    write_text(path("from"), "begin");
    const base::UniqueFd from = open("from", O_RDWR);
    ASSERT_EQ(::pwrite(from.get(), "end", 3, kHole), 3);

    expect_copied(copy(0, kHole + 3), kHole + 3);

    EXPECT_EQ(read_file(path("to")), read_file(path("from")));
}

// Where the kernel cannot copy by itself, or says so by copying nothing.
TEST_F(CopiedBytes, ComeFromOtherFileSystemsToo) {
    const base::UniqueFd to = open("to", O_RDWR | O_CREAT);
    const base::UniqueFd memory{::memfd_create("from", MFD_CLOEXEC)};
    ASSERT_EQ(::pwrite(memory.get(), "0123456789", 10, 0), 10);
    const base::UniqueFd kernel{::open("/proc/version", O_RDONLY | O_CLOEXEC)};
    const std::string version = read_file("/proc/version");

    expect_copied(copy_bytes(memory.get(), to.get(), 2, 5), 5);
    EXPECT_EQ(read_file(path("to")), std::string(2, '\0') + "23456");
    expect_copied(copy_bytes(kernel.get(), to.get(), 0, 4096), version.size());
    EXPECT_EQ(read_file(path("to")), version);
}

TEST_F(CopiedBytes, ThatCannotBeReadOrWrittenAreAnError) {
    write_text(path("from"), "0123456789");
    write_text(path("to"), "kept");
    const base::UniqueFd readable = open("from", O_RDONLY);
    const base::UniqueFd only_readable = open("to", O_RDONLY);
    const base::UniqueFd only_writable = open("to", O_WRONLY);

    const auto not_written = copy_bytes(readable.get(), only_readable.get(), 0, 4);
    const auto not_read = copy_bytes(only_writable.get(), only_writable.get(), 0, 4);

    ASSERT_FALSE(not_written);
    EXPECT_EQ(not_written.error().native, EBADF);
    ASSERT_FALSE(not_read);
    EXPECT_EQ(read_file(path("to")), "kept");
}

TEST_F(CopiedBytes, ThatFindNoRoomAreAnErrorWithItsReason) {
    write_text(path("from"), "0123456789");
    const base::UniqueFd from = open("from", O_RDONLY);
    const base::UniqueFd full{::open("/dev/full", O_RDWR | O_CLOEXEC)};

    const auto copied = copy_bytes(from.get(), full.get(), 0, 10);

    ASSERT_FALSE(copied);
    EXPECT_EQ(copied.error().native, ENOSPC);
}

}  // namespace
}  // namespace godwit::files
