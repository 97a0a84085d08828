// Removals: what planning counted goes, and never more, however the source has changed since.
#include "agent/delete_walk.h"

#include "assignment_in_folders.h"

namespace godwit::agent {
namespace {

namespace fs = std::filesystem;
using test_support::write_text;
using testing::ElementsAre;
using testing::IsEmpty;

class Removals : public AssignmentInFolders {
protected:
    Removals() { assignment_.options.delete_surplus = model::Delete::After; }

    model::AssignmentResult remove(const sdk::Unit& unit) {
        const auto work = transfer::open_payload(unit.payload);
        EXPECT_TRUE(work);
        assignment_.unit = unit;
        return carry_out(remove_surplus, *work);
    }
    // All that was planned, and what comes of it, in the order of the stages.
    Plan remove_all(Plan plan) {
        while (!plan.removals.empty()) {
            const auto next = plan.removals.extract(plan.removals.begin());
            const auto result = remove(next.mapped());
            EXPECT_TRUE(result.success) << result.message;
            plan.add(result.effects);
        }
        return plan;
    }
    // The unit for what is in this directory, which is planned by itself.
    static sdk::Unit removal_in(const std::string& directory, const Plan& plan) {
        for (const auto& [stage, unit] : plan.removals) {
            const auto work = transfer::open_payload(unit.payload);
            if (work && work->removals().removals(0).path() == directory) return unit;
        }
        ADD_FAILURE() << "nothing is to be removed from " << directory;
        return {};
    }
    std::set<std::string> left() const {
        std::set<std::string> names;
        for (const auto& entry : fs::recursive_directory_iterator{destination()}) {
            names.insert(fs::relative(entry.path(), destination()));
        }
        return names;
    }
    void make_both() {
        for (const char* name : {"a", "b", "folder/c"}) write_text(source(name), "content");
        copy_all();
        write_text(destination("surplus"), "12345");
        write_text(destination("folder/surplus"), "x");
        write_text(destination("gone/deep/file"), "x");
    }
};

TEST_F(Removals, TakeWhatWasSurplusAndNothingElse) {
    make_both();

    const Plan done = remove_all(list_all());

    EXPECT_THAT(left(), ElementsAre("a", "b", "folder", "folder/c"));
    EXPECT_EQ(done[Count::FilesDeleted], 5);
    EXPECT_EQ(done[Count::FilesDeleted], done[Count::FilesSurplus]);
    EXPECT_EQ(done[Count::BytesDeleted], 7);
    EXPECT_THAT(done.error_codes(), IsEmpty());
}

TEST_F(Removals, ThatAreDoneWhenTheyAreToStopAreNotGivenBack) {
    make_both();
    const sdk::Unit unit = removal_in("folder", list_all());
    delivery_.on_removed = [&] { stop_.request_stop(); };

    const auto result = remove(unit);

    EXPECT_TRUE(result.success) << result.message;
    EXPECT_EQ(result.effects.counters[Count::FilesDeleted], 1);
}

TEST_F(Removals, ThatStopInTheMidstGiveBackWhatIsLeftAndNoMore) {
    make_both();
    const auto all = list_all();
    work::Work both;
    for (const char* directory : {"folder", ""}) {
        const auto one = transfer::open_payload(removal_in(directory, all).payload);
        *both.mutable_removals()->add_removals() = one->removals().removals(0);
    }
    sdk::Unit unit;
    unit.payload = *transfer::seal_payload(both);
    delivery_.on_removed = [&] { stop_.request_stop(); };

    const auto result = remove(unit);

    EXPECT_TRUE(result.released);
    EXPECT_EQ(result.effects.counters[Count::FilesDeleted], 1);
    ASSERT_TRUE(result.rest);
    const auto rest = transfer::open_payload(result.rest->payload);
    ASSERT_TRUE(rest && rest->has_removals());
    ASSERT_EQ(rest->removals().removals_size(), 1);
    EXPECT_EQ(rest->removals().removals(0).path(), "");
}

TEST_F(Removals, AreNoMoreThanWereCountedWhenTheSourceHasShrunk) {
    make_both();
    Plan plan = list_all();
    for (const char* name : {"a", "folder/c"}) fs::remove(source(name));

    const Plan done = remove_all(std::move(plan));

    EXPECT_LE(done[Count::FilesDeleted], done[Count::FilesSurplus]);
    EXPECT_EQ(done[Count::FilesDeleted], 5) << "two of what was not counted would be two too many";
}

TEST_F(Removals, AreNoneWhenTheSourceHasBecomeEmpty) {
    make_both();
    Plan plan = list_all();
    const auto before = left();
    fs::remove_all(source());
    fs::create_directory(source());

    const Plan done = remove_all(std::move(plan));

    EXPECT_EQ(left(), before);
    EXPECT_EQ(done[Count::FilesDeleted], 0);
    EXPECT_GT(done[Count::StepsGivenUp], 0) << "the master hands out no other";
    EXPECT_THAT(done.error_codes(), testing::Each(": max_delete_exceeded"));
}

// As when a file system below the storage path is unmounted: an empty directory has its place.
TEST_F(Removals, AreNoneInADirectoryThatIsAnotherOneByNow) {
    make_both();
    Plan plan = list_all();
    fs::rename(source("folder"), folder_.path("elsewhere"));
    fs::create_directory(source("folder"));

    remove_all(std::move(plan));

    EXPECT_THAT(left(), ElementsAre("a", "b", "folder", "folder/c", "folder/surplus"));
}

TEST_F(Removals, LeaveWhatTheSourceHasByNow) {
    make_both();
    Plan plan = list_all();
    write_text(source("surplus"), "x");
    write_text(source("gone/deep/other"), "x");

    const Plan done = remove_all(std::move(plan));

    EXPECT_THAT(left(), ElementsAre("a", "b", "folder", "folder/c", "gone", "gone/deep",
                                    "gone/deep/file", "surplus"));
    EXPECT_THAT(done.error_codes(), IsEmpty()) << "it is left to the next sync";
}

TEST_F(Removals, LeaveWhatHasComeToTheDestinationMeanwhile) {
    make_both();
    Plan plan = list_all();
    write_text(destination("gone/new"), "x");

    const Plan done = remove_all(std::move(plan));

    EXPECT_THAT(left(), testing::IsSupersetOf({"gone", "a", "b", "folder/c"}));
    EXPECT_LE(done[Count::FilesDeleted], done[Count::FilesSurplus]);
    EXPECT_THAT(done.error_codes(), IsEmpty());
}

// So that discovered = copied + skipped + vanished + special + failed.
TEST_F(Removals, ThatFailCountAsDiscovered) {
    make_both();
    Plan plan = list_all();
    const std::int64_t discovered = plan[Count::FilesDiscovered];
    delivery_.change_removed = [](peer::Removed& removed) {
        peer::Failure& failure = *removed.add_problems()->mutable_failure();
        failure.set_code(static_cast<std::uint32_t>(base::FileCode::PermissionDenied));
        failure.set_error_number(EPERM);
    };

    const Plan done = remove_all(std::move(plan));

    EXPECT_GT(done[Count::FilesFailed], 0);
    EXPECT_EQ(done[Count::FilesDiscovered], discovered + done[Count::FilesFailed]);
}

TEST_F(Removals, ThatAreBrokenOffAllowWhatIsLeftOnly) {
    make_both();
    const sdk::Unit unit = removal_in("gone/deep", list_all());
    delivery_.view_trouble = transfer::Trouble{base::FileCode::PeerLost, "gone"};

    const auto broken = remove(unit);

    EXPECT_FALSE(broken.success);
    ASSERT_TRUE(broken.rest);
    delivery_.view_trouble.reset();
    const auto again = remove(*broken.rest);
    EXPECT_TRUE(again.success);
    EXPECT_EQ(again.effects.counters[Count::FilesDeleted], 1);
    EXPECT_FALSE(fs::exists(destination("gone/deep/file")));
}

TEST_F(Removals, OfWhichNobodyHeardAreNotAllowedOnceMore) {
    make_both();
    const sdk::Unit unit = removal_in("gone/deep", list_all());
    delivery_.removed_trouble = transfer::Trouble{base::FileCode::PeerLost, "gone"};

    const auto unheard = remove(unit);

    EXPECT_FALSE(unheard.success);
    ASSERT_TRUE(unheard.rest);
    EXPECT_FALSE(fs::exists(destination("gone/deep/file")));
    delivery_.removed_trouble.reset();
    write_text(destination("gone/deep/new"), "x");
    EXPECT_TRUE(remove(*unheard.rest).success);
    EXPECT_TRUE(fs::exists(destination("gone/deep/new"))) << "nobody counted it";
}

}  // namespace
}  // namespace godwit::agent
