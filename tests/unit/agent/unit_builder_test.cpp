// Packs of small files, and what is left of a listing.
#include <map>
#include <random>
#include <set>

#include "built_units.h"
#include "model/progress.h"

namespace godwit::agent {
namespace {

using sdk::UnitKind;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// Bytes that no compression makes fewer.
class RandomText {
public:
    std::string operator()(std::size_t length) {
        std::string bytes(length, '\0');
        for (char& byte : bytes) byte = static_cast<char>('!' + random_() % 90);
        return bytes;
    }

private:
    std::mt19937 random_{1};
};

TEST_F(Units, OfNothingAreNone) {
    build([](UnitBuilder& builder) {
        EXPECT_FALSE(builder.is_full());
        builder.add_rest(std::vector<work::DirectoryCursor>{});
        builder.add_rest(work::Listing{});
    });

    EXPECT_THAT(effects_.units, IsEmpty());
    EXPECT_THAT(effects_.groups, IsEmpty());
}

// ------------------------------------------------------------------------------------------- packs

TEST_F(Units, PackSmallFilesUpToAChunk) {
    build([](UnitBuilder& builder) {
        builder.add_file("", file_of("a", 60));
        builder.add_file("", file_of("b", 40));
        builder.add_file("", file_of("c", 1));
        builder.add_file("d", file_of("e", 100));
    });

    EXPECT_THAT(packs(), ElementsAre(ElementsAre("a", "b"), ElementsAre("c"), ElementsAre("d/e")));
    EXPECT_EQ(effects_.units[0].files, 2U);
    EXPECT_EQ(effects_.units[0].bytes, 100U);
    EXPECT_EQ(effects_.units[0].label, "a");
    EXPECT_EQ(effects_.units[2].label, "d/e");
    EXPECT_EQ(effects_.units[2].bytes, 100U);
}

TEST_F(Units, PackFilesOfSeveralDirectoriesTogether) {
    build([](UnitBuilder& builder) {
        builder.add_file("x", file_of("a", 1));
        builder.add_file("x", file_of("b", 1));
        builder.add_file("y", file_of("a", 1));
        builder.add_file("x", file_of("c", 1));
    });

    EXPECT_THAT(packs(), ElementsAre(ElementsAre("x/a", "x/b", "y/a", "x/c")));
}

// A longer file goes on inside after an interruption.
TEST(UnitsOfLongChunks, ArePiecesOfWhatIsTooLongToBeSentAgain) {
    constexpr std::uint64_t kMebibyte = 1 << 20;
    sdk::Effects effects;
    const UnitBuilder builder{work::TREES, 1'000 * kMebibyte, effects};
    EXPECT_FALSE(builder.is_large(file_of("a", 64 * kMebibyte)));
    EXPECT_TRUE(builder.is_large(file_of("a", 64 * kMebibyte + 1)));
}

TEST_F(Units, PackWhatBringsNoBytesWithoutCountingItsSize) {
    work::FileEntry link = file_of("link", 1'000);
    link.set_type(work::SYMLINK);
    work::FileEntry attributes_only = file_of("attributes", 1'000);
    attributes_only.set_attributes_only(true);

    build([&](UnitBuilder& builder) {
        EXPECT_FALSE(builder.is_large(link));
        EXPECT_FALSE(builder.is_large(attributes_only));
        builder.add_file("", link);
        builder.add_file("", attributes_only);
        builder.add_file("", file_of("empty", 0));
        builder.add_file("", file_of("full", 100));
    });

    EXPECT_THAT(packs(), ElementsAre(ElementsAre("link", "attributes", "empty", "full")));
    EXPECT_EQ(effects_.units[0].bytes, 100U);
}

TEST_F(Units, PackNoMoreThanSoManyFiles) {
    build([](UnitBuilder& builder) {
        for (int i = 0; i < 2 * kFilesPerPack + 1; ++i) {
            builder.add_file("", file_of(std::to_string(i), 0));
        }
    });

    ASSERT_THAT(packs(), SizeIs(3));
    EXPECT_THAT(packs()[0], SizeIs(kFilesPerPack));
    EXPECT_THAT(packs()[2], SizeIs(1));
}

TEST_F(Units, AreCutWhereTheNamesOfDeepFilesGetTooLongForOnePayload) {
    RandomText text;
    std::multiset<std::string> expected;
    work::Work uncut;
    build([&](UnitBuilder& builder) {
        for (int i = 0; i < kFilesPerPack; ++i) {
            std::string directory = text(255);
            while (directory.size() < 3'500) directory += "/" + text(255);
            const work::FileEntry entry = file_of(text(255), 0);
            expected.insert(path_of(directory, entry.name()));
            builder.add_file(directory, entry);
            work::DirectoryFiles& files = *uncut.mutable_pack()->add_directories();
            files.set_path(directory);
            *files.add_files() = entry;
        }
    });

    ASSERT_FALSE(transfer::seal_payload(uncut)) << "nothing had to be cut";
    EXPECT_THAT(effects_.errors, IsEmpty());
    std::multiset<std::string> found;
    std::uint64_t files = 0;
    for (const auto& pack : packs()) found.insert(pack.begin(), pack.end());
    for (const sdk::Unit& unit : effects_.units) {
        EXPECT_LT(unit.payload.size(), sdk::kPayloadBytesMax);
        files += unit.files;
    }
    EXPECT_EQ(found, expected);
    EXPECT_EQ(files, expected.size());
}

TEST_F(Units, CarryEverySymlinkHoweverLongItsNameAndItsTarget) {
    RandomText text;
    std::multiset<std::string> expected;
    build([&](UnitBuilder& builder) {
        for (int i = 0; i < kFilesPerPack; ++i) {
            work::FileEntry link = file_of(text(255), 0);
            link.set_type(work::SYMLINK);
            link.set_link_target(text(4'095));
            expected.insert(link.name() + " -> " + link.link_target());
            builder.add_file("", link);
        }
    });

    EXPECT_THAT(effects_.errors, IsEmpty());
    std::multiset<std::string> found;
    for (const sdk::Unit& unit : effects_.units) {
        EXPECT_LT(unit.payload.size(), sdk::kPayloadBytesMax);
        const work::Work work = opened(unit);
        for (const work::DirectoryFiles& directory : work.pack().directories()) {
            for (const work::FileEntry& link : directory.files()) {
                found.insert(link.name() + " -> " + link.link_target());
            }
        }
    }
    EXPECT_EQ(found, expected);
}

TEST_F(Units, OfHardLinksComeAfterAllCopies) {
    work::FileEntry link = file_of("b", 60);
    link.set_link_to("a");

    build([&](UnitBuilder& builder) {
        builder.add_link("", link);
        builder.add_file("", file_of("a", 60));
        for (int i = 1; i < kFilesPerPack; ++i) builder.add_link("d", link);
        builder.add_link("e", link);
    });

    std::map<std::uint32_t, std::uint64_t> files;  // By stage.
    for (const sdk::Unit& unit : effects_.units) {
        EXPECT_EQ(unit.kind, UnitKind::Chunk);
        files[unit.stage] += unit.files;
        const work::Work work = opened(unit);
        for (const work::DirectoryFiles& directory : work.pack().directories()) {
            for (const work::FileEntry& entry : directory.files()) {
                EXPECT_EQ(entry.link_to(), unit.stage == model::kLinkStage ? "a" : "");
            }
        }
    }
    EXPECT_EQ(files, (std::map<std::uint32_t, std::uint64_t>{
                         {model::kCopyStage, 1}, {model::kLinkStage, kFilesPerPack + 1U}}));
}

TEST_F(Units, HangWhereTheirMakerWasToldTo) {
    build([](UnitBuilder& builder) {
        builder.add_file("", file_of("small", 1));
        builder.add_large_file("", file_of("large", (kUnitsMax + 1) * kChunk), all_data());
        builder.add_link("", file_of("link", 1));
        builder.add_directory("", {});
        builder.add_delete_verdict();
        builder.add_removal({});
    });

    for (const sdk::Unit& unit : effects_.units) {
        EXPECT_EQ(opened(unit).roots(), work::FILE_INTO_TREE) << unit.label;
    }
    EXPECT_EQ(opened(effects_.groups.at(0).then).roots(), work::FILE_INTO_TREE);
}

// -------------------------------------------------------------------------------------------- rest

TEST_F(Units, ShareTheRestAmongAFewListings) {
    for (const std::size_t count : {1U, 2U, 7U, 8U, 9U, 100U, 5'000U}) {
        std::vector<work::DirectoryCursor> cursors(count);
        for (std::size_t i = 0; i < count; ++i) {
            cursors[i].set_path(std::to_string(i));
            cursors[i].set_after("behind");
        }

        build([&](UnitBuilder& builder) { builder.add_rest(cursors); });

        std::multiset<std::string> paths;
        for (const sdk::Unit& unit : effects_.units) {
            EXPECT_EQ(unit.kind, UnitKind::Listing);
            EXPECT_EQ(unit.stage, model::kCopyStage);
            const work::Work work = opened(unit);
            for (const auto& cursor : work.listing().directories()) {
                EXPECT_EQ(cursor.after(), "behind");
                paths.insert(cursor.path());
            }
        }
        EXPECT_THAT(paths, SizeIs(count));
        EXPECT_THAT(std::set<std::string>(paths.begin(), paths.end()), SizeIs(count));
        EXPECT_LE(effects_.units.size(), 8U) << count;
        EXPECT_GE(effects_.units.size(), std::min<std::size_t>(count, 3)) << count;
    }
}

TEST_F(Units, CarryARestOfVeryLongPaths) {
    RandomText text;
    std::vector<work::DirectoryCursor> cursors(200);
    for (work::DirectoryCursor& cursor : cursors) cursor.set_path(text(100'000));

    build([&](UnitBuilder& builder) { builder.add_rest(cursors); });

    std::size_t count = 0;
    for (const sdk::Unit& unit : effects_.units) {
        count += static_cast<std::size_t>(opened(unit).listing().directories_size());
    }
    EXPECT_EQ(count, cursors.size());
    EXPECT_THAT(effects_.errors, IsEmpty());
}

TEST_F(Units, CarryTheRestOfAListHoweverLongItsPaths) {
    RandomText text;
    work::Listing list;
    list.set_again(true);
    std::multiset<std::string> expected;
    for (int i = 0; i < 1'000; ++i) {
        list.add_paths(text(4'000));
        list.add_covered(text(4'000));
        expected.insert("path " + list.paths(i));
        expected.insert("covered " + list.covered(i));
    }

    build([&](UnitBuilder& builder) { builder.add_rest(list); });

    std::multiset<std::string> found;
    for (const sdk::Unit& unit : effects_.units) {
        const work::Listing listing = opened(unit).listing();
        EXPECT_TRUE(listing.again());
        for (const std::string& path : listing.paths()) found.insert("path " + path);
        for (const std::string& path : listing.covered()) found.insert("covered " + path);
    }
    EXPECT_EQ(found, expected);
    EXPECT_THAT(effects_.errors, IsEmpty());
}

// When a unit of one file is given up, its error names all that is missing; of any other, it does
// not, and the request needs a run from the beginning.
TEST_F(Units, OfNoFilesDoNotPassForOneFile) {
    build([&](UnitBuilder& builder) {
        builder.add_rest(std::vector<work::DirectoryCursor>(1));
        builder.add_directory("a", {});
        builder.add_large_file("", file_of("large", (kUnitsMax + 1) * kChunk), all_data());
    });

    ASSERT_THAT(of_kind(UnitKind::Listing), SizeIs(2));
    ASSERT_THAT(of_kind(UnitKind::Directories), SizeIs(1));
    for (const sdk::Unit& unit : effects_.units) {
        if (unit.kind == UnitKind::Chunk) continue;
        EXPECT_NE(unit.files, 1U) << unit.label;
    }
}

}  // namespace
}  // namespace godwit::agent
