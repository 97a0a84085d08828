// Names that become hard links, and those that cannot.
#include <sys/mount.h>

#include "pack_in_folders.h"
#include "support/mount_namespace.h"

namespace godwit::agent {
namespace {

namespace fs = std::filesystem;
using test_support::write_text;
using testing::ElementsAre;
using testing::IsEmpty;

class CopyingALink : public Copying {
protected:
    // The only file of the pack becomes a further name of this one.
    void make_link_pack(const std::string& name, const std::string& carrier) {
        make_pack({name});
        entry().set_link_to(carrier);
        fs::create_hard_link(source(name), source(carrier));
        *entry().mutable_attributes() = listed(name).attributes();
    }
    work::FileEntry& entry() {
        return *work_.mutable_pack()->mutable_directories(0)->mutable_files(0);
    }
};

TEST_F(CopyingALink, GivesTheCarrierAnotherName) {
    make_link_pack("b", "a");
    write_text(destination("a"), "content!");
    test_support::set_mtime(destination("a"), entry().attributes().mtime_ns());

    EXPECT_EQ(plan_of(copy())[Count::FilesLinked], 1);
    EXPECT_TRUE(fs::equivalent(destination("a"), destination("b")));
    EXPECT_EQ(plan_of(copy())[Count::FilesSkipped], 1) << "it is one already";
}

// The carrier has failed, say, and what it was to replace is there still.
TEST_F(CopyingALink, NeverNamesWhatTheSourceHasNot) {
    make_link_pack("b", "a");
    const std::int64_t time = entry().attributes().mtime_ns();
    const auto expect_own_content = [&](const char* why) {
        const auto result = copy();
        const Plan anew = plan_of(result);
        EXPECT_THAT(anew.files, ElementsAre("b")) << why;
        EXPECT_THAT(anew.links, IsEmpty()) << why;
        EXPECT_EQ(anew[Count::FilesCopied] + anew[Count::FilesSkipped], 0) << why;
    };
    expect_own_content("there is none");
    write_text(destination("a"), "content!");
    expect_own_content("it is of another time");
    fs::create_hard_link(destination("a"), destination("b"));
    expect_own_content("it is of another time, and has the name already");
    write_text(destination("a"), "another size");
    test_support::set_mtime(destination("a"), time);
    expect_own_content("it is of another size");
    fs::remove(destination("a"));
    fs::create_symlink("12345678", destination("a"));
    test_support::set_mtime(destination("a"), time);
    expect_own_content("it is of another kind");
}

TEST_F(CopyingALink, AcrossMountsGetsContentOfItsOwn) {
    make_link_pack("b", "a");
    entry().set_link_to("mount/a");
    write_text(destination("mount/a"), "content!");
    test_support::set_mtime(destination("mount/a"), entry().attributes().mtime_ns());
    const std::string mount = destination("mount");

    test_support::expect_with_mounts(
        [&] { return ::mount(mount.c_str(), mount.c_str(), nullptr, MS_BIND, nullptr) == 0; },
        [&] {
            const Plan anew = plan_of(copy());
            return anew.files.contains("b") && anew.links.empty();
        });
}

TEST_F(CopyingALink, WithoutItsCarrierLeavesWhatStandsAsItShould) {
    make_link_pack("b", "a");
    entry().set_stands(true);

    const Plan done = plan_of(copy());

    EXPECT_THAT(done.files, IsEmpty());
    EXPECT_EQ(done[Count::FilesSkipped], 1);
}

}  // namespace
}  // namespace godwit::agent
