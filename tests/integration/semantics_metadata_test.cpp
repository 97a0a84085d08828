// S12: what belongs to a file beside its bytes.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "semantics.h"

namespace godwit::integration {
namespace {

class S12Metadata : public Semantics {};

TEST_F(S12Metadata, ModesAndTimesOfEveryKind) {
    int number = 0;
    for (const unsigned mode : {0U, 0400U, 0644U, 0755U, 04755U, 02755U, 01777U, 07777U, 0001U}) {
        const std::string name = source("mode-" + std::to_string(number++));
        write_text(name, "x");
        ::chmod(name.c_str(), mode);
        fs::create_directories(name + ".d");
        ::chmod((name + ".d").c_str(), mode | 0700U);
    }
    for (const std::int64_t time :
         {std::int64_t{0}, std::int64_t{-1}, std::int64_t{-86'400'000'000'001},
          std::int64_t{999'999'999}, std::int64_t{2'147'483'648'000'000'001},
          std::int64_t{4'000'000'000'123'456'789}}) {
        const std::string name = source("time-" + std::to_string(number++));
        write_text(name, "x");
        set_mtime(name, time);
        fs::create_directories(name + ".d");
        set_mtime(name + ".d", time);
    }
    if (is_root()) {
        write_text(source("owned"), "x");
        ASSERT_EQ(::lchown(source("owned").c_str(), 12345, 54321), 0);
        ::chmod(source("owned").c_str(), 06755);
        fs::create_symlink("x", source("owned-link"));
        ASSERT_EQ(::lchown(source("owned-link").c_str(), 1, 2), 0);
    }

    EXPECT_EQ(sync().state, "COMPLETED");

    EXPECT_THAT(differences(source(), destination()), IsEmpty());
    EXPECT_THAT(rsync_differences(source(), destination()), IsEmpty());
    EXPECT_EQ(sync().files("copied"), 0);
}

TEST_F(S12Metadata, AttributesAloneAreMendedWithoutSendingBytes) {
    write_random(source("file"), 100'000);
    ASSERT_EQ(sync().state, "COMPLETED");
    ::chmod(source("file").c_str(), 0600);

    const Ended ended = sync();

    EXPECT_EQ(ended.bytes("on_wire"), 0);
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
}

TEST_F(S12Metadata, ExtendedAttributesOnRequest) {
    write_text(source("file"), "x");
    fs::create_directories(source("folder"));
    fs::create_symlink("file", source("link"));
    const auto set = [&](const std::string& path, const char* name, const std::string& value) {
        return ::lsetxattr(path.c_str(), name, value.data(), value.size(), 0) == 0;
    };
    if (!set(source("file"), "user.colour", "blue")) {
        GTEST_SKIP() << "this file system has no extended attributes";
    }
    set(source("file"), "user.binary", std::string("\0\xff", 2));
    set(source("file"), "user.empty", "");
    set(source("folder"), "user.of-a-folder", "yes");
    if (is_root()) {
        set(source("file"), "trusted.secret", "t");
        set(source("link"), "trusted.of-a-link", "l");
    }
    Look look;
    look.xattrs = true;

    EXPECT_EQ(sync().state, "COMPLETED");
    EXPECT_NE(differences(source(), destination(), look), std::vector<std::string>{});
    EXPECT_EQ(sync(R"("xattrs":true)").state, "COMPLETED");
    EXPECT_THAT(differences(source(), destination(), look), IsEmpty());
    EXPECT_THAT(rsync_differences(source(), destination(), "-X"), IsEmpty());

    set(source("file"), "user.colour", "red");
    ::lremovexattr(source("file").c_str(), "user.empty");
    const Ended ended = sync(R"("xattrs":true)");
    EXPECT_THAT(differences(source(), destination(), look), IsEmpty());
    EXPECT_EQ(ended.bytes("on_wire"), 0);
    EXPECT_EQ(sync(R"("xattrs":true)").files("copied"), 0);
}

TEST_F(S12Metadata, AclsOnRequest) {
    write_text(source("file"), "x");
    fs::create_directories(source("folder/inside"));
    const auto setfacl = [&](const std::string& arguments, const std::string& path) {
        return test_support::run({"/bin/sh", "-c", "setfacl " + arguments + " " + path}).exit_code;
    };
    if (setfacl("-m u:1234:rw", source("file")) != 0) GTEST_SKIP() << "no ACLs here";
    setfacl("-m g:4321:rx -d -m u:99:rwx", source("folder"));
    fs::create_directories(destination());
    // What the destination would inherit must not stay.
    setfacl("-d -m u:77:rwx", destination());
    Look look;
    look.acls = true;

    EXPECT_EQ(sync(R"("acls":true)").state, "COMPLETED");

    EXPECT_THAT(differences(source(), destination(), look), IsEmpty());
    EXPECT_THAT(rsync_differences(source(), destination(), "-A"), IsEmpty());
    EXPECT_EQ(sync(R"("acls":true)").files("copied"), 0);
}

TEST_F(S12Metadata, AccessTimesOnRequest) {
    write_text(source("file"), "x");
    write_random(source("large"), 20 << 20);
    const timespec times[2] = {{1'111'111'111, 222'222'222}, {1'333'333'333, 444'444'444}};
    for (const char* name : {"file", "large"}) {
        ::utimensat(AT_FDCWD, source(name).c_str(), times, 0);
    }
    Look look;
    look.atime = true;

    EXPECT_EQ(sync(R"("atime":true)", R"(,"chunk_size_mb":4)").state, "COMPLETED");

    struct stat info {};
    ::stat(source("file").c_str(), &info);
    EXPECT_EQ(info.st_atim.tv_sec, 1'111'111'111) << "the source's was changed by reading it";
    EXPECT_THAT(differences(source(), destination(), look), IsEmpty());
}

TEST_F(S12Metadata, AccessTimesOfLinksAreNoReasonToSetThemAgainAndAgain) {
    write_text(source("file"), "x");
    fs::create_symlink("file", source("link"));
    ASSERT_EQ(sync(R"("atime":true)").state, "COMPLETED");

    const Ended again = sync(R"("atime":true)");

    EXPECT_EQ(again.files("copied"), 0);
    EXPECT_EQ(again.files("skipped"), again.files("discovered"));
}

}  // namespace
}  // namespace godwit::integration
