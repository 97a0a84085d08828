#include "files/xattrs.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cstring>
#include <filesystem>
#include <optional>

#include "files/attributes.h"
#include "open_folder.h"
#include "support/child.h"

namespace godwit::files {
namespace {

namespace fs = std::filesystem;
using test_support::run_as;
using test_support::write_text;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr XattrSelection kXattrs{true, false};
constexpr uid_t kSomebody = 12'345;

std::string any_bytes(std::size_t length) {
    std::string bytes(length, '\0');
    for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<char>(i * 7);
    return bytes;
}

// A file "file", on a disk and in memory, of which the first has little room and the second much.
class ExtendedAttributes : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (::access(GetParam(), W_OK) != 0) GTEST_SKIP() << "there is no " << GetParam();
        folder_.emplace(GetParam());
        directory_.reset(::open(folder_->path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        write_text(path("file"), "content");
        file_.reset(::open(path("file").c_str(), O_RDWR | O_CLOEXEC));
        if (::setxattr(path("file").c_str(), "user.probe", "", 0, 0) != 0) {
            GTEST_SKIP() << GetParam() << " keeps no user.* attributes";
        }
        ASSERT_EQ(::removexattr(path("file").c_str(), "user.probe"), 0);
    }

    std::string path(const std::string& name) const { return folder_->path(name); }
    int directory() const noexcept { return directory_.get(); }
    int file() const noexcept { return file_.get(); }

    // Straight from the kernel.
    void set(const std::string& name, const std::string& value,
             const std::string& of = "file") const {
        ASSERT_EQ(::lsetxattr(path(of).c_str(), name.c_str(), value.data(), value.size(), 0), 0)
            << name << ": " << std::strerror(errno);
    }
    std::optional<std::string> value_of(const std::string& name,
                                        const std::string& of = "file") const {
        std::string value(64 << 10, '\0');
        const ssize_t length =
            ::lgetxattr(path(of).c_str(), name.c_str(), value.data(), value.size());
        if (length < 0) return std::nullopt;
        value.resize(static_cast<std::size_t>(length));
        return value;
    }

    std::vector<Xattr> read_file(XattrSelection selection = kXattrs) const {
        const auto xattrs = read_xattrs(file(), selection);
        EXPECT_TRUE(xattrs) << xattrs.error().message;
        return xattrs ? *xattrs : std::vector<Xattr>{};
    }
    XattrsApplied apply(const std::vector<Xattr>& wanted) const {
        const auto applied = apply_xattrs(file(), wanted, kXattrs);
        EXPECT_TRUE(applied) << applied.error().message;
        return applied ? *applied : XattrsApplied{};
    }
    void expect_kept(const std::vector<Xattr>& wanted) const {
        const XattrsApplied applied = apply(wanted);
        EXPECT_TRUE(applied.xattrs_kept);
        EXPECT_THAT(applied.not_kept, IsEmpty());
        EXPECT_EQ(read_file(), wanted);
    }

    std::optional<test_support::TemporaryFolder> folder_;
    base::UniqueFd directory_;
    base::UniqueFd file_;
};

// ----------------------------------------------------------------------------------------- reading

TEST_P(ExtendedAttributes, AreNoneOnAFileWithoutAnyAndWhenNoneAreSelected) {
    EXPECT_THAT(read_file(), IsEmpty());
    set("user.a", "1");
    EXPECT_THAT(read_file({false, false}), IsEmpty());
    EXPECT_THAT(read_file({false, true}), IsEmpty());
}

TEST_P(ExtendedAttributes, AreReadSortedWithAnyBytesInThem) {
    set("user.b", any_bytes(300));
    set("user.a", "");
    set("user.B", std::string{"\0", 1});

    EXPECT_THAT(read_file(), ElementsAre(Xattr{"user.B", std::string{"\0", 1}}, Xattr{"user.a", ""},
                                         Xattr{"user.b", any_bytes(300)}));
}

TEST_P(ExtendedAttributes, AreReadByNameAndThroughDescriptorsForPathsOnly) {
    set("user.a", "1");
    const base::UniqueFd path_only{::openat(directory(), "file", O_PATH | O_CLOEXEC)};

    EXPECT_EQ(*read_xattrs_at(directory(), "file", kXattrs), read_file());
    EXPECT_EQ(*read_xattrs(path_only.get(), kXattrs), read_file());
    EXPECT_THAT(read_file(), ElementsAre(Xattr{"user.a", "1"}));
}

TEST_P(ExtendedAttributes, OfWhatIsNotThereAreNotFound) {
    const auto xattrs = read_xattrs_at(directory(), "gone", kXattrs);

    ASSERT_FALSE(xattrs);
    EXPECT_EQ(xattrs.error().code, Code::NotFound);
}

TEST_P(ExtendedAttributes, OfDirectoriesAreKeptToo) {
    fs::create_directory(path("folder"));
    const std::vector<Xattr> wanted{{"user.a", "1"}};

    ASSERT_TRUE(apply_xattrs_at(directory(), "folder", wanted, kXattrs));

    EXPECT_EQ(*read_xattrs_at(directory(), "folder", kXattrs), wanted);
}

// ---------------------------------------------------------------------------------------- applying

TEST_P(ExtendedAttributes, BecomeWhatIsWantedHoweverTheyWere) {
    expect_kept({{"user.a", "1"}, {"user.b", ""}});
    expect_kept({{"user.a", "2"}, {"user.b", ""}, {"user.c", any_bytes(500)}});
    expect_kept({{"user.c", any_bytes(500)}});
    expect_kept({});
}

TEST_P(ExtendedAttributes, MayBeWantedInAnyOrder) {
    apply({{"user.b", "2"}, {"user.a", "1"}});

    EXPECT_THAT(read_file(), ElementsAre(Xattr{"user.a", "1"}, Xattr{"user.b", "2"}));
}

TEST_P(ExtendedAttributes, ThatAreRightAlreadyAreNotTouched) {
    apply({{"user.a", "1"}});
    const std::int64_t before = stat_of(file())->ctime_ns;

    apply({{"user.a", "1"}});

    EXPECT_EQ(stat_of(file())->ctime_ns, before);
}

TEST_P(ExtendedAttributes, MayBeMany) {
    std::vector<Xattr> wanted;
    for (int i = 100; i < 200; ++i) wanted.push_back({"user." + std::to_string(i), "value"});

    expect_kept(wanted);
}

TEST_P(ExtendedAttributes, MayBeAsLargeAsTheFileSystemKeepsThem) {
    const std::vector<Xattr> wanted{{"user.large", any_bytes(64 << 10)}};

    const auto applied = apply_xattrs(file(), wanted, kXattrs);

    if (!applied) {
        // Not ENOSPC: the file system is not full, and a request must not wait for it.
        EXPECT_EQ(applied.error().native, E2BIG) << applied.error().message;
        EXPECT_EQ(destination_code(applied.error()), base::FileCode::TooLarge);
        GTEST_SKIP() << GetParam() << " keeps no values of 64 KiB";
    }
    EXPECT_EQ(read_file(), wanted);
}

TEST_P(ExtendedAttributes, AreRefusedWhenTheyAreLargerThanTheKernelTakes) {
    const auto applied =
        apply_xattrs(file(), std::vector<Xattr>{{"user.a", any_bytes((64 << 10) + 1)}}, kXattrs);

    EXPECT_EQ(errno_of(applied), E2BIG);
}

TEST_P(ExtendedAttributes, OfMoreThanAMebibyteAreAnErrorThatNamesTheFile) {
    for (int i = 0; i < 17; ++i) {
        const std::string name = "user." + std::to_string(i);
        const std::string value = any_bytes((64 << 10) - 16);
        if (::setxattr(path("file").c_str(), name.c_str(), value.data(), value.size(), 0) != 0) {
            GTEST_SKIP() << GetParam() << " keeps no more than " << i << " such attributes";
        }
    }

    const auto xattrs = read_xattrs_at(directory(), "file", kXattrs);

    ASSERT_FALSE(xattrs);
    EXPECT_EQ(xattrs.error().native, E2BIG);
    EXPECT_THAT(xattrs.error().message, testing::HasSubstr("'file'"));
}

TEST_P(ExtendedAttributes, WithImpossibleNamesAreTheCallersMistake) {
    for (const std::string& name :
         {std::string{"user."}, std::string{"user.a\0b", 8}, "user." + std::string(300, 'n')}) {
        const auto applied = apply_xattrs(file(), std::vector<Xattr>{{name, "1"}}, kXattrs);

        ASSERT_FALSE(applied) << name;
        EXPECT_EQ(applied.error().code, Code::InvalidArgument) << name;
    }
    EXPECT_THAT(read_file(), IsEmpty());
}

TEST_P(ExtendedAttributes, OfOtherKindsAreNeitherSetNorRemoved) {
    const std::vector<Xattr> others{{"system.posix_acl_access", any_bytes(44)},
                                    {"security.selinux", "label"},
                                    {"security.evm", "x"},
                                    {"trusted.lov", "layout"},
                                    {"lustre.lov", "layout"},
                                    {"nonsense", "x"},
                                    {"", "x"}};

    const XattrsApplied applied = apply(others);

    EXPECT_TRUE(applied.xattrs_kept) << applied.not_kept.front();
    for (const Xattr& other : others) EXPECT_FALSE(value_of(other.name)) << other.name;
    if (::geteuid() != 0) GTEST_SKIP() << "the rest needs root";
    set("trusted.lov", "layout");
    set("security.selinux", "label");
    apply({{"user.a", "1"}});
    EXPECT_EQ(value_of("trusted.lov"), "layout");
    EXPECT_EQ(value_of("security.selinux"), "label");
    EXPECT_THAT(read_file(), ElementsAre(Xattr{"user.a", "1"}));
}

TEST_P(ExtendedAttributes, OfAFileThatIsReadOnlyForItsOwnerAreSetAllTheSame) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
    ASSERT_EQ(::fchown(file(), kSomebody, kSomebody), 0);
    set("user.old", "1");
    for (const mode_t mode : {0444U, 0000U, 02511U, 0644U}) {
        ASSERT_EQ(::fchmod(file(), mode), 0);
        const std::vector<Xattr> wanted{{"user.mode", std::to_string(mode)}};

        const int kept = run_as(kSomebody, {}, [&] {
            const auto applied = apply_xattrs(file(), wanted, kXattrs);
            return applied && applied->xattrs_kept;
        });

        EXPECT_EQ(kept, 1) << std::oct << mode;
        EXPECT_EQ(read_file(), wanted);
        EXPECT_EQ(stat_of(file())->mode, mode) << "not given back";
    }
}

TEST_P(ExtendedAttributes, OfSomebodyElsesFileAreNotKept) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
    set("user.old", "1");

