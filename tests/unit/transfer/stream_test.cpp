#include "transfer/stream.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include "support/tree.h"
#include "transfer/messages.h"

namespace {

int g_looks = 0;  // For data, or for a hole.

}  // namespace

// In the place of the C library's.
extern "C" off_t lseek(int fd, off_t offset, int whence) noexcept {
    if (whence == SEEK_DATA || whence == SEEK_HOLE) ++g_looks;
    return ::syscall(SYS_lseek, fd, offset, whence);
}

namespace godwit::transfer {
namespace {

class Stream : public testing::Test {
protected:
    Stream() { test_support::write_text(folder_.path("file"), "content"); }

    // How often data was looked for before the first of it was to be read, which is where an
    // assignment ends that is stopped.
    int looks_at(bool listed_as_sparse) {
        work::FileEntry listed;
        listed.set_name("file");
        *listed.mutable_attributes() = to_message(*directory_.stat("file"));
        listed.set_sparse(listed_as_sparse);
        Trouble trouble;
        const auto file = SourceFile::open(directory_, listed, false, trouble);
        EXPECT_TRUE(file) << trouble.message;
        Sending sending;
        sending.segment_bytes = pool_->buffer_bytes();
        stop_.request_stop();
        Offers offers{nullptr, *pool_, stop_.get_token(), pacer_, waits_};
        g_looks = 0;

        EXPECT_FALSE(
            stream(*file, 0, listed.attributes().size(), {}, sending, offers, waits_, trouble));

        return g_looks;
    }

    test_support::TemporaryFolder folder_;
    files::Tree tree_ = *files::Tree::open(folder_.path(), folder_.path());
    SourceFolder directory_ = *SourceFolder::open(tree_, "");
    const std::unique_ptr<BufferPool> pool_ = *BufferPool::make(1, 4096);
    std::stop_source stop_;
    Pacer pacer_;
    Waits waits_;
};

// Each look may read the map of all that is behind it: of a large file, once a segment.
TEST_F(Stream, LooksForHolesOnlyInFilesThatMayHaveSome) {
    EXPECT_GT(looks_at(true), 0);
    EXPECT_EQ(looks_at(false), 0);
}

}  // namespace
}  // namespace godwit::transfer
