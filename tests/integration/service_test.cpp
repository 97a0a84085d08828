// The executables as services: configuration, background, signals, logs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cluster.h"
#include "model/json.h"
#include "support/sanitizer.h"

namespace godwit::integration {
namespace {

namespace fs = std::filesystem;
using test_support::free_port;
using test_support::Ran;
using test_support::read_file;
using test_support::run;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr int kExitConfig = 78;

class Service : public testing::Test {
protected:
    std::string write(const std::string& name, const std::string& text) {
        std::ofstream{folder_.path(name)} << text;
        return folder_.path(name);
    }
    std::string master_file(int port, const std::string& more = {}) {
        return write("master.yml", "listen: {host: 127.0.0.1, port: " + std::to_string(port) +
                                       "}\nstore: {plugin: memory}\n" + more);
    }
    static bool answers(int port) {
        return run({"/usr/bin/curl", "-sf", "http://127.0.0.1:" + std::to_string(port) + "/readyz"})
                   .exit_code == 0;
    }
    static pid_t pid_in(const std::string& file) {
        pid_t pid = 0;
        std::istringstream{read_file(file)} >> pid;
        return pid;
    }
    static std::string umask_of(pid_t pid) {
        std::istringstream status{read_file("/proc/" + std::to_string(pid) + "/status")};
        std::string line;
        while (std::getline(status, line) && !line.starts_with("Umask:")) {
        }
        return line;
    }
    static bool is_gone(pid_t pid) { return ::kill(pid, 0) != 0; }

    test_support::TemporaryFolder folder_;
};

TEST_F(Service, SaysItsVersionAndHelpWithExamples) {
    for (const char* name : {"godwit-master", "godwit-agent", "godwit"}) {
        const Ran version = run({binary(name), "--version"});
        EXPECT_EQ(version.exit_code, 0);
        EXPECT_THAT(version.output, HasSubstr(std::string{name} + " 0."));
        const Ran help = run({binary(name), "--help"});
        EXPECT_EQ(help.exit_code, 0);
        EXPECT_THAT(help.output, HasSubstr("Examples:"));
    }
}

TEST_F(Service, ABadFileIsRefusedWithItsLineAndTheNearestWord) {
    const std::string unknown_key = write("a.yml", "listen:\n  host: 127.0.0.1\n  prt: 1\n");
    const Ran key = run({binary("godwit-master"), "--config", unknown_key, "--check-config"});
    EXPECT_EQ(key.exit_code, kExitConfig);
    EXPECT_THAT(key.output, HasSubstr(unknown_key + ":3:8: listen: unknown key 'prt', did you "
                                                    "mean 'port'?"));

    const std::string unknown_plugin = write("b.yml", "store: {plugin: redsi}\n");
    const Ran plugin = run({binary("godwit-master"), "--config", unknown_plugin, "--check-config"});
    EXPECT_EQ(plugin.exit_code, kExitConfig);
    EXPECT_THAT(plugin.output, HasSubstr("did you mean 'redis'?"));

    const std::string no_yaml = write("c.yml", "listen: {host: [\n");
    EXPECT_EQ(run({binary("godwit-master"), "--config", no_yaml}).exit_code, kExitConfig);
    EXPECT_EQ(run({binary("godwit-master"), "--config", folder_.path("none")}).exit_code,
              kExitConfig);
    EXPECT_EQ(run({binary("godwit-master"), "--nonsense"}).exit_code, kExitConfig);
}

TEST_F(Service, ACheckOfTheConfigurationFindsWhatNoStartWouldTake) {
    const auto refused = [&](const std::vector<std::string>& command, const std::string& reason) {
        for (const bool check : {true, false}) {
            std::vector<std::string> whole = command;
            if (check) whole.emplace_back("--check-config");
            const Ran ran = run(whole);
            EXPECT_EQ(ran.exit_code, kExitConfig) << ran.output;
            EXPECT_THAT(ran.output, HasSubstr(reason)) << (check ? "checked" : "started");
        }
    };
    const std::string exposed = write("a.yml", "listen: {host: 0.0.0.0, port: 0}\n");
    refused({binary("godwit-master"), "--config", exposed}, "without tokens and a ticket_secret");
    const std::string mistyped =
        write("b.yml", "listen: {port: 0}\nstore: {plugin: redis, options: {connections: many}}\n");
    refused({binary("godwit-master"), "--config", mistyped},
            mistyped + ":2:47: store.options.connections: expected an integer");
    const std::string agents = write("c.yml",
                                     "master_url: ftp://127.0.0.1\n"
                                     "workers: [{worker_id: worker-a, storage_paths: [/tmp]}]\n");
    refused({binary("godwit-agent"), "--worker-id", "worker-a", "--config", agents}, "master_url");
}

TEST_F(Service, AnEmptyLogLevelInTheEnvironmentIsNone) {
    const std::string agents =
        write("agents.yml", "workers: [{worker_id: worker-a, storage_paths: [/tmp]}]\n");

    const Ran ran = run(
        {binary("godwit-agent"), "--worker-id", "worker-a", "--config", agents, "--check-config"},
        {"AGENT_LOG_LEVEL="});

    EXPECT_EQ(ran.exit_code, 0) << ran.output;
}

TEST_F(Service, AnUnknownWorkerIsToldWhichThereAre) {
    const std::string file =
        write("agents.yml",
              "transport: {plugin: libfabric}\nworkers:\n  - worker_id: worker-a\n"
              "    storage_paths: [/tmp]\n    network: {data_plane_endpoints: [{iface: lo}]}\n");
    const Ran ran = run({binary("godwit-agent"), "--worker-id", "worker-z", "--config", file});

    EXPECT_EQ(ran.exit_code, kExitConfig);
    EXPECT_THAT(ran.output, AllOf(HasSubstr("worker-z"), HasSubstr("worker-a")));
}

TEST_F(Service, JsonIsYamlAndSecretsAreNotPrinted) {
    const std::string file = write("master.json", R"({"listen": {"host": "127.0.0.1", "port": 0},
                                 "store": {"plugin": "memory"},
                                 "tokens": [{"role": "operator", "token": "a-secret-of-many-words"}],
                                 "ticket_secret": "another-secret-of-many-words"})");