    const int as_expected = run_as(kSomebody, {}, [&] {
        const auto applied =
            apply_xattrs(file(), std::vector<Xattr>{{"user.a", "1"}, {"user.b", "2"}}, kXattrs);
        return applied && !applied->xattrs_kept && applied->acls_kept &&
               applied->not_kept == std::vector<std::string>{"user.a", "user.b", "user.old"};
    });

    EXPECT_EQ(as_expected, 1);
    EXPECT_THAT(read_file(), ElementsAre(Xattr{"user.old", "1"}));
}

// -------------------------------------------------------------------------------------- privileges

TEST_P(ExtendedAttributes, OfRootsKindAreKeptByRoot) {
    if (::geteuid() != 0) GTEST_SKIP() << "trusted.* and security.* are root's";
    expect_kept({{"security.note", "1"}, {"trusted.note", any_bytes(100)}, {"user.a", "2"}});
    expect_kept({{"trusted.note", ""}});
}

TEST_P(ExtendedAttributes, OfRootsKindAreNotKeptByOthersButTheRestIs) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
    ASSERT_EQ(::fchown(file(), kSomebody, kSomebody), 0);
    set("trusted.old", "1");

    const int as_expected = run_as(kSomebody, {}, [&] {
        const auto applied = apply_xattrs(
            file(),
            std::vector<Xattr>{{"security.note", "1"}, {"trusted.note", "2"}, {"user.a", "3"}},
            kXattrs);
        return applied && !applied->xattrs_kept &&
               applied->not_kept == std::vector<std::string>{"security.note", "trusted.note"};
    });

    EXPECT_EQ(as_expected, 1);
    EXPECT_THAT(read_file(), ElementsAre(Xattr{"trusted.old", "1"}, Xattr{"user.a", "3"}));
}

