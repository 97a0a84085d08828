// How large files are cut into ranges, and put together again.
#include <fcntl.h>
#include <unistd.h>

#include <map>
#include <set>

#include "base/unique_fd.h"
#include "built_units.h"
#include "files/extents.h"
#include "model/progress.h"
#include "support/tree.h"

namespace godwit::agent {
namespace {

using sdk::UnitKind;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class LargeFiles : public Units {
protected:
    // Lengths of the ranges by offset, of the last result.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges() const {
        std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
        for (const sdk::Unit& unit : of_kind(UnitKind::Chunk)) {
            const work::Work work = opened(unit);
            EXPECT_EQ(work.range().offset(), unit.offset);
            EXPECT_EQ(work.range().length(), unit.bytes);
            ranges.emplace_back(unit.offset, unit.bytes);
        }
        return ranges;
    }
    static void add(UnitBuilder& builder, std::uint64_t size, const DataMap& data = all_data()) {
        const work::FileEntry entry = file_of("large", size);
        EXPECT_TRUE(builder.is_large(entry));
        builder.add_large_file("d", entry, data);
    }
};

TEST_F(LargeFiles, AreLongerThanAChunk) {
    build([](UnitBuilder& builder) {
        EXPECT_FALSE(builder.is_large(file_of("file", kChunk)));
        EXPECT_TRUE(builder.is_large(file_of("file", kChunk + 1)));
    });
}

TEST_F(LargeFiles, AreCoveredWithRangesExactlyOnce) {
    build([](UnitBuilder& builder) { add(builder, 3 * kChunk + 1); });

    ASSERT_THAT(effects_.groups, SizeIs(1));
    const sdk::Group& group = effects_.groups[0];
    EXPECT_NE(group.id, 0U);
    EXPECT_EQ(group.parts, 4U);
    EXPECT_THAT(ranges(), ElementsAre(Pair(0, 100), Pair(100, 100), Pair(200, 100), Pair(300, 1)));
    EXPECT_THAT(effects_.units, SizeIs(group.parts));
    for (const sdk::Unit& unit : effects_.units) {
        EXPECT_EQ(unit.group, group.id);
        EXPECT_EQ(unit.label, "d/large");
        EXPECT_EQ(opened(unit).range().directory(), "d");
        EXPECT_EQ(opened(unit).range().file().name(), "large");
    }
}

TEST_F(LargeFiles, ArePublishedWhenTheirRangesAreIn) {
    build([](UnitBuilder& builder) { add(builder, 2 * kChunk); });

    ASSERT_THAT(effects_.groups, SizeIs(1));
    const sdk::Unit& then = effects_.groups[0].then;
    EXPECT_EQ(then.kind, UnitKind::Publish);
    EXPECT_EQ(then.files, 1U);
    EXPECT_EQ(then.label, "d/large");
    const work::Publish publication = opened(then).publish();
    EXPECT_EQ(publication.directory(), "d");
    EXPECT_EQ(publication.file().name(), "large");
    EXPECT_FALSE(publication.all_hole());
    EXPECT_EQ(publication.hole_bytes(), 0U);
    for (const sdk::Unit& unit : effects_.units) {
        EXPECT_EQ(opened(unit).range().temporary(), publication.temporary())
            << "they would write to another file than is published";
    }
}

TEST_F(LargeFiles, OfTwoPlansAreToldApart) {
    build([](UnitBuilder& builder) {
        add(builder, 2 * kChunk);
        add(builder, 2 * kChunk);
    });

    ASSERT_THAT(effects_.groups, SizeIs(2));
    EXPECT_NE(effects_.groups[0].id, effects_.groups[1].id);
    EXPECT_NE(opened(effects_.units.front()).range().temporary(),
              opened(effects_.units.back()).range().temporary());
}

TEST_F(LargeFiles, GoOnOverAnyNumberOfResults) {
    constexpr std::uint64_t kSize = (3 * kUnitsMax + 7) * kChunk - 1;
    std::map<std::uint64_t, std::uint64_t> all;  // Length by offset.
    std::set<std::uint64_t> groups;
    std::uint32_t promised = 0;
    build([](UnitBuilder& builder) {
        add(builder, kSize);
        EXPECT_TRUE(builder.is_full());
    });
    for (int result = 1; result < 10; ++result) {
        for (const sdk::Group& group : effects_.groups) promised += group.parts;
        for (const sdk::Unit& unit : of_kind(UnitKind::Chunk)) {
            EXPECT_TRUE(all.emplace(unit.offset, unit.bytes).second) << unit.offset;
            groups.insert(unit.group);
        }
        const auto listings = of_kind(UnitKind::Listing);
        if (listings.empty()) break;
        ASSERT_THAT(listings, SizeIs(1));
        const work::Listing listing = opened(listings[0]).listing();
        ASSERT_EQ(listing.files_size(), 1);
        build([&](UnitBuilder& builder) {
            builder.continue_large_file(listing.files(0), all_data());
        });
    }

    std::uint64_t next = 0;
    for (const auto& [offset, length] : all) {
        EXPECT_EQ(offset, next);
        next += length;
    }
    EXPECT_EQ(next, kSize);
    EXPECT_EQ(promised, all.size());
    EXPECT_THAT(groups, SizeIs(1));
}

TEST_F(LargeFiles, GoBeforeSmallOnes) {
    build([](UnitBuilder& builder) {
        builder.add_file("", file_of("small", 1));
        add(builder, 2 * kChunk);
    });

    const auto chunks = of_kind(UnitKind::Chunk);
    ASSERT_THAT(chunks, SizeIs(3));
    std::map<bool, std::uint32_t> ranks;  // By whether it is a range.
    for (const sdk::Unit& chunk : chunks) {
        EXPECT_EQ(chunk.stage, model::kCopyStage);
        ranks[chunk.group != 0] = chunk.rank;
    }
    EXPECT_LT(ranks.at(true), ranks.at(false));
}

// ------------------------------------------------------------------------------------------- holes

// Data from 0 to 150, and from 350 to 420.
std::optional<std::uint64_t> two_pieces(std::uint64_t offset) {
    if (offset < 150) return offset;
    if (offset < 350) return 350;
    if (offset < 420) return offset;
    return std::nullopt;
}

std::optional<std::uint64_t> no_data(std::uint64_t) {
    return std::nullopt;
}

TEST_F(LargeFiles, HaveNoRangesWhereThereIsOnlyAHole) {
    build([](UnitBuilder& builder) { add(builder, 1'050, two_pieces); });

    EXPECT_THAT(ranges(),
                ElementsAre(Pair(0, 100), Pair(100, 100), Pair(300, 100), Pair(400, 100)));
    ASSERT_THAT(effects_.groups, SizeIs(1));
    EXPECT_EQ(effects_.groups[0].parts, 4U);
    const work::Publish publication = opened(effects_.groups[0].then).publish();
    EXPECT_EQ(publication.hole_bytes(), 1'050U - 400U) << "nobody else counts them";
    EXPECT_FALSE(publication.all_hole());
}

TEST_F(LargeFiles, ThatAreHolesOnlyArePublishedAtOnce) {
    build([](UnitBuilder& builder) { add(builder, 1'050, no_data); });

    EXPECT_THAT(effects_.groups, IsEmpty());
    ASSERT_THAT(effects_.units, SizeIs(1));
    EXPECT_EQ(effects_.units[0].kind, UnitKind::Publish);
    EXPECT_EQ(effects_.units[0].files, 1U);
    const work::Publish publication = opened(effects_.units[0]).publish();
    EXPECT_TRUE(publication.all_hole());
    EXPECT_EQ(publication.hole_bytes(), 1'050U);
    EXPECT_EQ(publication.directory(), "d");
    EXPECT_EQ(publication.file().name(), "large");
}

// Else the publication, which notices the change, would never come.
TEST_F(LargeFiles, ThatLoseDataMeanwhileHaveAsManyRangesAsWerePromised) {
    work::FileCursor cursor;
    *cursor.mutable_file() = file_of("large", 1'000);
    cursor.set_group(7);
    cursor.set_next_offset(300);
    cursor.set_parts_left(5);

    build([&](UnitBuilder& builder) { builder.continue_large_file(cursor, two_pieces); });

    EXPECT_THAT(ranges(),
                ElementsAre(Pair(300, 100), Pair(400, 100), Pair(0, 0), Pair(0, 0), Pair(0, 0)));
    for (const sdk::Unit& unit : effects_.units) EXPECT_EQ(unit.group, 7U);
}

TEST_F(LargeFiles, ThatGetMoreDataMeanwhileHaveAsManyRangesAsWerePromised) {
    work::FileCursor cursor;
    *cursor.mutable_file() = file_of("large", 1'000);
    cursor.set_group(7);
    cursor.set_parts_left(2);

    build([&](UnitBuilder& builder) { builder.continue_large_file(cursor, all_data()); });

    EXPECT_THAT(ranges(), ElementsAre(Pair(0, 100), Pair(100, 100)));
    EXPECT_THAT(of_kind(UnitKind::Listing), IsEmpty());
}

class SparseFile : public testing::Test {
protected:
    static constexpr std::uint64_t kSize = 4 << 20;
    static constexpr std::uint64_t kData = 2 << 20;

    SparseFile() {
        EXPECT_EQ(::ftruncate(fd_.get(), kSize), 0);
        EXPECT_EQ(::pwrite(fd_.get(), "data", 4, kData), 4);
        entry_ = file_of("file", kSize);
        entry_.set_sparse(true);
    }
    void SetUp() override {
        const auto next = files::next_data(fd_.get(), 0, kSize, files::kSmallestHoleBytes);
        ASSERT_TRUE(next);
        if (*next && (*next)->begin == 0) GTEST_SKIP() << "this file system has no holes";
    }
    std::optional<std::uint64_t> data_from(std::uint64_t offset) const {
        return data_map(fd_.get(), entry_, options_)(offset);
    }

    test_support::TemporaryFolder folder_;
    const base::UniqueFd fd_{
        ::open(folder_.path("file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    work::FileEntry entry_;
    model::RequestOptions options_;
};

TEST_F(SparseFile, HasDataWhereItIsNoHole) {
    EXPECT_EQ(data_from(0), kData);
    EXPECT_EQ(data_from(kData + 1), kData + 1);
    EXPECT_EQ(data_from(kSize - 1), std::nullopt);
}

TEST_F(SparseFile, HasDataEverywhereWhereHolesAreNotKept) {
    options_.sparse = false;

    EXPECT_EQ(data_from(0), 0U);
}

// What stands where the hole should be would stay.
TEST_F(SparseFile, HasDataEverywhereWhereItIsWrittenInPlace) {
    options_.inplace = true;

    EXPECT_EQ(data_from(0), 0U);
}

TEST_F(SparseFile, IsNotLookedAtWhereItsAttributesSayThatItIsFull) {
    entry_.set_sparse(false);

    EXPECT_EQ(data_from(0), 0U);
}

}  // namespace
}  // namespace godwit::agent
