// The command line: what it prints, and the exit codes that scripts go by.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "cluster.h"
#include "model/json.h"

namespace godwit::integration {
namespace {

namespace fs = std::filesystem;
using test_support::Ran;
using test_support::write_text;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Cli : public testing::Test {
protected:
    void start() { cluster_.start_pair(cluster_.folder("a"), cluster_.folder("b")); }
    std::string source() const { return cluster_.folder("a/tree"); }
    std::string destination() const { return cluster_.folder("b/tree"); }

    Cluster cluster_;
};

TEST_F(Cli, SyncWaitsPrintsPlainLinesAndCopies) {
    for (int i = 0; i < 30; ++i) write_text(source() + "/file-" + std::to_string(i), "content");
    start();

    const Ran ran = cluster_.godwit({"sync", source(), destination(), "--wait", "--id", "r-1"});

    EXPECT_EQ(ran.exit_code, 0) << ran.output;
    EXPECT_THAT(ran.output, AllOf(HasSubstr("r-1"), HasSubstr("COMPLETED")));
    EXPECT_THAT(ran.output, Not(HasSubstr("\r"))) << "a progress bar without a terminal";
    EXPECT_THAT(test_support::differences(source(), destination()), testing::IsEmpty());
}

TEST_F(Cli, ShowsABarOnATerminal) {
    write_text(source() + "/file", std::string(1 << 20, 'x'));
    start();

    const std::string command = binary("godwit") + " sync " + source() + " " + destination() +
                                " --wait --master " + cluster_.url();
    const Ran ran = test_support::run({"/usr/bin/script", "-qec", command, "/dev/null"});

    EXPECT_EQ(ran.exit_code, 0) << ran.output;
    EXPECT_THAT(ran.output, HasSubstr("\r"));
    EXPECT_THAT(ran.output, HasSubstr("COMPLETED"));
}

TEST_F(Cli, StatusListsAndShowsAsTextAndAsJson) {
    write_text(source() + "/file", "x");
    start();
    cluster_.godwit({"sync", source(), destination(), "--wait", "--id", "r-1"});

    const Ran list = cluster_.godwit({"status"});
    EXPECT_EQ(list.exit_code, 0);
    EXPECT_THAT(list.output, AllOf(HasSubstr("r-1"), HasSubstr("COMPLETED")));
    EXPECT_EQ(cluster_.godwit({"status", "r-1"}).exit_code, 0);
    for (const std::vector<std::string>& command : {std::vector<std::string>{"status", "--json"},
                                                    {"status", "r-1", "--json"},
                                                    {"workers", "--json"},
                                                    {"plugins", "--json"}}) {
        const Ran json = cluster_.godwit(command);
        EXPECT_EQ(json.exit_code, 0) << command.front();
        EXPECT_TRUE(model::parse_json(json.output)) << json.output;
    }
    EXPECT_THAT(cluster_.godwit({"workers"}).output,
                AllOf(HasSubstr("worker-a"), HasSubstr("worker-b")));
}

TEST_F(Cli, PluginsAreListedWithKindAndVersion) {
    const Ran ran = test_support::run({binary("godwit"), "plugins"});

    EXPECT_EQ(ran.exit_code, 0);
    for (const char* name :
         {"memory", "redis", "storage_affinity", "round_robin", "libfabric", "ucx"}) {
        EXPECT_THAT(ran.output, HasSubstr(name));
    }
    EXPECT_THAT(ran.output, HasSubstr("1.0.0"));
}

TEST_F(Cli, ExitCodesTellHowItWent) {
    write_text(source() + "/file", "x");
    write_text(source() + "/blocked", "x");
    fs::create_directories(destination() + "/blocked");
    start();

    EXPECT_EQ(cluster_.godwit({"sync", source(), destination(), "--wait"}).exit_code, 23);
    EXPECT_EQ(
        cluster_.godwit({"sync", cluster_.folder("a/none"), cluster_.folder("b/none"), "--wait"})
            .exit_code,
        3);
    EXPECT_EQ(cluster_.godwit({"sync", "relative", destination()}).exit_code, 3);
    EXPECT_EQ(cluster_.godwit({"status", "unknown"}).exit_code, 4);
    EXPECT_EQ(cluster_.godwit({"cancel", "unknown"}).exit_code, 4);
    EXPECT_EQ(cluster_.godwit({"sync", source()}).exit_code, 1);
    EXPECT_EQ(cluster_.godwit({"nonsense"}).exit_code, 1);
    EXPECT_EQ(
        test_support::run({binary("godwit"), "status", "--master", "http://127.0.0.1:1"}).exit_code,
        5);
}

TEST_F(Cli, ARequestCanBePausedResumedAndCancelled) {
    write_text(source() + "/file", "x");
    start();
    // Nobody mounts the destination: it waits.
    ASSERT_EQ(cluster_.godwit({"sync", source(), "/nowhere/tree", "--id", "r-1"}).exit_code, 0);

    EXPECT_EQ(cluster_.godwit({"pause", "r-1"}).exit_code, 0);
    EXPECT_EQ(cluster_.state("r-1"), "PAUSED");
    EXPECT_EQ(cluster_.godwit({"resume", "r-1"}).exit_code, 0);
    EXPECT_NE(cluster_.state("r-1"), "PAUSED");
    EXPECT_EQ(cluster_.godwit({"cancel", "r-1"}).exit_code, 0);
    EXPECT_EQ(cluster_.state("r-1"), "CANCELLED");
}

TEST_F(Cli, WaitingHasAnEnd) {
    write_text(source() + "/file", "x");
    start();

    const Ran ran = cluster_.godwit(
        {"sync", source(), "/nowhere/tree", "--wait", "--timeout", "1", "--id", "r-1"});

    EXPECT_EQ(ran.exit_code, 30) << ran.output;
    EXPECT_NE(cluster_.state("r-1"), "CANCELLED") << "waiting no longer is not cancelling";
}

}  // namespace
}  // namespace godwit::integration
