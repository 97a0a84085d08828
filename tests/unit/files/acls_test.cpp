// POSIX ACLs, which are extended attributes of a form of their own (acl(5)).
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <filesystem>
#include <optional>

#include "files/attributes.h"
#include "files/publish.h"
#include "files/xattrs.h"
#include "open_folder.h"
#include "support/child.h"

namespace godwit::files {
namespace {

namespace fs = std::filesystem;
using test_support::run_as;
using test_support::write_text;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr XattrSelection kAcls{false, true};
constexpr uid_t kSomebody = 12'345;
const std::string kAccess = "system.posix_acl_access";
const std::string kDefault = "system.posix_acl_default";

enum Tag : std::uint16_t {
    User = 1,
    NamedUser = 2,
    Group = 4,
    NamedGroup = 8,
    Mask = 16,
    Other = 32
};

struct AclEntry {
    Tag tag;
    std::uint16_t rights;
    std::uint32_t id = 0xFFFF'FFFF;
};

void append(std::string& bytes, std::uint32_t number, int count) {
    for (int i = 0; i < count; ++i) bytes += static_cast<char>(number >> 8 * i & 0xFF);
}

std::string acl(std::initializer_list<AclEntry> entries) {
    std::string bytes;
    append(bytes, 2, 4);
    for (const AclEntry& entry : entries) {
        append(bytes, entry.tag, 2);
        append(bytes, entry.rights, 2);
        append(bytes, entry.id, 4);
    }
    return bytes;
}

// What mode 0640 says.
const std::string kMinimal = acl({{User, 6}, {Group, 4}, {Other, 0}});
// Somebody may read and write, too; mode 0660.
const std::string kNamed = acl({{User, 6}, {NamedUser, 6, 777}, {Group, 4}, {Mask, 6}, {Other, 0}});
const std::string kNamedOtherwise =
    acl({{User, 6}, {NamedUser, 4, 778}, {Group, 4}, {NamedGroup, 4, 9}, {Mask, 4}, {Other, 0}});

class Acls : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (::access(GetParam(), W_OK) != 0) GTEST_SKIP() << "there is no " << GetParam();
        folder_.emplace(GetParam());
        directory_.reset(::open(folder_->path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        write_text(path("file"), "content");
        fs::create_directory(path("folder"));
        if (::setxattr(path("file").c_str(), kAccess.c_str(), kNamed.data(), kNamed.size(), 0) !=
            0) {
            GTEST_SKIP() << GetParam() << " keeps no ACLs";
        }
        ASSERT_EQ(::removexattr(path("file").c_str(), kAccess.c_str()), 0);
        ASSERT_EQ(::chmod(path("file").c_str(), 0640), 0);
    }

    std::string path(const std::string& name) const { return folder_->path(name); }
    int directory() const noexcept { return directory_.get(); }
    std::vector<Xattr> read(const std::string& name, XattrSelection selection = kAcls) const {
        const auto acls = read_xattrs_at(directory(), name, selection);
        EXPECT_TRUE(acls) << acls.error().message;
        return acls ? *acls : std::vector<Xattr>{};
    }
    XattrsApplied apply(const std::string& name, const std::vector<Xattr>& wanted) const {
        const auto applied = apply_xattrs_at(directory(), name, wanted, kAcls);
        EXPECT_TRUE(applied) << applied.error().message;
        return applied ? *applied : XattrsApplied{};
    }
    std::uint32_t mode_of(const std::string& name) const {
        return stat_at(directory(), name)->mode;
    }

    std::optional<test_support::TemporaryFolder> folder_;
    base::UniqueFd directory_;
};

TEST_P(Acls, AreNoneWhereTheModeSaysItAll) {
    EXPECT_THAT(read("file"), IsEmpty());
    EXPECT_THAT(read("folder"), IsEmpty());
    ASSERT_EQ(
        ::setxattr(path("file").c_str(), kAccess.c_str(), kMinimal.data(), kMinimal.size(), 0), 0);
    EXPECT_THAT(read("file"), IsEmpty());
}

TEST_P(Acls, AreSetChangedAndRemoved) {
    for (const std::string& value : {kNamed, kNamedOtherwise}) {
        const std::vector<Xattr> wanted{{kAccess, value}};

        EXPECT_TRUE(apply("file", wanted).acls_kept);

        EXPECT_EQ(read("file"), wanted);
    }
    EXPECT_TRUE(apply("file", {}).acls_kept);
    EXPECT_THAT(read("file"), IsEmpty());
}

TEST_P(Acls, BringTheirModeAndLeaveItWhenTheyGo) {
    apply("file", {{kAccess, kNamed}});
    EXPECT_EQ(mode_of("file"), 0660U);

    apply("file", {});
    EXPECT_EQ(mode_of("file"), 0660U) << "chmod comes first, and is right already";
}

TEST_P(Acls, ThatSayNoMoreThanTheModeAreNotSetButRemoveOthers) {
    apply("file", {{kAccess, kNamed}});

    apply("file", {{kAccess, kMinimal}});

    EXPECT_THAT(read("file"), IsEmpty());
    EXPECT_EQ(mode_of("file"), 0660U) << "the mode is not theirs to set";
}

TEST_P(Acls, OfADirectoryAreTwoAndADefaultOneMayBeMinimal) {
    const std::vector<Xattr> wanted{{kAccess, kNamed}, {kDefault, kMinimal}};

    EXPECT_TRUE(apply("folder", wanted).acls_kept);
    EXPECT_EQ(read("folder"), wanted);

    const std::vector<Xattr> only_default{{kDefault, kNamed}};
    EXPECT_TRUE(apply("folder", only_default).acls_kept);
    EXPECT_EQ(read("folder"), only_default);
}

TEST_P(Acls, ThatWereInheritedGoWhenTheSourceHasNone) {
    apply("folder", {{kDefault, kNamed}});
    write_text(path("folder/file"), "content");
    fs::create_directory(path("folder/below"));
    ASSERT_THAT(read("folder/file"), testing::SizeIs(1));
    ASSERT_THAT(read("folder/below"), testing::SizeIs(2));

    apply("folder/file", {});
    apply("folder/below", {});

    EXPECT_THAT(read("folder/file"), IsEmpty());
    EXPECT_THAT(read("folder/below"), IsEmpty());
}

TEST_P(Acls, AreNotTouchedWhenOnlyOtherAttributesAreMeant) {
    const std::vector<Xattr> acls{{kAccess, kNamed}};
    apply("file", acls);

    ASSERT_TRUE(apply_xattrs_at(directory(), "file", {}, {true, false}));

    EXPECT_EQ(read("file"), acls);
    EXPECT_THAT(read("file", {true, false}), IsEmpty());
}

TEST_P(Acls, AndAttributesAreKeptTogether) {
    const std::vector<Xattr> wanted{{kAccess, kNamed}, {"user.a", "1"}};

    const auto applied = apply_xattrs_at(directory(), "file", wanted, {true, true});

    ASSERT_TRUE(applied) << applied.error().message;
    EXPECT_THAT(applied->not_kept, IsEmpty());
    EXPECT_EQ(read("file", {true, true}), wanted);
}

TEST_P(Acls, AreRightWhenTheyFollowTheModeOfAFileThatHasOtherOnes) {
    apply("file", {{kAccess, kNamedOtherwise}});
    Attributes attributes = *stat_at(directory(), "file");
    attributes.mode = 0660;
    const std::vector<Xattr> wanted{{kAccess, kNamed}};

    ASSERT_TRUE(apply_at(directory(), "file", attributes,
                         [&](int fd) { return apply_xattrs(fd, wanted, kAcls).status(); }));

    EXPECT_EQ(read("file"), wanted);
    EXPECT_EQ(mode_of("file"), 0660U);
}

TEST_P(Acls, OfALinkAreNoneAndCannotBe) {
    fs::create_symlink("file", path("link"));
    apply("file", {{kAccess, kNamed}});

    EXPECT_THAT(read("link"), IsEmpty());
    const XattrsApplied applied = apply("link", {{kAccess, kNamedOtherwise}});

    EXPECT_FALSE(applied.acls_kept);
    EXPECT_TRUE(applied.xattrs_kept);
    EXPECT_THAT(applied.not_kept, ElementsAre(kAccess));
    EXPECT_THAT(read("file"), ElementsAre(Xattr{kAccess, kNamed})) << "followed";
}

TEST_P(Acls, OfTheDefaultKindCannotBeOnAFile) {
    EXPECT_THAT(apply("file", {{kDefault, kNamed}}).not_kept, ElementsAre(kDefault));
}

TEST_P(Acls, ThatAreNoneAreAnError) {
    for (const std::string& value : {kNamed.substr(0, kNamed.size() - 1),
                                     acl({{Other, 0}, {Group, 4}, {User, 6}, {Mask, 6}})}) {
        const auto applied =
            apply_xattrs_at(directory(), "file", std::vector<Xattr>{{kAccess, value}}, kAcls);

        EXPECT_FALSE(applied);
    }
    EXPECT_THAT(read("file"), IsEmpty());
}

// The right to write that user.* need is taken back before the ACL brings its own.
TEST_P(Acls, AreKeptByTheOwnerOfAReadOnlyFileAndByNobodyElse) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
    const std::vector<Xattr> wanted{{kAccess, kNamed}, {"user.a", "1"}};
    const auto kept = [&] {
        const auto applied = apply_xattrs_at(directory(), "file", wanted, {true, true});
        return applied ? int{applied->acls_kept} : 2;
    };

    EXPECT_EQ(run_as(kSomebody, {}, kept), 0);
    ASSERT_EQ(::chown(path("file").c_str(), kSomebody, kSomebody), 0);
    ASSERT_EQ(::chmod(path("file").c_str(), 0400), 0);
    EXPECT_EQ(run_as(kSomebody, {}, kept), 1);
    EXPECT_EQ(read("file", {true, true}), wanted);
}

INSTANTIATE_TEST_SUITE_P(FileSystems, Acls, testing::Values("/tmp", "/dev/shm"));

}  // namespace
}  // namespace godwit::files
