#include "transfer/source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "support/tree.h"
#include "transfer/messages.h"

namespace godwit::transfer {
namespace {

namespace fs = std::filesystem;
using base::FileCode;
using test_support::write_text;

class ListedFile : public testing::Test {
protected:
    ListedFile() {
        write_text(folder_.path("file"), "content");
        listed_ = list("file");
    }

    work::FileEntry list(const std::string& name) const {
        work::FileEntry entry;
        entry.set_name(name);
        *entry.mutable_attributes() = to_message(*directory_.stat(name));
        return entry;
    }
    Result<SourceFile> open(const work::FileEntry& listed) {
        return SourceFile::open(directory_, listed, false, trouble_);
    }
    void expect_refused(const work::FileEntry& listed, FileCode code) {
        EXPECT_FALSE(open(listed));
        EXPECT_EQ(base::to_string(trouble_.code), base::to_string(code));
        EXPECT_FALSE(trouble_.message.empty());
    }

    test_support::TemporaryFolder folder_;
    files::Tree tree_ = *files::Tree::open(folder_.path(), folder_.path());
    SourceFolder directory_ = *SourceFolder::open(tree_, "");
    work::FileEntry listed_;
    Trouble trouble_;
};

TEST_F(ListedFile, IsReadAsItWasListed) {
    const auto file = open(listed_);
    ASSERT_TRUE(file) << file.error().message;
    std::string bytes(4, '\0');

    ASSERT_TRUE(file->read(std::as_writable_bytes(std::span{bytes}), 3, trouble_));

    EXPECT_EQ(bytes, "tent");
    EXPECT_TRUE(file->is_unchanged());
}

TEST_F(ListedFile, OfOtherSizeTimesOrInodeHasChanged) {
    const auto differs = [&](auto change) {
        work::FileEntry listed = listed_;
        change(*listed.mutable_attributes());
        expect_refused(listed, FileCode::SourceChanged);
        EXPECT_TRUE(trouble_.is_of_listing());
    };

    differs([](work::Attributes& listed) { listed.set_size(listed.size() + 1); });
    differs([](work::Attributes& listed) { listed.set_mtime_ns(listed.mtime_ns() + 1); });
    differs([](work::Attributes& listed) { listed.set_ctime_ns(listed.ctime_ns() - 1); });
    differs([](work::Attributes& listed) { listed.set_inode(listed.inode() + 1); });
}

TEST_F(ListedFile, OfAnotherModeIsTheSameFile) {
    listed_.mutable_attributes()->set_mode(0);

    EXPECT_TRUE(open(listed_));
}

TEST_F(ListedFile, ThatIsGoneHasVanished) {
    fs::remove(folder_.path("file"));

    expect_refused(listed_, FileCode::SourceVanished);
    EXPECT_TRUE(trouble_.is_of_listing());
}

TEST_F(ListedFile, IsNotReadThroughALink) {
    write_text(folder_.path("other"), "content");
    fs::remove(folder_.path("file"));
    fs::create_symlink("other", folder_.path("file"));

    expect_refused(listed_, FileCode::SymlinkLoop);
}

TEST_F(ListedFile, ThatIsAFifoByNowBlocksNobody) {
    fs::remove(folder_.path("file"));
    ASSERT_EQ(::mkfifo(folder_.path("file").c_str(), 0600), 0);

    expect_refused(listed_, FileCode::SourceChanged);
}

TEST_F(ListedFile, ThatEndsEarlyHasChanged) {
    const auto file = open(listed_);
    ASSERT_TRUE(file);
    std::string bytes(8, '\0');

    EXPECT_FALSE(file->read(std::as_writable_bytes(std::span{bytes}), 0, trouble_));

    EXPECT_EQ(trouble_.code, FileCode::SourceChanged);
}

TEST_F(ListedFile, ThatIsWrittenToWhileItIsReadHasChanged) {
    const auto file = open(listed_);
    ASSERT_TRUE(file);

    write_text(folder_.path("file"), "content and more");

    EXPECT_FALSE(file->is_unchanged());
}

TEST(Trouble, SaysWhoseItIs) {
    const Error missing = base::errno_error("open", ENOENT);

    EXPECT_EQ(Trouble::of_source(missing).code, FileCode::SourceMissing);
    EXPECT_EQ(Trouble::of_listed(missing).code, FileCode::SourceVanished);
    EXPECT_EQ(Trouble::of_destination(missing).code, FileCode::InputOutput);
    EXPECT_EQ(Trouble::of_peer({Code::PeerLost, "gone"}).code, FileCode::PeerLost);
    EXPECT_EQ(Trouble::of_peer({Code::Unavailable, "refused"}).code, FileCode::PeerLost);
    EXPECT_EQ(Trouble::of_peer({Code::TimedOut, "silent"}).code, FileCode::TimedOut);
    EXPECT_EQ(Trouble::of_source(missing).error_number, ENOENT);
    EXPECT_EQ(Trouble::of_source(missing).message, missing.message);
}

TEST(Trouble, OfAStopIsNobodysFaultAndWorthAnotherAttempt) {
    EXPECT_TRUE(Trouble::stopped().is_stop);
    EXPECT_TRUE(base::is_retryable(Trouble::stopped().code));
    EXPECT_FALSE(Trouble::changed().is_stop);
}

}  // namespace
}  // namespace godwit::transfer
