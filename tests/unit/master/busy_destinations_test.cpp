#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "master/cluster.h"

namespace godwit::master {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Requests to these destinations, the oldest first.
std::vector<bool> busy(const std::vector<std::string>& destinations) {
    std::vector<sdk::Request> active;
    for (const std::string& destination : destinations) {
        active.emplace_back().destination_path = destination;
    }
    return find_busy_destinations(active);
}

TEST(BusyDestinations, AreNoneWhereNobodyMeets) {
    EXPECT_THAT(busy({}), IsEmpty());
    EXPECT_THAT(busy({"/a"}), ElementsAre(false));
    EXPECT_THAT(busy({"/a", "/b", "/c/d", "/c/e"}), ElementsAre(false, false, false, false));
}

TEST(BusyDestinations, AreTheSameAboveAndBeneathAnOlderOne) {
    EXPECT_THAT(busy({"/a/b", "/a/b"}), ElementsAre(false, true));
    EXPECT_THAT(busy({"/a/b", "/a"}), ElementsAre(false, true));
    EXPECT_THAT(busy({"/a/b", "/a/b/c/d"}), ElementsAre(false, true));
}

TEST(BusyDestinations, MeetAtComponentsOnly) {
    EXPECT_THAT(busy({"/a", "/ab", "/a-b", "/a b"}), ElementsAre(false, false, false, false));
    EXPECT_THAT(busy({"/a/b", "/a/bc", "/a/b-c/d"}), ElementsAre(false, false, false));
    EXPECT_THAT(busy({"/a!", "/a", "/a0"}), ElementsAre(false, false, false));
}

TEST(BusyDestinations, AreAllBeneathTheRoot) {
    EXPECT_THAT(busy({"/", "/a", "/"}), ElementsAre(false, true, true));
    EXPECT_THAT(busy({"/a", "/"}), ElementsAre(false, true));
}

TEST(BusyDestinations, AreNotMadeByWhoWaitsItself) {
    // The second waits for the first, and writes nothing that the third would have to wait for.
    EXPECT_THAT(busy({"/a/b", "/a", "/a/c"}), ElementsAre(false, true, false));
}

// An older request that is tried again comes too late.
TEST(BusyDestinations, StayWithWhoHasBegun) {
    std::vector<sdk::Request> active(3);
    for (sdk::Request& request : active) request.destination_path = "/a";
    active[0].started_at = sdk::WallTime{};  // Once.
    active[1].started_at = sdk::WallTime{};
    active[1].state = sdk::RequestState::Progress;

    EXPECT_THAT(find_busy_destinations(active), ElementsAre(true, false, true));

    active[1].state = sdk::RequestState::Paused;
    EXPECT_THAT(find_busy_destinations(active), ElementsAre(true, false, true));
    active[1].started_at.reset();
    EXPECT_THAT(find_busy_destinations(active), ElementsAre(false, true, true))
        << "it was paused before it began";
}

TEST(BusyDestinations, AreFoundAmongMany) {
    std::vector<std::string> destinations;
    for (int i = 0; i < 500; ++i) destinations.push_back("/data/" + std::to_string(i) + "/x");
    destinations.push_back("/data/77");
    destinations.push_back("/data/777");

    const std::vector<bool> found = busy(destinations);

    EXPECT_EQ(std::count(found.begin(), found.end(), true), 1);
    EXPECT_TRUE(found[500]);
}

}  // namespace
}  // namespace godwit::master