TEST_P(ExtendedAttributes, OfALinkAreItsOwnAndNotItsTargets) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "links have trusted.* and security.* only, which are root's";
    fs::create_symlink("file", path("link"));
    set("user.of-file", "1");
    set("trusted.of-link", "2", "link");
    const base::UniqueFd link{::openat(directory(), "link", O_PATH | O_NOFOLLOW | O_CLOEXEC)};

    EXPECT_THAT(*read_xattrs(link.get(), kXattrs), ElementsAre(Xattr{"trusted.of-link", "2"}));
    const auto applied =
        apply_xattrs_at(directory(), "link",
                        std::vector<Xattr>{{"trusted.new", "3"}, {"user.never", "4"}}, kXattrs);

    ASSERT_TRUE(applied) << applied.error().message;
    EXPECT_THAT(applied->not_kept, ElementsAre("user.never"));
    EXPECT_EQ(value_of("trusted.new", "link"), "3");
    EXPECT_FALSE(value_of("trusted.of-link", "link"));
    EXPECT_THAT(read_file(), ElementsAre(Xattr{"user.of-file", "1"}));
}

// cap_net_raw+ep, as the kernel keeps it (VFS_CAP_REVISION_2).
TEST_P(ExtendedAttributes, OfCapabilitiesAreKeptWhenTheOwnerWasSetBefore) {
    if (::geteuid() != 0) GTEST_SKIP() << "capabilities are root's to give";
    const std::string capability{
        "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        "\x00\x00\x00\x00",
        20};
    const std::vector<Xattr> wanted{{"security.capability", capability}};
    Attributes attributes = *stat_of(file());
    attributes.uid = kSomebody;
    attributes.mode = 0755;

    ASSERT_TRUE(apply_to_file(file(), attributes));
    expect_kept(wanted);
    ASSERT_TRUE(apply_to_file(file(), attributes)) << "nothing to change, so nothing to clear";
    EXPECT_EQ(read_file(), wanted);
    ASSERT_EQ(::fchown(file(), 0, 0), 0);
    EXPECT_THAT(read_file(), IsEmpty()) << "that is why the order matters";
}

