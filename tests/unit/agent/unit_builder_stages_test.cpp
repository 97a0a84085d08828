// What comes after the copies, by its depth: removals, and attributes of directories.
#include <map>
#include <set>

#include "built_units.h"
#include "model/progress.h"

namespace godwit::agent {
namespace {

using sdk::UnitKind;
using testing::SizeIs;

// ------------------------------------------------------------------------------------- directories

TEST_F(Units, SetDirectoriesTheDeepestFirstAndAfterAllElse) {
    build([](UnitBuilder& builder) {
        for (const char* path : {"", "a", "a/b", "a/b/c", "d/e"}) {
            work::Attributes attributes;
            attributes.set_mode(0700);
            builder.add_directory(path, attributes);
        }
    });

    std::map<std::string, std::uint32_t> stages;
    std::vector<std::string> order;
    for (const sdk::Unit& unit : of_kind(UnitKind::Directories)) {
        EXPECT_GT(unit.stage, model::kDeleteStage);
        const work::Work work = opened(unit);
        for (const auto& directory : work.directories().directories()) {
            EXPECT_EQ(directory.attributes().mode(), 0700U);
            stages[directory.path()] = unit.stage;
            order.push_back(directory.path());
        }
    }
    ASSERT_THAT(stages, SizeIs(5));
    for (const auto& [above, below] : {std::pair{"", "a"}, std::pair{"a", "a/b"},
                                       std::pair{"a/b", "a/b/c"}, std::pair{"", "d/e"}}) {
        const auto place = [&](const char* path) {
            return std::find(order.begin(), order.end(), path) - order.begin();
        };
        EXPECT_GE(stages.at(above), stages.at(below)) << above;
        EXPECT_GT(place(above), place(below)) << above;
    }
}

TEST_F(Units, SetDirectoriesInStagesThatOtherResultsAgreeOn) {
    const auto stage_of = [&](const std::string& path) {
        build([&](UnitBuilder& builder) { builder.add_directory(path, {}); });
        return effects_.units.at(0).stage;
    };

    EXPECT_EQ(stage_of(""), model::kDirectoryStage);
    EXPECT_EQ(stage_of("x"), stage_of("y"));
    EXPECT_LT(stage_of("x/y"), stage_of("x"));
    EXPECT_GT(stage_of(std::string(2 * model::kDepthMax, '/')), model::kDeleteStage);
}

TEST_F(Units, SetManyDirectoriesInSeveralUnits) {
    constexpr int kCount = 3'000;
    build([](UnitBuilder& builder) {
        for (int i = 0; i < kCount; ++i) builder.add_directory(std::to_string(i), {});
    });

    std::set<std::string> paths;
    for (const sdk::Unit& unit : effects_.units) {
        const work::Work work = opened(unit);
        for (const auto& directory : work.directories().directories()) {
            paths.insert(directory.path());
        }
    }
    EXPECT_GT(effects_.units.size(), 2U);
    EXPECT_LT(effects_.units.size(), 10U);
    EXPECT_THAT(paths, SizeIs(kCount));
}

TEST(Depth, OfAPathIsTheNumberOfItsComponents) {
    EXPECT_EQ(depth_of(""), 0U);
    EXPECT_EQ(depth_of("a"), 1U);
    EXPECT_EQ(depth_of("a/b/c"), 3U);
    EXPECT_EQ(depth_of(std::string(2 * model::kDepthMax, '/')), model::kDepthMax);
}

// ---------------------------------------------------------------------------------------- removals

work::Removal removal_of(const std::string& path, std::uint64_t entries,
                         const std::string& until = "") {
    work::Removal removal;
    removal.set_path(path);
    removal.set_entries(entries);
    removal.set_until(until);
    return removal;
}

TEST_F(Units, OfTheDeleteVerdictComeBeforeAllRemovals) {
    build([](UnitBuilder& builder) {
        builder.add_removal(removal_of(std::string(2 * model::kDepthMax, '/'), 1));
        builder.add_delete_verdict();
    });

    ASSERT_THAT(effects_.units, SizeIs(2));
    EXPECT_EQ(effects_.units[0].kind, UnitKind::Listing);
    EXPECT_EQ(effects_.units[0].stage, model::kDeleteStage);
    EXPECT_EQ(opened(effects_.units[0]).removals().removals_size(), 0);
    EXPECT_GT(effects_.units[1].stage, model::kDeleteStage);
}

TEST_F(Units, RemoveWhatIsInADirectoryBeforeItsOwnTurnComes) {
    build([](UnitBuilder& builder) {
        for (const char* path : {"", "a", "a/b", "b", "a/b/c"}) {
            builder.add_removal(removal_of(path, 1));
        }
    });

    std::map<std::string, std::uint32_t> stages;
    for (const sdk::Unit& unit : effects_.units) {
        const work::Work work = opened(unit);
        for (const auto& removal : work.removals().removals()) stages[removal.path()] = unit.stage;
    }
    ASSERT_THAT(stages, SizeIs(5));
    EXPECT_LT(stages["a/b/c"], stages["a/b"]);
    EXPECT_LT(stages["a/b"], stages["a"]);
    EXPECT_LT(stages["a"], stages[""]);
    EXPECT_EQ(stages["a"], stages["b"]);
    EXPECT_LT(stages[""], model::kDirectoryStage - model::kDepthMax);
}

TEST_F(Units, TakePartsOfOneDirectoryThatFollowEachOtherTogether) {
    build([](UnitBuilder& builder) {
        builder.add_removal(removal_of("long", 3, "m"));
        builder.add_removal(removal_of("long", 4));
    });

    ASSERT_THAT(effects_.units, SizeIs(1));
    const work::Removals removals = opened(effects_.units[0]).removals();
    ASSERT_EQ(removals.removals_size(), 1);
    EXPECT_EQ(removals.removals(0).entries(), 7U);
    EXPECT_EQ(removals.removals(0).until(), "");
}

TEST_F(Units, RemoveFromManyDirectoriesInSeveralUnits) {
    constexpr int kCount = 3'000;
    build([](UnitBuilder& builder) {
        for (int i = 0; i < kCount; ++i) builder.add_removal(removal_of(std::to_string(i), 1));
    });

    std::set<std::string> paths;
    for (const sdk::Unit& unit : effects_.units) {
        const work::Work work = opened(unit);
        for (const auto& removal : work.removals().removals()) paths.insert(removal.path());
    }
    EXPECT_THAT(paths, SizeIs(kCount));
    EXPECT_GT(effects_.units.size(), 2U);
    EXPECT_LT(effects_.units.size(), 10U);
}

}  // namespace
}  // namespace godwit::agent
