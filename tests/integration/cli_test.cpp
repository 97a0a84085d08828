// The command line: what it prints, and the exit codes that scripts go by.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

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
    // What the next agent that asks is told of the options, as JSON; no agent runs beside it.
    std::string options_of_next_assignment() {
        cluster_.call("POST", "/workers/heartbeat",
                      R"({"worker_id":"w","status":"READY","storage_paths":["/data"]})");
        const auto assignment = cluster_.call("POST", "/workers/w/assignment").object();
        if (assignment.isNull()) return "no assignment";
        std::ostringstream text;
        assignment->getObject("options")->stringify(text);
        return text.str();
    }
    // How often the progress of a request was asked for.
    int looks_at_requests() {
        const std::string metrics = cluster_.call("GET", "/metrics").body;
        const std::string name =
            R"(godwit_http_requests_total{method="GET",route="/sync/{request_id}",status="2xx"} )";
        const std::size_t at = metrics.find(name);
        return at == std::string::npos ? 0 : std::stoi(metrics.substr(at + name.size()));
    }
    Ran shell(const std::string& command) {
        return test_support::run({"/bin/sh", "-c", command},
                                 {"GODWIT_MASTER_URL=" + cluster_.url(), "G=" + binary("godwit")},
                                 patience());
    }

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

