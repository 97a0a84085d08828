#include "master/cluster.h"

#include <latch>
#include <thread>

#include "cluster_in_memory.h"

namespace godwit::master {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ClusterPicture : public ClusterInMemory {
protected:
    std::shared_ptr<const Snapshot> look_closely() {
        auto snapshot = cluster_.look_closely();
        EXPECT_TRUE(snapshot) << snapshot.error().message;
        return snapshot ? *snapshot : std::make_shared<const Snapshot>();
    }
    std::vector<sdk::RequestId> active() {
        std::vector<sdk::RequestId> ids;
        for (const sdk::Request& request : look_closely()->active) ids.push_back(request.id);
        return ids;
    }
};

TEST_F(ClusterPicture, OfNothingIsEmpty) {
    EXPECT_THAT(look_closely()->workers, IsEmpty());
    EXPECT_THAT(look_closely()->active, IsEmpty());
    EXPECT_EQ(look_closely()->worker("a"), nullptr);
}

TEST_F(ClusterPicture, FindsWorkersById) {
    for (const char* id : {"b", "c", "a"}) add_worker(worker(id, {"/" + std::string{id}}));

    const auto snapshot = look_closely();

    ASSERT_NE(snapshot->worker("b"), nullptr);
    EXPECT_THAT(snapshot->worker("b")->storage_paths, ElementsAre("/b"));
    EXPECT_EQ(snapshot->worker(""), nullptr);
    EXPECT_EQ(snapshot->worker("bb"), nullptr);
    EXPECT_EQ(snapshot->worker("d"), nullptr);
}

TEST_F(ClusterPicture, ShowsUnfinishedRequestsTheOldestFirst) {
    for (const char* id : {"z", "m", "a", "k"}) admit(sync(id, "/src", std::string{"/"} + id));
    ASSERT_TRUE(lifecycle_.apply("m", RequestEvent::Cancel));
    ASSERT_TRUE(lifecycle_.apply("a", RequestEvent::Pause));

    EXPECT_THAT(active(), ElementsAre("z", "a", "k"));
}

TEST_F(ClusterPicture, ShowsAllOfManyRequests) {
    for (int i = 0; i < 600; ++i) admit(sync("r-" + std::to_string(i)));

    EXPECT_EQ(active().size(), 600U);
    EXPECT_EQ(look_closely()->destination_busy.size(), 600U);
    EXPECT_FALSE(look_closely()->destination_busy[0]);
    EXPECT_TRUE(look_closely()->destination_busy[599]);
}

TEST_F(ClusterPicture, IsTakenOnceWhileNothingChanges) {
    const auto first = look_closely();

    EXPECT_EQ(look_closely(), first);
    EXPECT_EQ(*cluster_.look(), first);
    EXPECT_EQ(store_.calls("list"), 1);
}

TEST_F(ClusterPicture, ShowsAChangeAtOnceToThoseWhoLookClosely) {
    const auto before = look_closely();

    admit(sync("r-1"));

    EXPECT_THAT(active(), ElementsAre("r-1"));
    EXPECT_THAT(before->active, IsEmpty()) << "a picture is not changed any more";
}

TEST_F(ClusterPicture, ShowsAChangeSoonToThoseWhoGlance) {
    look_closely();
    admit(sync("r-1"));

    EXPECT_TRUE(test_support::eventually([&] { return !(*cluster_.look())->active.empty(); }));
}

TEST_F(ClusterPicture, ShowsSoonWhatAnotherMasterDid) {
    look_closely();
    Cluster another{store_, Millis{1'000}};
    ASSERT_TRUE(Lifecycle(settings_, store_, another).admit(sync("r-1")));

    EXPECT_TRUE(test_support::eventually([&] { return !(*cluster_.look())->active.empty(); }));
}

TEST_F(ClusterPicture, IsTakenOnceForAllWhoLookAtOnce) {
    look_closely();
    const int before = store_.calls("list");
    cluster_.changed();
    std::latch all_are_there{8};
    {
        std::vector<std::jthread> lookers;
        for (int i = 0; i < 8; ++i) {
            lookers.emplace_back([&] {
                all_are_there.arrive_and_wait();
                look_closely();
            });
        }
    }

    EXPECT_EQ(store_.calls("list"), before + 1);
}

TEST_F(ClusterPicture, IsNoneWhileTheStoreDoesNotAnswer) {
    for (const char* operation : {"workers", "list"}) {
        cluster_.changed();
        store_.fail(operation, {Code::Unavailable, "gone"});

        const auto nothing = cluster_.look_closely();

        ASSERT_FALSE(nothing) << operation;
        EXPECT_EQ(nothing.error().code, Code::Unavailable);
        EXPECT_TRUE(cluster_.look_closely()) << "it answers again";
    }
}

// ------------------------------------------------------------------------------------------
// workers

TEST_F(ClusterPicture, OfAWorkerThatIsSilentForTooLongIsOfADeadOne) {
    add_worker(worker("a", {}));
    EXPECT_TRUE(cluster_.is_live(*look_closely()->worker("a")));

    pass(settings_.worker_heartbeat_timeout - Millis{1});
    EXPECT_TRUE(cluster_.is_live(*look_closely()->worker("a")));
    pass(Millis{1});
    EXPECT_FALSE(cluster_.is_live(*look_closely()->worker("a")));
    EXPECT_FALSE(cluster_.is_available(*look_closely()->worker("a")));
}

TEST_F(ClusterPicture, TellsWhoTakesNewWork) {
    for (const char* status : {"READY", "IDLE", "TRANSFERRING"}) {
        EXPECT_TRUE(cluster_.is_available(worker("a", {}, status))) << status;
    }
    for (const char* status : {"DRAINING", "ERROR"}) {
        EXPECT_FALSE(cluster_.is_available(worker("a", {}, status))) << status;
        EXPECT_TRUE(cluster_.is_live(worker("a", {}, status))) << status;
    }
}

TEST_F(ClusterPicture, RemembersWhoCouldNotBeReached) {
    EXPECT_FALSE(cluster_.is_suspect("a"));

    cluster_.suspect("a");
    EXPECT_TRUE(cluster_.is_suspect("a"));
    EXPECT_FALSE(cluster_.is_suspect("b"));

    cluster_.absolve("a");
    cluster_.absolve("b");
    EXPECT_FALSE(cluster_.is_suspect("a"));
    EXPECT_TRUE(cluster_.is_doubtful("a")) << "others are better";
    EXPECT_FALSE(cluster_.is_doubtful("b"));
}

}  // namespace
}  // namespace godwit::master
