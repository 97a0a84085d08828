// A request that follows another one with the same id.
#include "cluster_in_memory.h"
#include "master/admission.h"

namespace godwit::master {
namespace {

class Successor : public ClusterInMemory {};

// Its first unit would be worked off with the paths of the one before, and count as done.
TEST_F(Successor, IsNotServedByThePictureOfTheOneBefore) {
    add_two_workers();
    admit(sync("r-1", "/src/before"));
    ASSERT_TRUE(cluster_.look_closely());
    // Another master forgets it and takes in the next one.
    ASSERT_TRUE(store_.remove("r-1"));
    ASSERT_TRUE(store_.create(new_request(sync("r-1", "/src/after"))));

    EXPECT_THAT(poll("source"), testing::IsEmpty());

    EXPECT_EQ(get("r-1").backlog.leased_of(sdk::UnitKind::Listing), 0U);
    cluster_.changed();
    const auto given = poll("source");
    ASSERT_EQ(given.size(), 1U);
    EXPECT_EQ(given[0].source_path, "/src/after");
}

}  // namespace
}  // namespace godwit::master
