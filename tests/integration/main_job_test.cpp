// The main job: a request over REST moves a real tree between two agents, over every transport and
// with every store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "cluster.h"

namespace godwit::integration {
namespace {

using test_support::differences;
using test_support::make_realistic_tree;
using test_support::write_random;
using test_support::write_text;
using testing::IsEmpty;

struct Combination {
    const char* name;
    Store store;
    const char* transport;
};

class MainJob : public testing::TestWithParam<Combination> {
protected:
    MainJob() : cluster_{settings()} {
        cluster_.start_pair(cluster_.folder("a"), cluster_.folder("b"));
    }

    static ClusterSettings settings() {
        ClusterSettings settings;
        settings.store = GetParam().store;
        settings.transport = GetParam().transport;
        return settings;
    }
    std::string source(const std::string& relative = "tree") const {
        return cluster_.folder("a/" + relative);
    }
    std::string destination(const std::string& relative = "tree") const {
        return cluster_.folder("b/" + relative);
    }

    Cluster cluster_;
};

TEST_P(MainJob, ARealTreeArrivesByteForByte) {
    make_realistic_tree(source(), 1500, 90);

    const std::string id = cluster_.submit(source(), destination(), R"(,"chunk_size_mb":8)");

    EXPECT_EQ(cluster_.wait_until_over(id), "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
    EXPECT_THAT(test_support::temporaries_below(destination()), IsEmpty());
    EXPECT_EQ(cluster_.count(id, "files", "special"), 1);
    EXPECT_EQ(cluster_.count(id, "files", "discovered"), cluster_.count(id, "files", "copied") + 1);
    EXPECT_EQ(cluster_.count(id, "bytes", "copied"), cluster_.count(id, "bytes", "discovered"));
    EXPECT_EQ(cluster_.count(id, "bytes", "on_wire"), cluster_.count(id, "bytes", "copied"));
}

TEST_P(MainJob, ASecondSyncCopiesOnlyWhatChanged) {
    make_realistic_tree(source(), 200, 0);
    ASSERT_EQ(cluster_.wait_until_over(cluster_.submit(source(), destination())), "COMPLETED");
    write_text(source("tree/run-0/part-0/sample-0"), "changed");
    write_text(source("tree/new/file"), "new");
    ::chmod(source("tree/medium.bin").c_str(), 0600);

    const std::string id = cluster_.submit(source(), destination());

    EXPECT_EQ(cluster_.wait_until_over(id), "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
    EXPECT_EQ(cluster_.count(id, "files", "copied"), 3);
    EXPECT_EQ(cluster_.count(id, "bytes", "on_wire"), 10);  // "changed" and "new", no more.
}

TEST_P(MainJob, ASingleFileGoesToAFileOrIntoAFolder) {
    write_random(source("file"), 3 << 20);
    std::filesystem::create_directories(destination("folder"));

    const std::string renamed = cluster_.submit(source("file"), destination("x/renamed"));
    const std::string inside = cluster_.submit(source("file"), destination("folder"));
    const std::string made = cluster_.submit(source("file"), destination("made/"));

    for (const std::string& id : {renamed, inside, made}) {
        EXPECT_EQ(cluster_.wait_until_over(id), "COMPLETED");
    }
    for (const char* place : {"x/renamed", "folder/file", "made/file"}) {
        EXPECT_THAT(differences(source("file"), destination(place)), IsEmpty()) << place;
    }
}

TEST_P(MainJob, WithoutVerificationTheBytesAreTheSame) {
    make_realistic_tree(source(), 50, 5);

    const std::string id =
        cluster_.submit(source(), destination(),
                        R"(,"options":{"verify":"none","durability":"file_and_directory"})");

    EXPECT_EQ(cluster_.wait_until_over(id), "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    All, MainJob,
    testing::Values(Combination{"MemoryLibfabric", Store::Memory,
                                R"({plugin: libfabric, options: {provider: "tcp;ofi_rxm"}})"},
                    Combination{"RedisLibfabric", Store::Redis,
                                R"({plugin: libfabric, options: {provider: "tcp;ofi_rxm"}})"},
                    Combination{"MemoryUcx", Store::Memory, "{plugin: ucx, options: {tls: tcp}}"},
                    Combination{"RedisUcx", Store::Redis, "{plugin: ucx, options: {tls: tcp}}"},
                    Combination{"MemoryLibfabricShm", Store::Memory,
                                "{plugin: libfabric, options: {provider: shm}}"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace godwit::integration