// The master answers with a thousand at once, and the newest come last.
TEST_F(Cli, StatusListsAllRequestsHoweverManyThereAre) {
    cluster_.start_master();
    constexpr std::size_t kRequests = 1'003;
    for (std::size_t i = 0; i < kRequests; ++i) {
        cluster_.submit("/data/a", "/data/b" + std::to_string(i));
    }

    const Ran text = cluster_.godwit({"status"});
    EXPECT_EQ(text.exit_code, 0) << text.output;
    EXPECT_EQ(static_cast<std::size_t>(std::count(text.output.begin(), text.output.end(), '\n')),
              kRequests);
    for (const std::vector<std::string>& command : {std::vector<std::string>{"status", "--json"},
                                                    {"status", "--json", "--state", "QUEUED"}}) {
        const auto list = model::parse_json(cluster_.godwit(command).output);
        ASSERT_TRUE(list);
        EXPECT_EQ(list->extract<Poco::JSON::Array::Ptr>()->size(), kRequests);
    }
    EXPECT_EQ(cluster_.godwit({"status", "--json", "--state", "FAILED"}).output, "[]\n");
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

TEST_F(Cli, WhoWaitsIsToldOnceThatTheRequestIsPaused) {
    write_text(source() + "/file", "x");
    start();
    ASSERT_EQ(cluster_.godwit({"sync", source(), "/nowhere/tree", "--id", "r-1"}).exit_code, 0);
    ASSERT_EQ(cluster_.godwit({"pause", "r-1"}).exit_code, 0);
    const std::string said = cluster_.folder("waiting.txt");
    Process waiting{{.command = {binary("godwit"), "sync", source(), "/nowhere/tree", "--id", "r-1",
                                 "--wait", "--master", cluster_.url()},
                     .environment = {},
                     .output = said,
                     .prepare = {}}};
    const auto notices = [&] {
        const std::string text = test_support::read_file(said);
        const std::string notice = "PAUSED\nIt goes on with: godwit resume r-1";
        const std::size_t first = text.find(notice);
        if (first == std::string::npos) return 0;
        return text.find(notice, first + 1) == std::string::npos ? 1 : 2;
    };
    ASSERT_TRUE(eventually([&] { return notices() == 1; }, patience()));
    const int looked = looks_at_requests();
    ASSERT_TRUE(eventually([&] { return looks_at_requests() >= looked + 3; }, patience()));
    EXPECT_EQ(notices(), 1) << "said again, though nothing had changed";

    ASSERT_EQ(cluster_.godwit({"resume", "r-1"}).exit_code, 0);
    ASSERT_TRUE(eventually(
        [&] { return test_support::read_file(said).find("no_destination") != std::string::npos; },
        patience()));
    ASSERT_EQ(cluster_.godwit({"pause", "r-1"}).exit_code, 0);
    EXPECT_TRUE(eventually([&] { return notices() == 2; }, patience()));
    ASSERT_EQ(cluster_.godwit({"cancel", "r-1"}).exit_code, 0);
    EXPECT_EQ(waiting.wait_for(patience()), 20);
}

TEST_F(Cli, WaitingHasAnEnd) {
    write_text(source() + "/file", "x");
    start();

    const Ran ran = cluster_.godwit(
        {"sync", source(), "/nowhere/tree", "--wait", "--timeout", "1", "--id", "r-1"});

    EXPECT_EQ(ran.exit_code, 30) << ran.output;
    EXPECT_NE(cluster_.state("r-1"), "CANCELLED") << "waiting no longer is not cancelling";
}

TEST_F(Cli, OptionsReachTheAgents) {
    cluster_.start_master();

    const Ran ran =
        cluster_.godwit({"sync", "/data/a", "/data/b", "--include", "*/", "--exclude", "*",
                         "--delete", "--max-delete=10%", "--checksum", "-H", "--no-sparse",
                         "--min-size", "4K", "--option", "modified_after=2026-11-24T00:00:00Z"});

    ASSERT_EQ(ran.exit_code, 0) << ran.output;
    EXPECT_THAT(options_of_next_assignment(),
                AllOf(HasSubstr(R"("filters":["+ */","- *"])"), HasSubstr(R"("delete":"after")"),
                      HasSubstr(R"("max_delete":"10%")"), HasSubstr(R"("compare":"checksum")"),
                      HasSubstr(R"("hardlinks":true)"), HasSubstr(R"("sparse":false)"),
                      HasSubstr(R"("min_size_bytes":4096)"),
                      HasSubstr(R"("modified_after":"2026-11-24T00:00:00.000Z")")));
}

TEST_F(Cli, EveryProblemOfARequestIsTold) {
    cluster_.start_master();

    const Ran ran =
        cluster_.godwit({"sync", "/data/a", "/data/b", "--exclude", "[a", "--exclude", "/"});

    EXPECT_EQ(ran.exit_code, 1) << ran.output;
    EXPECT_THAT(ran.output, AllOf(HasSubstr("\n  body.options.filters.0: "),
                                  HasSubstr("\n  body.options.filters.1: ")));
}

TEST_F(Cli, WhatFailedIsToldWithTheWayToItsErrors) {
    write_text(source() + "/file", "content");
    fs::create_directories(destination() + "/file/in the way");
    cluster_.start_pair(cluster_.folder("a"), cluster_.folder("b"));

    const Ran ran = cluster_.godwit({"sync", source(), destination(), "--wait", "--id", "r-1"});

    EXPECT_EQ(ran.exit_code, 23) << ran.output;
    EXPECT_THAT(ran.output, HasSubstr("see: godwit errors r-1"));
}

TEST_F(Cli, WhatTheMasterRefusesIsToldWithItsPlace) {
    cluster_.start_master();

    const Ran word = cluster_.godwit({"sync", "/data/a", "/data/b", "--verify", "twice"});
    EXPECT_EQ(word.exit_code, 1);
    EXPECT_THAT(word.output, HasSubstr("options.verify: expected one of"));
    const Ran list = shell("printf 'a\\n\\n../b\\n' | $G sync /data/a /data/b --files-from -");
    EXPECT_EQ(list.exit_code, 1);
    EXPECT_THAT(list.output, HasSubstr("file_list.1: '../b' climbs out of the source"));
    EXPECT_EQ(shell("$G sync /data/a /data/b --files-from /dev/null").exit_code, 1);
    EXPECT_EQ(shell("$G sync /data/a /data/b --files-from /nonexistent").exit_code, 1);
    EXPECT_EQ(cluster_.call("GET", "/sync").body, "[]");
}

TEST_F(Cli, ListsComeFromFilesAndFromStandardInput) {
    cluster_.start_master();
    write_text(cluster_.folder("list"), "x/y\nz\n");

    const Ran first =
        shell("$G sync /data/a /data/b --id r --files-from " + cluster_.folder("list"));
    EXPECT_EQ(first.exit_code, 0) << first.output;
    // The same list in other words is the same request; another one is not.
    const Ran same = shell(
        "printf 'z\\0/data/a/x/y\\0' | $G sync /data/a /data/b --id r --files-from=- --from0");
    EXPECT_EQ(same.exit_code, 0) << same.output;
    const Ran other = shell("echo z | $G sync /data/a /data/b --id r --files-from=-");
    EXPECT_EQ(other.exit_code, 4) << other.output;
}

TEST_F(Cli, ErrorsAreATableOrLinesOfJson) {
    write_text(source() + "/fine", "x");
    write_text(source() + "/blocked", "x");
    fs::create_directories(destination() + "/blocked");
    start();
    cluster_.godwit({"sync", source(), destination(), "--wait", "--id", "r-1"});

    const Ran table = cluster_.godwit({"errors", "r-1"});
    EXPECT_EQ(table.exit_code, 0);
    EXPECT_THAT(table.output,
                testing::MatchesRegex("CODE +WORKER +PATH +MESSAGE\ntype_conflict .*blocked.*\n"));
    const Ran lines = cluster_.godwit({"errors", "r-1", "--json"});
    EXPECT_EQ(lines.exit_code, 0);
    EXPECT_EQ(std::count(lines.output.begin(), lines.output.end(), '\n'), 1);
    EXPECT_TRUE(model::parse_json(lines.output)) << lines.output;
    EXPECT_EQ(cluster_.godwit({"errors", "unknown"}).exit_code, 4);
}

TEST_F(Cli, ARequestCanBeForgotten) {
    cluster_.start_master();
    ASSERT_EQ(cluster_.godwit({"sync", "/data/a", "/data/b", "--id", "r-1"}).exit_code, 0);

    const Ran ran = cluster_.godwit({"delete", "r-1"});

    EXPECT_EQ(ran.exit_code, 0);
    EXPECT_EQ(ran.output, "r-1: deleted\n");
    EXPECT_EQ(cluster_.godwit({"status", "r-1"}).exit_code, 4);
    EXPECT_EQ(cluster_.godwit({"delete", "r-1"}).exit_code, 4);
}

TEST_F(Cli, NamesThatAreNotUtf8Travel) {
    const std::string odd = "tree-\xFF";
    write_text(cluster_.folder("a/" + odd + "/file"), "x");
    start();

    const Ran ran = cluster_.godwit({"sync", cluster_.folder("a/" + odd),
                                     cluster_.folder("b/" + odd), "--wait", "--exclude", "*-\xFE"});

    EXPECT_EQ(ran.exit_code, 0) << ran.output;
    EXPECT_TRUE(fs::exists(cluster_.folder("b/" + odd + "/file")));
}

}  // namespace
}  // namespace godwit::integration
