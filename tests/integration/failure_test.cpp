// What breaks, and what must follow: nothing torn, nothing lost, nothing that hangs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "cluster.h"
#include "support/mount_namespace.h"

namespace godwit::integration {
namespace {

namespace fs = std::filesystem;
using test_support::differences;
using test_support::run;
using test_support::temporaries_below;
using test_support::write_random;
using test_support::write_text;
using testing::HasSubstr;
using testing::IsEmpty;

class Failure : public testing::TestWithParam<Store> {
protected:
    static ClusterSettings settings(Store store) {
        ClusterSettings settings;
        settings.store = store;
        settings.agent_yaml +=
            "tuning: {slots: 2, send_buffers: 4, receive_buffers: 4, segment_kib: 128}\n";
        return settings;
    }
    Failure() : cluster_{settings(GetParam())} {}

    std::string source(const std::string& relative = "tree") {
        return cluster_.folder("a/" + relative);
    }
    std::string destination(const std::string& relative = "tree") {
        return cluster_.folder("b/" + relative);
    }
    // Some agents for the source's storage, some for the destination's.
    void start(const std::vector<std::string>& sources,
               const std::vector<std::string>& destinations) {
        fs::create_directories(cluster_.folder("b"));
        for (const std::string& id : sources) {
            cluster_.add_worker({id, {cluster_.folder("a")}, {}});
        }
        for (const std::string& id : destinations) {
            cluster_.add_worker({id, {cluster_.folder("b")}, {}});
        }
        cluster_.start_master();
        for (const auto& ids : {sources, destinations}) {
            for (const std::string& id : ids) cluster_.start_agent(id);
        }
    }
    // Units that agents have in their hands.
    std::int64_t leased(const std::string& id) {
        const auto kinds = cluster_.progress(id)->getObject("assignments");
        std::int64_t count = 0;
        for (const auto& [kind, units] : *kinds) {
            count += kinds->getObject(kind)->getValue<std::int64_t>("leased");
        }
        return count;
    }
    void expect_copying(const std::string& id) {
        ASSERT_TRUE(
            eventually([&] { return cluster_.count(id, "bytes", "copied") > 0; }, patience()));
    }

