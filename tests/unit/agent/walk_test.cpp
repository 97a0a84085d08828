// What a listing makes of a source, beside what the destination has.
#include <sys/stat.h>

#include "assignment_in_folders.h"

namespace godwit::agent {
namespace {

namespace fs = std::filesystem;
using test_support::set_mtime;
using test_support::write_text;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class Walk : public AssignmentInFolders {
protected:
    // Files and links below the source, found without Godwit's code.
    std::multiset<std::string> files_there() const {
        std::multiset<std::string> files;
        for (const auto& entry : fs::recursive_directory_iterator{source()}) {
            if (entry.is_symlink() || entry.is_regular_file()) {
                files.insert(fs::relative(entry.path().parent_path(), source()) /
                             entry.path().filename());
            }
        }
        return files;
    }
    static std::multiset<std::string> normal(const std::multiset<std::string>& paths) {
        std::multiset<std::string> normal;
        for (const std::string& path : paths) normal.insert(fs::path{path}.lexically_normal());
        return normal;
    }
};

TEST_F(Walk, PlansEveryFileAndLinkOnce) {
    test_support::make_realistic_tree(source(), 60, 0);

    const Plan plan = list_all();

    EXPECT_EQ(normal(plan.files), normal(files_there()));
    EXPECT_THAT(plan.attributes_only, IsEmpty());
    EXPECT_EQ(plan[Count::FilesPlanned], static_cast<std::int64_t>(plan.files.size()));
    EXPECT_EQ(plan[Count::FilesSkipped], 0);
    EXPECT_THAT(plan.errors, IsEmpty());
}

TEST_F(Walk, CountsWhatItMeets) {
    write_text(source("a/file"), "12345");
    write_text(source("a/empty"), "");
    fs::create_symlink("file", source("a/link"));
    fs::create_directory(source("b"));
    ASSERT_EQ(::mkfifo(source("fifo").c_str(), 0600), 0);

    const Plan plan = list_all();

    EXPECT_EQ(plan[Count::Directories], 3);
    EXPECT_EQ(plan[Count::FilesDiscovered], 4);
    EXPECT_EQ(plan[Count::FilesSpecial], 1);
    EXPECT_EQ(plan[Count::FilesPlanned], 3);
    EXPECT_EQ(plan[Count::BytesDiscovered], 5);
    EXPECT_EQ(plan[Count::BytesPlanned], 5);
    EXPECT_THAT(plan.files, UnorderedElementsAre("a/file", "a/empty", "a/link"));
}

TEST_F(Walk, OfAnEmptySourcePlansNothing) {
    const Plan plan = list_all();

    EXPECT_THAT(plan.files, IsEmpty());
    EXPECT_EQ(plan[Count::Directories], 1);
}

TEST_F(Walk, MakesDirectoriesAndPlansTheirAttributes) {
    fs::create_directories(source("a/b/c"));

    const Plan plan = list_all();

    EXPECT_TRUE(fs::is_directory(destination("a/b/c")));
    EXPECT_THAT(plan.directories, testing::IsSupersetOf({"a/b/c", "a/b", "a"}));
}

// --------------------------------------------------------------------------------------- comparing

TEST_F(Walk, SkipsWhatIsIdentical) {
    test_support::make_realistic_tree(source(), 60, 0);
    copy_all();

    const Plan plan = list_all();

    EXPECT_THAT(plan.files, IsEmpty());
    EXPECT_THAT(plan.directories, IsEmpty());
    EXPECT_EQ(plan[Count::FilesSkipped], static_cast<std::int64_t>(files_there().size()));
    EXPECT_EQ(plan[Count::BytesSkipped], plan[Count::BytesDiscovered]);
    EXPECT_EQ(plan[Count::FilesPlanned], 0);
}

TEST_F(Walk, PlansWhatIsOfAnotherSizeTimeOrTarget) {
    for (const char* name : {"same", "longer", "later", "earlier"}) {
        write_text(source(name), "content");
        set_mtime(source(name), 1'000'000'000'000'000'005);
    }
    fs::create_symlink("same", source("link"));
    fs::create_symlink("same", source("other-link"));
    copy_all();
    write_text(destination("longer"), "content and more");
    set_mtime(destination("longer"), 1'000'000'000'000'000'005);
    set_mtime(destination("later"), 1'000'000'000'000'000'006);
    set_mtime(destination("earlier"), 1'000'000'000'000'000'004);
    fs::remove(destination("other-link"));
    fs::create_symlink("other", destination("other-link"));

    const Plan plan = list_all();

    EXPECT_THAT(plan.files, UnorderedElementsAre("longer", "later", "earlier", "other-link"));
    EXPECT_THAT(plan.attributes_only, IsEmpty());
    EXPECT_EQ(plan[Count::FilesSkipped], 2);
}

TEST_F(Walk, PlansAttributesAloneWhereTheContentIsTheSame) {
    write_text(source("file"), "content");
    copy_all();
    ASSERT_EQ(::chmod(destination("file").c_str(), 0600), 0);

    const Plan plan = list_all();

    EXPECT_THAT(plan.attributes_only, ElementsAre("file"));
    EXPECT_EQ(plan[Count::BytesPlanned], 0);
}

TEST_F(Walk, PlansContentWhereAnotherNameWouldGetTheAttributesToo) {
    write_text(source("a"), "content");
    fs::create_hard_link(source("a"), source("b"));
    copy_all();
    ASSERT_EQ(::chmod(destination("a").c_str(), 0600), 0);

    EXPECT_THAT(list_all().attributes_only, IsEmpty());

    assignment_.options.hardlinks = true;
    EXPECT_THAT(list_all().attributes_only, testing::SizeIs(1)) << "here they are one file";
}

TEST_F(Walk, PlansWhatIsOfAnotherKind) {
    write_text(source("file"), "content");
    fs::create_symlink("x", source("link"));
    fs::create_symlink("file", destination("file"));
    write_text(destination("link"), "content");

    EXPECT_THAT(list_all().files, UnorderedElementsAre("file", "link"));
}

TEST_F(Walk, SetsTheAttributesOfADirectoryThatDiffers) {
    fs::create_directory(source("same"));
    fs::create_directory(source("other"));
    copy_all();
    ASSERT_EQ(::chmod(destination("other").c_str(), 0700), 0);

    EXPECT_THAT(list_all().directories, ElementsAre("other"));
}

TEST_F(Walk, SetsTheTimesOfADirectoryThatSomethingIsWrittenTo) {
    write_text(source("a/file"), "content");
    copy_all();
    fs::remove(destination("a/file"));
    set_mtime(destination("a"), 5);
    set_mtime(source("a"), 5);

    EXPECT_THAT(list_all().directories, ElementsAre("a"));
}

// --------------------------------------------------------------------------- in each other's way

TEST_F(Walk, ReportsADirectoryInTheWayOfAFileAndGoesOn) {
    write_text(source("a"), "12345");
    write_text(source("b"), "content");
    fs::create_directory(destination("a"));

    const Plan plan = list_all();

    EXPECT_THAT(plan.error_codes(), ElementsAre("a: type_conflict"));
    EXPECT_EQ(plan[Count::FilesFailed], 1);
    EXPECT_EQ(plan[Count::BytesFailed], 5);
    EXPECT_THAT(plan.files, ElementsAre("b"));
}

TEST_F(Walk, ReportsAFileInTheWayOfADirectoryAndGoesOn) {
    write_text(source("a/one"), "12345");
    write_text(source("a/two"), "12345");
    write_text(source("b/three"), "content");
    write_text(destination("a"), "in the way");

    const Plan plan = list_all();

    EXPECT_THAT(plan.error_codes(), ElementsAre("a: type_conflict"));
    EXPECT_EQ(plan[Count::FilesFailed], 2);
    EXPECT_EQ(plan[Count::BytesFailed], 10);
    EXPECT_THAT(plan.files, ElementsAre("b/three"));
    EXPECT_EQ(test_support::read_file(destination("a")), "in the way");
}

TEST_F(Walk, FollowsNoLinkAtTheDestination) {
    write_text(source("a/file"), "content");
    fs::create_directory(folder_.path("outside"));
    fs::create_directory_symlink(folder_.path("outside"), destination("a"));

    const Plan plan = list_all();

    EXPECT_THAT(plan.error_codes(), ElementsAre("a: type_conflict"));
    EXPECT_TRUE(fs::is_empty(folder_.path("outside")));
}

// ----------------------------------------------------------------------------------------- options

TEST_F(Walk, LeavesLinksOutWhenItIsToldTo) {
    assignment_.options.symlinks = model::Symlinks::Skip;
    write_text(source("file"), "content");
    fs::create_symlink("file", source("link"));

    const Plan plan = list_all();

    EXPECT_THAT(plan.files, ElementsAre("file"));
    EXPECT_EQ(plan[Count::FilesSkipped], 1);
}

TEST_F(Walk, PlansAHardLinkOnceAndItsOtherNamesAsLinksToIt) {
    assignment_.options.hardlinks = true;
    write_text(source("a/one"), "12345");
    fs::create_directory(source("b"));
    fs::create_hard_link(source("a/one"), source("b/two"));
    write_text(source("single"), "123");

    const Plan plan = list_all();

    EXPECT_THAT(plan.files, UnorderedElementsAre("a/one", "b/two", "single"));
    ASSERT_EQ(plan.links.size(), 1U);
    const auto& [link, carrier] = *plan.links.begin();
    EXPECT_THAT((std::vector{link, carrier}), UnorderedElementsAre("a/one", "b/two"));
    EXPECT_EQ(plan[Count::BytesPlanned], 8);
    EXPECT_EQ(plan[Count::BytesDiscovered], 8) << "what two names have is counted once";
}

TEST_F(Walk, LeavesANameThatIsNewerAtTheDestinationThoughItsCarrierIsPlanned) {
    assignment_.options.hardlinks = true;
    assignment_.options.compare = model::Compare::Newer;
    write_text(source("a"), "12345");
    fs::create_hard_link(source("a"), source("b"));
    write_text(destination("a"), "old");
    set_mtime(destination("a"), 1'000);
    write_text(destination("b"), "newer");
    set_mtime(destination("b"), 4'000'000'000'000'000'000);

    const Plan plan = list_all();

    EXPECT_THAT(plan.files, ElementsAre("a"));
    EXPECT_EQ(plan[Count::FilesSkipped], 1);
}

TEST_F(Walk, OfADryRunCountsAndPlansNothing) {
    assignment_.options.dry_run = true;
    write_text(source("a/file"), "12345");

    const Plan plan = list_all();

    EXPECT_EQ(plan[Count::FilesPlanned], 1);
    EXPECT_EQ(plan[Count::BytesPlanned], 5);
    EXPECT_THAT(plan.files, IsEmpty());
    EXPECT_THAT(plan.directories, IsEmpty());
    EXPECT_TRUE(fs::is_empty(destination()));
}

TEST_F(Walk, PlansRemovalsBehindOneVerdictAndCountsWhatTheyWouldRemove) {
    assignment_.options.delete_surplus = model::Delete::After;
    write_text(source("both"), "content");
    copy_all();
    write_text(destination("surplus/inside"), "12345");

    const Plan plan = list_all();

    EXPECT_EQ(plan.verdicts.size(), 1U);
    EXPECT_EQ(plan.removals.size(), 2U);
    EXPECT_THAT(plan.directories, ElementsAre("")) << "removing an entry changes its times";
    EXPECT_EQ(plan[Count::FilesSurplus], 2) << "the directory, and what is in it";
    EXPECT_EQ(plan[Count::FilesAtDestination], 3);
    EXPECT_TRUE(fs::exists(destination("surplus/inside"))) << "the master has not allowed it yet";
}

TEST_F(Walk, ReadsWhatHasTheSameSizeWhenContentsAreCompared) {
    assignment_.options.compare = model::Compare::Checksum;
    for (const char* name : {"same", "other"}) write_text(source(name), "content");
    copy_all();
    write_text(destination("other"), "CONTENT");
    set_mtime(source("other"), 5);
    set_mtime(destination("other"), 5);

    const Plan plan = list_all();

    EXPECT_THAT(plan.files, ElementsAre("other"));
    EXPECT_EQ(plan[Count::FilesSkipped], 1);
}

// ------------------------------------------------------------------------------------------- lists

TEST_F(Walk, OfAListVisitsWhatItNames) {
    write_text(source("a/b/named"), "content");
    write_text(source("a/b/other"), "content");
    write_text(source("folder/inside"), "content");
    work::Work work;
    work.mutable_listing()->set_root(true);
    for (const char* path : {"a/b/named", "folder", "missing"}) {
        work.mutable_listing()->add_paths(path);
    }

    const Plan plan = list_rest(plan_of(list(work)));

    EXPECT_THAT(plan.files, UnorderedElementsAre("a/b/named", "folder/inside"));
    EXPECT_THAT(plan.error_codes(), ElementsAre("missing: source_missing"));
    EXPECT_EQ(plan[Count::FilesFailed], 1);
    EXPECT_EQ(plan[Count::FilesDiscovered], 3);
}

TEST_F(Walk, OfWhatHasFailedBeforeTakesWhatIsGoneForVanished) {
    work::Work work;
    work.mutable_listing()->set_root(true);
    work.mutable_listing()->set_again(true);
    work.mutable_listing()->add_paths("gone");

    const Plan plan = list_rest(plan_of(list(work)));

    EXPECT_THAT(plan.error_codes(), ElementsAre("gone: source_vanished"));
    EXPECT_EQ(plan[Count::FilesVanished], 1);
    EXPECT_EQ(plan[Count::FilesFailed], 0);
}

TEST_F(Walk, NeverListsTemporaries) {
    write_text(source(".godwit.0123456789abcdef.0123456789abcdef"), "half of a file");
    write_text(source("file"), "content");

    const Plan plan = list_all();

    EXPECT_THAT(plan.files, ElementsAre("file"));
    EXPECT_EQ(plan[Count::FilesDiscovered], 1);
}

}  // namespace
}  // namespace godwit::agent
