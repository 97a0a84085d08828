// Where a request writes, and what it begins with.
#include "master/admission.h"

#include "cluster_in_memory.h"
#include "model/file_list.h"

namespace godwit::master {
namespace {

using testing::IsEmpty;

model::SyncRequest copy_root(const std::string& source, const std::string& destination) {
    model::SyncRequest request;
    request.source_path = source;
    request.destination_path = destination;
    request.options.copy_root = true;
    return request;
}

TEST(EffectiveDestination, IsTheOneThatWasAskedFor) {
    model::SyncRequest request = copy_root("/src/a", "/dst/b");
    request.options.copy_root = false;

    EXPECT_EQ(effective_destination(request), "/dst/b");
}

TEST(EffectiveDestination, HasTheSourcesNameWithCopyRoot) {
    EXPECT_EQ(effective_destination(copy_root("/src/a", "/dst/b")), "/dst/b/a");
    EXPECT_EQ(effective_destination(copy_root("/a", "/dst")), "/dst/a");
    EXPECT_EQ(effective_destination(copy_root("/src/a", "/")), "/a");
    EXPECT_EQ(effective_destination(copy_root("/", "/dst")), "/dst") << "the root has no name";
}

class CopyRoot : public ClusterInMemory {};

TEST_F(CopyRoot, IsResolvedOnceAndSeenByEveryone) {
    add_two_workers();
    model::SyncRequest request = copy_root("/src/a", "/dst");
    request.id = "r-1";
    request.destination_slash = true;
    admit(request);

    EXPECT_EQ(get("r-1").destination_path, "/dst/a");
    const auto given = poll("source");
    ASSERT_EQ(given.size(), 1U);
    EXPECT_EQ(given[0].destination_path, "/dst/a");
    EXPECT_FALSE(given[0].destination_slash) << "the name would be appended twice";
}

TEST_F(CopyRoot, MakesTheRoomBesideItFreeForOthers) {
    add_two_workers();
    model::SyncRequest request = copy_root("/src/a", "/dst");
    request.id = "r-1";
    admit(request);
    admit(sync("beside", "/src/b", "/dst/b"));
    admit(sync("beneath", "/src/c", "/dst/a/c"));

    std::vector<sdk::RequestId> ids;
    for (const model::Assignment& given : poll("source")) ids.push_back(given.id.request);

    EXPECT_THAT(ids, testing::ElementsAre("r-1", "beside"));
}

TEST(FirstUnits, AreOneLookAtTheSource) {
    const auto units = first_units("/src/a", "");

    ASSERT_EQ(units.size(), 1U);
    EXPECT_EQ(units[0].kind, sdk::UnitKind::Listing);
    EXPECT_EQ(units[0].stage, 0U);
    EXPECT_EQ(units[0].label, "/src/a");
    EXPECT_THAT(units[0].payload, IsEmpty());
}

TEST(FirstUnits, OfAListOfFilesAreItsSlices) {
    std::vector<std::string> paths;
    for (int i = 0; i < 5'000; ++i) paths.push_back(std::string(200, 'd') + std::to_string(i));

    const auto units = first_units("/src/a", model::pack_file_list(paths));

    EXPECT_GT(units.size(), 1U);
    std::vector<std::string> found;
    for (const sdk::Unit& unit : units) {
        EXPECT_LE(unit.payload.size(), sdk::kPayloadBytesMax);
        const auto list = model::unpack_file_list(unit.payload);
        ASSERT_TRUE(list);
        found.insert(found.end(), list->paths.begin(), list->paths.end());
    }
    EXPECT_THAT(found, testing::UnorderedElementsAreArray(paths));
}

}  // namespace
}  // namespace godwit::master