    EXPECT_EQ(run({binary("godwit-master"), "--config", file, "--check-config"}).exit_code, 0);
    const Ran printed = run({binary("godwit-master"), "--config", file, "--print-config"});
    EXPECT_EQ(printed.exit_code, 0);
    EXPECT_THAT(printed.output, HasSubstr("role: operator"));
    EXPECT_THAT(printed.output, Not(HasSubstr("many-words")));
}

TEST_F(Service, APortInUseIsAnErrorAndTheFirstStays) {
    const int port = free_port();
    Process first{{.command = {binary("godwit-master"), "--config", master_file(port)},
                   .environment = {},
                   .output = folder_.path("first.log"),
                   .prepare = {}}};
    ASSERT_TRUE(eventually([&] { return answers(port); }, patience()));

    const Ran second = run({binary("godwit-master"), "--config", master_file(port)});

    EXPECT_NE(second.exit_code, 0);
    EXPECT_THAT(second.output, HasSubstr("127.0.0.1:" + std::to_string(port)));
    EXPECT_THAT(second.output, HasSubstr("in use"));
    EXPECT_TRUE(answers(port));
    EXPECT_EQ(first.stop(Seconds{5}), 0);
}

TEST_F(Service, ADaemonIsReadyWhenItReturnsAndKeepsASecondOneOut) {
    const int port = free_port();
    const std::string pid_file = folder_.path("master.pid");
    const std::vector<std::string> command{
        binary("godwit-master"),
        "--config",
        master_file(port, "log: {file: " + folder_.path("log") + "}\n"),
        "--daemon",
        "--pidfile",
        pid_file};

    ASSERT_EQ(run(command).exit_code, 0);
    const pid_t pid = pid_in(pid_file);
    ASSERT_GT(pid, 1);
    EXPECT_TRUE(answers(port)) << "returned before it was ready";
    EXPECT_EQ(umask_of(pid), umask_of(::getpid())) << "what it makes has other modes";
    const Ran second = run(command);
    EXPECT_NE(second.exit_code, 0);
    EXPECT_THAT(second.output, HasSubstr(pid_file));
    EXPECT_EQ(pid_in(pid_file), pid);

    ::kill(pid, SIGTERM);
    EXPECT_TRUE(eventually([&] { return is_gone(pid); }, Seconds{10}));
    EXPECT_FALSE(fs::exists(pid_file));
}

TEST_F(Service, APidFileOfADeadProcessIsTakenOver) {
    const int port = free_port();
    const std::string pid_file = write("master.pid", "999999\n");

    ASSERT_EQ(run({binary("godwit-master"), "--config", master_file(port), "--daemon", "--pidfile",
                   pid_file})
                  .exit_code,
              0);

    const pid_t pid = pid_in(pid_file);
    EXPECT_NE(pid, 999999);
    ASSERT_GT(pid, 1);
    ::kill(pid, SIGTERM);
    EXPECT_TRUE(eventually([&] { return is_gone(pid); }, Seconds{10}));
}

TEST_F(Service, ADaemonThatCannotStartSaysSoToItsCaller) {
    const std::string file = write(
        "m.yml", "listen: {host: 192.0.2.1, port: 1}\ninsecure: true\nstore: {plugin: memory}\n");

    const Ran ran = run({binary("godwit-master"), "--config", file, "--daemon"});

    EXPECT_NE(ran.exit_code, 0);
    const std::string reason = "godwit-master: listen on 192.0.2.1";
    const std::size_t at = ran.output.find(reason);
    ASSERT_NE(at, std::string::npos) << ran.output;
    EXPECT_EQ(ran.output.find(reason, at + 1), std::string::npos) << "said twice: " << ran.output;
}

TEST_F(Service, ADaemonWithoutALogFileSaysThatItLogsNothing) {
    const std::string file = write(
        "m.yml", "listen: {host: 192.0.2.1, port: 1}\ninsecure: true\nstore: {plugin: memory}\n");
    const std::vector<std::string> command{binary("godwit-master"), "--config", file, "--daemon"};
    EXPECT_THAT(run(command).output, HasSubstr("a daemon without log.file"));

    std::ofstream{file, std::ios::app} << "log: {file: " << folder_.path("log") << "}\n";
    EXPECT_THAT(run(command).output, Not(HasSubstr("a daemon without log.file")));
}

TEST_F(Service, LogsAreJsonLinesAtTheLevelThatIsAskedFor) {
    const int port = free_port();
    Process master{{.command = {binary("godwit-master"), "--config",
                                master_file(port, "log: {format: json, level: warning}\n")},
                    .environment = {},
                    .output = folder_.path("json.log"),
                    .prepare = {}}};
    ASSERT_TRUE(eventually([&] { return answers(port); }, patience()));
    const auto log = [&] { return read_file(folder_.path("json.log")); };
    EXPECT_THAT(log(), Not(HasSubstr(R"("level":"info")")));

    master.signal(SIGUSR1);  // More, at run time.
    EXPECT_TRUE(eventually([&] { return log().find("log level changed") != std::string::npos; }));
    EXPECT_EQ(master.stop(Seconds{5}), 0);
    std::istringstream lines{log()};
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        EXPECT_TRUE(model::parse_json(line)) << line;
    }
    EXPECT_GT(count, 0);
}

