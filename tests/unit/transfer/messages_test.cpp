#include "transfer/messages.h"

#include <gtest/gtest.h>

#include <climits>

namespace godwit::transfer {
namespace {

using base::FileCode;
using files::EntryType;
using namespace std::string_view_literals;

TEST(Messages, CarryAttributesThereAndBack) {
    files::Attributes attributes;
    attributes.type = EntryType::Symlink;
    attributes.mode = 07777;
    attributes.uid = UINT32_MAX;
    attributes.gid = 1;
    attributes.size = UINT64_MAX;
    attributes.mtime_ns = INT64_MIN;
    attributes.ctime_ns = INT64_MAX;
    attributes.inode = UINT64_MAX - 1;

    const files::Attributes back = from_message(to_message(attributes), EntryType::Symlink);

    EXPECT_EQ(back, attributes);
}

TEST(Messages, CarryNothingButPermissionsInAMode) {
    work::Attributes message;
    message.set_mode(UINT32_MAX);

    EXPECT_EQ(from_message(message, EntryType::File).mode, 07777U);
}

TEST(Messages, CarryTheTypesThatAreCopied) {
    for (const EntryType type : {EntryType::File, EntryType::Directory, EntryType::Symlink}) {
        EXPECT_EQ(from_message(to_message(type)), type);
    }
    EXPECT_EQ(from_message(static_cast<work::EntryType>(77)), EntryType::File);
}

TEST(Messages, CarryFailuresWithTheirReason) {
    const Error error{Code::NotFound, "open 'x': No such file", ENOENT};

    const peer::Frame frame = failure_frame(FileCode::InputOutput, error);

    ASSERT_TRUE(frame.has_failure());
    EXPECT_EQ(code_of(frame.failure()), FileCode::InputOutput);
    EXPECT_EQ(error_of(frame.failure()).message, error.message);
    EXPECT_EQ(error_of(frame.failure()).native, ENOENT);
}

TEST(Messages, CarryEveryCodeAndTakeAnUnknownOneForInternal) {
    for (auto code = std::uint32_t{0}; code <= static_cast<std::uint32_t>(FileCode::Internal);
         ++code) {
        const peer::Failure failure = to_message(static_cast<FileCode>(code), {});

        EXPECT_EQ(code_of(failure), static_cast<FileCode>(code));
    }
    peer::Failure of_a_later_version;
    for (const std::uint32_t code :
         {static_cast<std::uint32_t>(FileCode::Internal) + 1, 255U, 256U, UINT32_MAX}) {
        of_a_later_version.set_code(code);
        EXPECT_EQ(code_of(of_a_later_version), FileCode::Internal) << code;
    }
}

TEST(PlainName, IsOneComponent) {
    for (const std::string_view name :
         {"a"sv, "..."sv, "..a"sv, ".hidden"sv, " "sv, "\xFF\n"sv, "a\\b"sv}) {
        EXPECT_TRUE(is_plain_name(name)) << name;
        EXPECT_TRUE(is_plain_path(name)) << name;
    }
    EXPECT_TRUE(is_plain_name(std::string(NAME_MAX, 'n')));

    for (const std::string_view name :
         {""sv, "."sv, ".."sv, "/"sv, "a/b"sv, "a/"sv, "/a"sv, "a\0b"sv, "\0"sv}) {
        EXPECT_FALSE(is_plain_name(name)) << name;
    }
    EXPECT_FALSE(is_plain_name(std::string(NAME_MAX + 1, 'n')));
}

TEST(PlainPath, IsPlainNamesWithSingleSlashesBetween) {
    for (const std::string_view path : {""sv, "a"sv, "a/b"sv, "a/.../b"sv, "a/ /b"sv}) {
        EXPECT_TRUE(is_plain_path(path)) << path;
    }
    for (const std::string_view path : {"/"sv, "/a"sv, "a/"sv, "a//b"sv, "."sv, ".."sv, "a/.."sv,
                                        "../a"sv, "a/../b"sv, "a/./b"sv, "a/b\0c"sv, "a/b/"sv}) {
        EXPECT_FALSE(is_plain_path(path)) << path;
    }
    EXPECT_FALSE(is_plain_path("a/" + std::string(NAME_MAX + 1, 'n')));
}

TEST(FileEntry, BringsBytesUnlessItIsALinkOrItsAttributesAreAllThatDiffers) {
    work::FileEntry entry;
    EXPECT_TRUE(has_content(entry));
    entry.set_attributes_only(true);
    EXPECT_FALSE(has_content(entry));
    entry.set_attributes_only(false);
    entry.set_type(work::SYMLINK);
    EXPECT_FALSE(has_content(entry));
}

}  // namespace
}  // namespace godwit::transfer