INSTANTIATE_TEST_SUITE_P(FileSystems, ExtendedAttributes, testing::Values("/tmp", "/dev/shm"));

// ---------------------------------------------------------------------------- without a file
// system

TEST(ExtendedAttributesOf, AFileSystemWithoutAnyAreNoneAndNotKept) {
    const base::UniqueFd kernel{::open("/proc/self/comm", O_RDWR | O_CLOEXEC)};
    const XattrSelection all{true, true};

    const auto xattrs = read_xattrs(kernel.get(), all);
    const auto applied = apply_xattrs(kernel.get(), std::vector<Xattr>{{"user.a", "1"}}, all);

    ASSERT_TRUE(xattrs) << xattrs.error().message;
    EXPECT_THAT(*xattrs, IsEmpty());
    ASSERT_TRUE(applied) << applied.error().message;
    EXPECT_FALSE(applied->xattrs_kept);
    EXPECT_TRUE(applied->acls_kept);
    EXPECT_THAT(applied->not_kept, ElementsAre("user.a"));
}

TEST(ExtendedAttributesOf, WhatIsNotOpenAreAnError) {
    EXPECT_EQ(errno_of(read_xattrs(-1, kXattrs)), EBADF);
    EXPECT_EQ(errno_of(apply_xattrs(-1, {}, kXattrs)), EBADF);
}

TEST(SerialisedAttributes, AreTheSameOnlyForTheSame) {
    const std::vector<std::vector<Xattr>> lists = {{},
                                                   {{"user.a", ""}},
                                                   {{"user.a", "b"}},
                                                   {{"user.ab", ""}},
                                                   {{"user.a", ""}, {"b", ""}},
                                                   {{"user.a", std::string{"\0", 1}}},
                                                   {{"user.a", std::string(300, 'x')}},
                                                   {{"", ""}},
                                                   {{"", ""}, {"", ""}}};

    for (std::size_t i = 0; i < lists.size(); ++i) {
        EXPECT_EQ(serialise(lists[i]), serialise(std::vector<Xattr>{lists[i]}));
        for (std::size_t j = 0; j < i; ++j) EXPECT_NE(serialise(lists[i]), serialise(lists[j]));
    }
    EXPECT_EQ(serialise(std::vector<Xattr>{{"ab", "c"}}), (std::string{"\x02\x00\x00\x00"
                                                                       "ab"
                                                                       "\x01\x00\x00\x00"
                                                                       "c",
                                                                       11}))
        << "digests of different versions are compared";
}

}  // namespace
}  // namespace godwit::files