TEST_F(Service, AgentLogLevelComesFromTheEnvironment) {
    ClusterSettings settings;
    settings.agent_environment = {"AGENT_LOG_LEVEL=debug"};
    Cluster cluster{settings};
    test_support::write_text(cluster.folder("a/tree/file"), "x");
    cluster.start_pair(cluster.folder("a"), cluster.folder("b"));
    cluster.wait_until_over(cluster.submit(cluster.folder("a/tree"), cluster.folder("b/tree")));

    EXPECT_THAT(cluster.agent_log("worker-a"), HasSubstr("debug"));
    EXPECT_THAT(cluster.agent_log("worker-a"), HasSubstr("assignment done"));
}

TEST_F(Service, BothEndWithinFiveSecondsOfSigterm) {
    Cluster cluster;
    cluster.start_pair(cluster.folder("a"), cluster.folder("b"));

    EXPECT_EQ(cluster.agent("worker-a").stop(Seconds{5}), 0);
    EXPECT_EQ(cluster.master().stop(Seconds{5}), 0);
    EXPECT_EQ(cluster.agent("worker-b").stop(Seconds{5}), 0) << "without a master";
}

TEST_F(Service, AnAgentThatOnlyItsOwnMachineCanReachSaysSoWhereItsMasterIsElsewhere) {
    const auto log_with = [&](const std::string& name, const std::string& master) {
        const std::string file =
            write("agents.yml", "master_url: " + master +
                                    "\nworkers: [{worker_id: worker-a, storage_paths: [/tmp]}]\n");
        const std::string log = folder_.path(name);
        Process agent{
            {.command = {binary("godwit-agent"), "--worker-id", "worker-a", "--config", file},
             .environment = {},
             .output = log,
             .prepare = {}}};
        EXPECT_TRUE(eventually(
            [&] { return read_file(log).find("agent ready") != std::string::npos; }, patience()));
        return read_file(log);
    };

    EXPECT_THAT(log_with("far.log", "http://192.0.2.1:1"), HasSubstr("cannot reach this worker"));
    EXPECT_THAT(log_with("near.log", "http://127.0.0.1:1"),
                Not(HasSubstr("cannot reach this worker")));
}

