// Owners, by root and by those who may not give files away.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "files/attributes.h"
#include "open_folder.h"
#include "support/child.h"

namespace godwit::files {
namespace {

namespace fs = std::filesystem;
using test_support::run_as;
using test_support::write_text;

constexpr uid_t kSomebody = 12'345;
constexpr gid_t kSomeGroup = 23'456;
constexpr gid_t kOtherGroup = 34'567;

// What a child answers with.
enum Answer { OwnerKept, OwnerDropped, NotApplied };

class Owner : public OpenFolder {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
        write_text(path("file"), "content");
        fs::create_symlink("file", path("link"));
        fs::create_directory(path("folder"));
    }

    Attributes of(const std::string& name) const { return *stat_at(fd(), name); }
    void give(const std::string& name, uid_t user, gid_t group) const {
        ASSERT_EQ(::lchown(path(name).c_str(), user, group), 0);
    }
    // Applies the attributes as somebody who is also in kSomeGroup.
    Answer apply_as_somebody(const std::string& name, const Attributes& wanted) const {
        return static_cast<Answer>(run_as(kSomebody, {kSomeGroup}, [&] {
            const auto applied = apply_at(fd(), name, wanted);
            if (!applied) return NotApplied;
            return applied->owner_kept ? OwnerKept : OwnerDropped;
        }));
    }
};

TEST_F(Owner, IsSetAndTheSetuidBitsOutliveIt) {
    for (const std::uint32_t before : {0644U, 06755U}) {
        give("file", 0, 0);
        ASSERT_EQ(::chmod(path("file").c_str(), before), 0);  // After chown, which clears bits.
        Attributes wanted = of("file");
        wanted.uid = kSomebody;
        wanted.gid = kSomeGroup;
        wanted.mode = 06755;
        const base::UniqueFd file{::open(path("file").c_str(), O_RDWR | O_CLOEXEC)};

        const auto applied = apply_to_file(file.get(), wanted);

        ASSERT_TRUE(applied) << applied.error().message;
        EXPECT_TRUE(applied->owner_kept);
        EXPECT_EQ(of("file").uid, kSomebody);
        EXPECT_EQ(of("file").gid, kSomeGroup);
        EXPECT_EQ(of("file").mode, 06755U);
    }
}

TEST_F(Owner, OfALinkIsItsOwnAndNotItsTargets) {
    Attributes wanted = of("link");
    wanted.uid = kSomebody;

    ASSERT_TRUE(apply_at(fd(), "link", wanted));

    EXPECT_EQ(of("link").uid, kSomebody);
    EXPECT_EQ(of("file").uid, 0U);
}

TEST_F(Owner, ThatMayNotBeSetIsSaidAndTakesTheSetuidBitsWithIt) {
    give("file", kSomebody, kSomebody);
    Attributes wanted = of("file");
    wanted.uid = 0;
    wanted.gid = 0;
    wanted.mode = 06751;
    wanted.mtime_ns = 42;

    const Answer answer = apply_as_somebody("file", wanted);

    EXPECT_EQ(answer, OwnerDropped);
    EXPECT_EQ(of("file").uid, kSomebody);
    EXPECT_EQ(of("file").mode, 0751U);
    EXPECT_EQ(of("file").mtime_ns, 42) << "what could be set was not";
}

TEST_F(Owner, OfAGroupThatOneBelongsToIsSetWhereTheUserMayNotBe) {
    give("file", kSomebody, kSomebody);
    Attributes wanted = of("file");
    wanted.uid = 0;
    wanted.gid = kSomeGroup;
    wanted.mode = 02750;

    EXPECT_EQ(apply_as_somebody("file", wanted), OwnerDropped);
    EXPECT_EQ(of("file").uid, kSomebody);
    EXPECT_EQ(of("file").gid, kSomeGroup);
    EXPECT_EQ(of("file").mode, 0750U);
}

TEST_F(Owner, ThatIsRightAlreadyIsKeptWithItsSetuidBits) {
    give("file", kSomebody, kSomeGroup);
    Attributes wanted = of("file");
    wanted.mode = 06755;

    EXPECT_EQ(apply_as_somebody("file", wanted), OwnerKept);
    EXPECT_EQ(of("file").mode, 06755U);
}

TEST_F(Owner, AGroupThatOneDoesNotBelongToCountsAsAnOwnerNotKept) {
    give("file", kSomebody, kSomebody);
    Attributes wanted = of("file");
    wanted.gid = kOtherGroup;
    wanted.mode = 06755;

    EXPECT_EQ(apply_as_somebody("file", wanted), OwnerDropped);
    EXPECT_EQ(of("file").gid, kSomebody);
    EXPECT_EQ(of("file").mode, 0755U);
}

TEST_F(Owner, OfALinkThatMayNotBeSetIsSaid) {
    give("link", kSomebody, kSomebody);
    Attributes wanted = of("link");
    wanted.uid = 0;
    wanted.mtime_ns = 42;

    EXPECT_EQ(apply_as_somebody("link", wanted), OwnerDropped);
    EXPECT_EQ(of("link").mtime_ns, 42);
}

TEST_F(Owner, OfADirectoryWithoutAnyRightsCanStillBeWorkedOn) {
    give("folder", kSomebody, kSomebody);
    ASSERT_EQ(::chmod(path("folder").c_str(), 0), 0);
    Attributes wanted = of("folder");
    wanted.mode = 0500;
    wanted.mtime_ns = 42;

    EXPECT_EQ(apply_as_somebody("folder", wanted), OwnerKept);
    EXPECT_EQ(of("folder").mode, 0500U);
    EXPECT_EQ(of("folder").mtime_ns, 42);
}

TEST_F(Owner, ModesOfAFileOfSomebodyElseAreAnError) {
    Attributes wanted = of("file");
    wanted.mode = 0777;

    EXPECT_EQ(apply_as_somebody("file", wanted), NotApplied);
    EXPECT_EQ(of("file").mode, 0644U);
}

}  // namespace
}  // namespace godwit::files