    Cluster cluster_;
};

TEST_P(Failure, AKilledSourceAgentsWorkGoesToAnother) {
    test_support::make_realistic_tree(source(), 300, 200);
    start({"source-1", "source-2"}, {"destination"});
    const std::string id = cluster_.submit(source(), destination(), R"(,"chunk_size_mb":2)");
    expect_copying(id);

    cluster_.agent("source-1").kill();

    EXPECT_EQ(cluster_.wait_until_over(id), "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
    EXPECT_THAT(temporaries_below(destination()), IsEmpty());
}

TEST_P(Failure, AKilledDestinationAgentsWorkGoesToAnother) {
    test_support::make_realistic_tree(source(), 300, 200);
    start({"source"}, {"destination-1", "destination-2"});
    const std::string id = cluster_.submit(source(), destination(), R"(,"chunk_size_mb":2)");
    expect_copying(id);

    cluster_.agent("destination-1").kill();

    EXPECT_EQ(cluster_.wait_until_over(id), "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
    EXPECT_THAT(temporaries_below(destination()), IsEmpty());
}

TEST_P(Failure, AHungSourceAgentIsFencedOut) {
    write_random(source("tree/large"), 150 << 20);
    start({"source-1", "source-2"}, {"destination"});
    const std::string id = cluster_.submit(source(), destination(), R"(,"chunk_size_mb":2)");
    expect_copying(id);

    cluster_.agent("source-1").signal(SIGSTOP);
    EXPECT_EQ(cluster_.wait_until_over(id), "COMPLETED");
    cluster_.agent("source-1").signal(SIGCONT);

    // Its late results change nothing.
    EXPECT_TRUE(eventually(
        [&] {
            const std::string log = cluster_.agent_log("source-1");
            return log.find("lease lost") != std::string::npos ||
                   log.find("lease not renewed") != std::string::npos ||
                   log.find("lease was lost") != std::string::npos ||
                   log.find("peer lost") != std::string::npos;
        },
        patience()));
    EXPECT_EQ(cluster_.state(id), "COMPLETED");
    EXPECT_EQ(cluster_.count(id, "bytes", "copied"), 150 << 20);
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
}

TEST_P(Failure, AHungDestinationAgentIsFencedOut) {
    const auto write_all = [&](const std::string& text) {
        for (int i = 0; i < 200; ++i) write_text(source("tree/" + std::to_string(i)), text);
    };
    const auto files_there = [&] {
        std::error_code none;
        const fs::directory_iterator entries{destination(), none};
        return std::distance(begin(entries), end(entries));
    };
    write_all("old");
    start({"source"}, {"destination-1"});
    // Flushed one by one, so that it is stopped in the middle of a segment.
    const std::string first = cluster_.submit(source(), destination(),
                                              R"(,"options":{"durability":"file_and_directory"})");
    ASSERT_TRUE(eventually([&] { return files_there() > 3; }, patience()));
    cluster_.agent("destination-1").signal(SIGSTOP);
    ASSERT_LT(files_there(), 200);
    cluster_.add_worker({"destination-2", {cluster_.folder("b")}, {}});
    cluster_.start_agent("destination-2");
    ASSERT_EQ(cluster_.wait_until_over(first), "COMPLETED");
    write_all("newer");
    const std::string second = cluster_.submit(source(), destination());
    ASSERT_EQ(cluster_.wait_until_over(second), "COMPLETED");

    cluster_.agent("destination-1").signal(SIGCONT);

    // It has come to the end of what it was about when it says so.
    EXPECT_TRUE(eventually(
        [&] {
            return cluster_.agent_log("destination-1").find("peer disconnected") !=
                   std::string::npos;
        },
        patience()));
    cluster_.agent("destination-1").stop();
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
    EXPECT_THAT(temporaries_below(destination()), IsEmpty());
}

TEST_P(Failure, ARestartedDestinationAgentIsFoundAgain) {
    write_random(source("tree/large"), 150 << 20);
    cluster_.start_pair(cluster_.folder("a"), cluster_.folder("b"));
    const std::string id = cluster_.submit(source(), destination(), R"(,"chunk_size_mb":2)");
    expect_copying(id);

    cluster_.agent("worker-b").kill();
    cluster_.start_agent("worker-b");

    EXPECT_EQ(cluster_.wait_until_over(id), "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
}

TEST_P(Failure, AnAgentThatIsToldToStopGivesItsLeasesBackAtOnce) {
    write_random(source("tree/large"), 200 << 20);
    cluster_.start_pair(cluster_.folder("a"), cluster_.folder("b"));
    const std::string id = cluster_.submit(source(), destination(), R"(,"chunk_size_mb":2)");
    expect_copying(id);

    EXPECT_EQ(cluster_.agent("worker-a").stop(Seconds{5}), 0) << "not gone within 5 s";

    const auto assignments = cluster_.progress(id)->getObject("assignments");
    EXPECT_EQ(assignments->getObject("chunk")->getValue<int>("leased"), 0);
    cluster_.start_agent("worker-a");
    EXPECT_EQ(cluster_.wait_until_over(id), "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
}

TEST_P(Failure, AFileThatChangesWhileItIsCopiedArrivesWholeAsOldOrNew) {
    for (int i = 0; i < 400; ++i) {
        write_random(source("tree/file-" + std::to_string(i)), 100'000, 1);
    }
    cluster_.start_pair(cluster_.folder("a"), cluster_.folder("b"));
    const std::string id = cluster_.submit(source(), destination());

    // The same size, and in one step, as editors and package managers replace files.
    for (int i = 0; i < 400; ++i) {
        write_random(source("beside"), 100'000, 2);
        fs::rename(source("beside"), source("tree/file-" + std::to_string(i)));
    }
    cluster_.wait_until_over(id);

    write_random(cluster_.folder("old"), 100'000, 1);
    write_random(cluster_.folder("new"), 100'000, 2);
    const std::string old_content = test_support::read_file(cluster_.folder("old"));
    const std::string new_content = test_support::read_file(cluster_.folder("new"));
    for (const auto& entry : fs::directory_iterator{destination()}) {
        const std::string content = test_support::read_file(entry.path());
        EXPECT_TRUE(content == old_content || content == new_content) << entry.path();
    }
    EXPECT_THAT(temporaries_below(destination()), IsEmpty());
}

// A destination with less room than it takes: mounted where nobody else sees it.
class Cramped : public Failure {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "mounting a small file system needs root";
        fs::create_directories(small_);
        if (!test_support::enter_mount_namespace()) GTEST_SKIP() << "nothing can be mounted here";
        for (int i = 0; i < 40; ++i) {
            write_random(source("tree/file-" + std::to_string(i)), 1 << 20,
                         static_cast<unsigned>(i));
        }
    }
    void TearDown() override { ::umount2(small_.c_str(), MNT_DETACH); }

    // What is seen is whole.
    void expect_nothing_torn() {
        for (const auto& entry : fs::directory_iterator{destination()}) {
            const std::string name = entry.path().filename();
            if (name.starts_with(".godwit.")) continue;
            EXPECT_TRUE(test_support::read_file(entry.path()) ==
                        test_support::read_file(source("tree/" + name)))
                << name;
        }
    }
    void expect_pause(const std::string& id) {
        ASSERT_TRUE(cluster_.wait_for_state(id, "PAUSED"))
            << cluster_.call("GET", "/sync/" + id).body;
        EXPECT_EQ(cluster_.progress(id)->getValue<std::string>("reason"), "no_space");
        // What another slot met before there was room would pause it once more.
        EXPECT_TRUE(eventually([&] { return leased(id) == 0; }, patience()));
        expect_nothing_torn();
    }
    void expect_completion(const std::string& id) {
        EXPECT_EQ(cluster_.call("POST", "/sync/" + id + "/resume").status, 200);
        EXPECT_EQ(cluster_.wait_until_over(id), "COMPLETED");
        EXPECT_THAT(differences(source(), destination()), IsEmpty());
        EXPECT_THAT(temporaries_below(destination()), IsEmpty());
    }

    const std::string small_ = cluster_.folder("b");
};

TEST_P(Cramped, AFullDestinationPausesTheRequestUntilThereIsRoom) {
    ASSERT_EQ(::mount("tmpfs", small_.c_str(), "tmpfs", 0, "size=24m"), 0);
    cluster_.start_pair(cluster_.folder("a"), small_);

    const std::string id = cluster_.submit(source(), destination());

    expect_pause(id);
    EXPECT_TRUE(eventually([&] { return temporaries_below(destination()).empty(); }, patience()));
    ASSERT_EQ(::mount("tmpfs", small_.c_str(), "tmpfs", MS_REMOUNT, "size=200m"), 0);
    expect_completion(id);
}

// btrfs, since its quotas bind root as well: an agent need not be somebody else.
class Quota : public Cramped {
protected:
    void SetUp() override {
        Cramped::SetUp();
        if (IsSkipped()) return;
        const std::string image = cluster_.folder("image");
        write_text(image, "");
        fs::resize_file(image, 256 << 20);
        if (run({"/sbin/mkfs.btrfs", "-q", image}).exit_code != 0) {
            GTEST_SKIP() << "there is no mkfs.btrfs";
        }
        if (!test_support::mount_by_command("-o loop " + image + " " + small_)) {
            GTEST_SKIP() << "loop devices or btrfs cannot be mounted here";
        }
        if (run({"/bin/btrfs", "quota", "enable", small_}).exit_code != 0) {
            GTEST_SKIP() << "the kernel's btrfs has no quotas";
        }
        set_limit("24M");
    }
    void set_limit(const std::string& bytes) {
        const auto ran = run({"/bin/btrfs", "qgroup", "limit", bytes, small_});
        ASSERT_EQ(ran.exit_code, 0) << ran.output;
    }
};

TEST_P(Quota, ThatIsUsedUpPausesTheRequestUntilItIsRaised) {
    write_random(source("tree/large"), 30 << 20);
    cluster_.start_pair(cluster_.folder("a"), small_);

    const std::string id = cluster_.submit(source(), destination(), R"(,"chunk_size_mb":2)");

    expect_pause(id);
    EXPECT_THAT(cluster_.call("GET", "/sync/" + id).body, HasSubstr("quota")) << "not the disk";
    // The parts of the large file that are there need not be copied again.
    EXPECT_TRUE(
        eventually([&] { return temporaries_below(destination()).size() <= 1; }, patience()));
    set_limit("200M");
    expect_completion(id);
}

TEST_P(Failure, OneBadFileFailsAloneAndTheRestGoesOn) {
    for (int i = 0; i < 20; ++i) write_text(source("tree/file-" + std::to_string(i)), "x");
    write_text(source("tree/folder/inside"), "x");
    fs::create_directories(destination("tree/file-7"));  // A directory is in the way.
    write_text(destination("tree/folder"), "a file is in the way");
    cluster_.start_pair(cluster_.folder("a"), cluster_.folder("b"));

    const std::string id = cluster_.submit(source(), destination());

    EXPECT_EQ(cluster_.wait_until_over(id), "COMPLETED_WITH_ERRORS");
    EXPECT_EQ(cluster_.count(id, "files", "copied"), 19);
    EXPECT_EQ(cluster_.count(id, "files", "failed"), 2);
    const std::string errors = cluster_.call("GET", "/sync/" + id + "/errors").body;
    EXPECT_THAT(errors, HasSubstr(R"("code":"type_conflict")"));
    EXPECT_THAT(errors, HasSubstr(R"("path":"file-7")"));
    EXPECT_THAT(errors, HasSubstr(R"("path":"folder")"));
    const Reply lines =
        cluster_.call("GET", "/sync/" + id + "/errors", {}, {{"Accept", "application/x-ndjson"}});
    EXPECT_EQ(std::count(lines.body.begin(), lines.body.end(), '\n'), 2);
}

TEST_P(Failure, ARequestThatCannotDoItsJobSaysWhy) {
    cluster_.start_pair(cluster_.folder("a"), cluster_.folder("b"));
    fs::create_directories(source());
    write_text(destination("file"), "x");

    const std::string missing = cluster_.submit(source("none"), destination("none"));
    const std::string occupied = cluster_.submit(source(), destination("file"));

    EXPECT_EQ(cluster_.wait_until_over(missing), "FAILED");
    EXPECT_EQ(cluster_.progress(missing)->getValue<std::string>("reason"), "source_missing");
    EXPECT_EQ(cluster_.wait_until_over(occupied), "FAILED");
    EXPECT_EQ(cluster_.progress(occupied)->getValue<std::string>("reason"), "dest_not_directory");
}

TEST_P(Failure, TooManyFailuresStopTheRequest) {
    for (int i = 0; i < 10; ++i) {
        write_text(source("tree/file-" + std::to_string(i)), "x");
        fs::create_directories(destination("tree/file-" + std::to_string(i)));
    }
    cluster_.start_pair(cluster_.folder("a"), cluster_.folder("b"));

    const std::string id =
        cluster_.submit(source(), destination(), R"(,"options":{"max_failures":3})");

    EXPECT_EQ(cluster_.wait_until_over(id), "FAILED");
    EXPECT_EQ(cluster_.progress(id)->getValue<std::string>("reason"), "max_failures_exceeded");
}

std::string name_of(const testing::TestParamInfo<Store>& info) {
    return info.param == Store::Memory ? "Memory" : "Redis";
}
INSTANTIATE_TEST_SUITE_P(Stores, Failure, testing::Values(Store::Memory, Store::Redis), name_of);
INSTANTIATE_TEST_SUITE_P(Stores, Cramped, testing::Values(Store::Memory, Store::Redis), name_of);
INSTANTIATE_TEST_SUITE_P(Stores, Quota, testing::Values(Store::Memory, Store::Redis), name_of);

class RedisFailure : public Failure {};

TEST_P(RedisFailure, AMasterThatIsKilledGoesOnWhereItWas) {
    test_support::make_realistic_tree(source(), 500, 200);
    cluster_.start_pair(cluster_.folder("a"), cluster_.folder("b"));
    const std::string id = cluster_.submit(source(), destination(), R"(,"chunk_size_mb":2)");
    expect_copying(id);

    for (int round = 0; round < 3; ++round) {
        cluster_.master().kill();
        cluster_.start_master();
    }

    EXPECT_EQ(cluster_.wait_until_over(id), "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
    EXPECT_EQ(cluster_.count(id, "bytes", "copied"), cluster_.count(id, "bytes", "discovered"));
}

TEST_P(RedisFailure, AStoreThatIsGoneForAWhileLosesNothing) {
    test_support::make_realistic_tree(source(), 500, 200);
    cluster_.start_pair(cluster_.folder("a"), cluster_.folder("b"));
    const std::string id = cluster_.submit(source(), destination(), R"(,"chunk_size_mb":2)");
    expect_copying(id);

    cluster_.redis().kill();
    const Reply reply = cluster_.call("GET", "/sync/" + id);
    EXPECT_EQ(reply.status, 503) << reply.body;
    EXPECT_TRUE(http::header_in(reply.headers, "Retry-After"));
    EXPECT_EQ(cluster_.call("GET", "/readyz").status, 503);
    EXPECT_EQ(cluster_.call("GET", "/healthz").status, 200);
    cluster_.redis().start();

    EXPECT_EQ(cluster_.wait_until_over(id), "COMPLETED");
    EXPECT_THAT(differences(source(), destination()), IsEmpty());
    EXPECT_EQ(cluster_.count(id, "bytes", "copied"), cluster_.count(id, "bytes", "discovered"));
}

INSTANTIATE_TEST_SUITE_P(Stores, RedisFailure, testing::Values(Store::Redis),
                         [](const auto&) { return "Redis"; });

}  // namespace
}  // namespace godwit::integration