TEST_F(Service, AnAgentSaysGoodbyeThoughItsFileSystemHangs) {
    if (test_support::kIsSanitized) GTEST_SKIP() << "nothing is preloaded under a sanitizer";
    ClusterSettings settings;
    settings.master_yaml = "lease_seconds: 600\n";
    Cluster cluster{settings};
    const std::string report = cluster.folder("hanging");
    cluster.set_agent_environment({"LD_PRELOAD=" + fault_library("libhang_writes.so"),
                                   "GODWIT_HANG_FOLDER=" + cluster.folder("b/tree"),
                                   "GODWIT_HANG_REPORT=" + report});
    test_support::write_text(cluster.folder("a/tree/file"), std::string(100'000, 'x'));
    cluster.start_pair(cluster.folder("a"), cluster.folder("b"));
    cluster.submit(cluster.folder("a/tree"), cluster.folder("b/tree"));
    ASSERT_TRUE(eventually([&] { return fs::exists(report); }, patience()));

    cluster.agent("worker-b").signal(SIGTERM);

    EXPECT_TRUE(eventually(
        [&] { return cluster.call("GET", "/workers").body.find("DRAINING") != std::string::npos; },
        Seconds{5}));
    EXPECT_TRUE(cluster.agent("worker-b").wait_for(Seconds{7}));
}

TEST_F(Service, AnAgentWithoutAMasterWaitsForOne) {
    Cluster cluster;
    fs::create_directories(cluster.folder("a"));
    cluster.add_worker({"worker-a", {cluster.folder("a")}, {}});
    Process early{{.command = {binary("godwit-agent"), "--worker-id", "worker-a", "--config",
                               cluster.agents_file()},
                   .environment = {},
                   .output = cluster.folder("worker-a.log"),
                   .prepare = {}}};
    ASSERT_TRUE(eventually(
        [&] {
            return cluster.agent_log("worker-a").find("master does not answer") !=
                   std::string::npos;
        },
        patience()));

    cluster.start_master();

    EXPECT_TRUE(eventually(
        [&] {
            return cluster.call("GET", "/workers?status=active").body.find("worker-a") !=
                   std::string::npos;
        },
        patience()));
    EXPECT_EQ(early.stop(Seconds{5}), 0);
}

}  // namespace
}  // namespace godwit::integration
