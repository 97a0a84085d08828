#include <gtest/gtest.h>

#include "config/settings.h"
#include "config/yaml.h"

namespace godwit::config {
namespace {

std::string master_error(std::string_view text) {
    const auto root = parse_yaml(text, "m.yml");
    if (!root) return root.error().message;
    const auto settings = read_master(*root);
    return settings ? "" : settings.error().message;
}

Result<AgentSettings> agent(std::string_view text, const std::string& worker = "worker-a") {
    auto root = parse_yaml(text, "a.yml");
    if (!root) return std::move(root).error();
    return read_agent(*root, worker);
}

constexpr std::string_view kGuideAgent = R"(
workers:
  - worker_id: worker-a
    storage_paths:
      - /home/gpu1
      - /home/cpu1
    network:
      control_plane_address: 10.0.0.1
      data_plane_endpoints: [{iface: ib0, address: 192.168.100.10}]
  - worker_id: worker-b
    storage_paths: [/home/gpu1, /scratch/]
)";

TEST(MasterYaml, EmptyFileMeansTheDefaults) {
    const auto settings = read_master(*parse_yaml("", "m.yml"));

    ASSERT_TRUE(settings);
    EXPECT_EQ(settings->listen.port, 8888);
    EXPECT_EQ(settings->store.plugin, "memory");
    EXPECT_EQ(settings->policy.plugin, "storage_affinity");
    EXPECT_EQ(settings->worker_heartbeat_timeout, base::Millis{45'000});
}

TEST(MasterYaml, PluginOptionsKeepTheirPlace) {
    const auto settings = read_master(*parse_yaml(
        "store: {plugin: redis, options:\n  {url: \"redis://localhost:6379/0\"}}", "m.yml"));

    ASSERT_TRUE(settings);
    EXPECT_EQ(settings->store.plugin, "redis");
    EXPECT_EQ(settings->store.options.path, "store.options");
    EXPECT_EQ(sdk::to_string(settings->store.options.values.find("url")->at), "m.yml:2:9");
}

TEST(MasterYaml, JsonIsYaml) {
    const auto settings =
        read_master(*parse_yaml(R"({"listen": {"host": "::1", "port": 9000}})", "m.json"));

    ASSERT_TRUE(settings);
    EXPECT_EQ(settings->listen.host, "::1");
    EXPECT_EQ(settings->listen.port, 9000);
}

TEST(MasterYaml, TellsEveryProblemAtOnceWithItsPlace) {
    EXPECT_EQ(master_error("listen:\n  port: fast\nplaning_window: 3\n"),
              "m.yml:2:9: listen.port: expected an integer in 0..65535, got 'fast'; "
              "m.yml:3:17: unknown key 'planing_window', did you mean 'planning_window'?");
}

TEST(MasterYaml, RefusesWhatIsNoYaml) {
    EXPECT_EQ(master_error("a: [1, 2"), "m.yml:1:1: end of sequence flow not found");
    EXPECT_EQ(master_error("- a\n"), "m.yml:1:1: expected a map of settings at the top");
    EXPECT_EQ(master_error("listen: {}\nlisten: {}\n"), "m.yml:2:1: the key 'listen' stands twice");
    EXPECT_EQ(master_error("a: 1\n---\nb: 1\n"), "m.yml:3:1: a second document; one is expected");
}

TEST(MasterYaml, RefusesAliasesAndDeepNesting) {
    EXPECT_NE(master_error("a: &x [1]\nb: [*x, *x]\n").find("m.yml:2:5: aliases"),
              std::string::npos);
    EXPECT_NE(master_error("a: " + std::string(100'000, '[')).find("nested deeper than 32"),
              std::string::npos);
    std::string brackets = "a: # a [ in a comment\n";
    for (int level = 0; level < 100'000; ++level) brackets += " [\n";
    EXPECT_NE(master_error(brackets).find("m.yml:34:2: nested deeper than 32"), std::string::npos);
    std::string deep;
    for (int level = 0; level < 40; ++level) deep += std::string(level, ' ') + "a:\n";
    EXPECT_NE(master_error(deep).find("nested deeper than 32"), std::string::npos);
}

TEST(MasterYaml, PrintedConfigurationReadsBackAndHidesSecrets) {
    const auto settings = read_master(
        *parse_yaml("tokens: [{role: operator, token: hush}]\n"
                    "store: {plugin: redis, options: {url: \"redis://me:hush@host/0\"}}\n",
                    "m.yml"));
    ASSERT_TRUE(settings);

    const std::string printed = print(*settings);

    EXPECT_EQ(printed.find("hush"), std::string::npos) << printed;
    EXPECT_NE(printed.find("redis://***@host/0"), std::string::npos) << printed;
    EXPECT_TRUE(read_master(*parse_yaml(printed, "printed.yml")));
}

TEST(MasterYaml, AWorkerCountsAsGoneNoSoonerThanItsLeasesEnd) {
    EXPECT_EQ(master_error("lease_seconds: 30\nworker_heartbeat_timeout: 10\n"),
              "m.yml:2:27: worker_heartbeat_timeout: expected no less than lease_seconds, 30, got "
              "'10'");

    const auto short_timeout = read_master(*parse_yaml("worker_heartbeat_timeout: 10", "m.yml"));
    ASSERT_TRUE(short_timeout);
    EXPECT_EQ(short_timeout->lease, base::Millis{10'000});
    const auto long_lease = read_master(*parse_yaml("lease_seconds: 60", "m.yml"));
    ASSERT_TRUE(long_lease);
    EXPECT_EQ(long_lease->worker_heartbeat_timeout, base::Millis{60'000});
}

TEST(AgentYaml, ReadsTheGuidesFile) {
    const auto settings = agent(kGuideAgent);

    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(settings->storage_paths, (std::vector<std::string>{"/home/gpu1", "/home/cpu1"}));
    EXPECT_EQ(settings->control_plane_address, "10.0.0.1");
    ASSERT_EQ(settings->data_plane_endpoints.size(), 1u);
    EXPECT_EQ(settings->data_plane_endpoints[0].iface, "ib0");
    EXPECT_EQ(settings->transports.at(0).plugin, "libfabric");
}

TEST(AgentYaml, AWorkerThatIsNotThereIsNamedWithThoseThatAre) {
    const auto settings = agent(kGuideAgent, "worker-x");

    ASSERT_FALSE(settings);
    EXPECT_EQ(settings.error().code, Code::NotFound);
    EXPECT_EQ(settings.error().message,
              "a.yml:3:3: workers: no worker 'worker-x' (there are: worker-a worker-b)");
}

TEST(AgentYaml, AMistakeInAnotherWorkersEntryIsFound) {
    const auto settings = agent(
        "workers:\n  - {worker_id: worker-a, storage_paths: [/a]}\n"
        "  - {worker_id: worker-a, storage_paths: [b, /c, /c/]}\n");

    ASSERT_FALSE(settings);
    EXPECT_NE(settings.error().message.find("workers[1].worker_id: 'worker-a' stands twice"),
              std::string::npos)
        << settings.error().message;
    EXPECT_NE(settings.error().message.find("'b': a path must be absolute"), std::string::npos);
    EXPECT_NE(settings.error().message.find("'/c' stands twice"), std::string::npos);
}

TEST(AgentYaml, SeveralTransportsInOrderOfPreference) {
    const auto settings = agent(
        "transport:\n  - {plugin: ucx, options: {tls: rc}}\n  - {plugin: libfabric}\n"
        "workers: [{worker_id: worker-a, storage_paths: [/a]}]\n");

    ASSERT_TRUE(settings) << settings.error().message;
    ASSERT_EQ(settings->transports.size(), 2u);
    EXPECT_EQ(settings->transports[0].plugin, "ucx");
    EXPECT_EQ(settings->transports[0].options.path, "transport[0].options");
}

TEST(AgentYaml, AStoragePathThatNoMasterCouldBeToldOfIsRefused) {
    const auto settings =
        agent("workers: [{worker_id: worker-a, storage_paths: [/a, \"/b\xFF\"]}]\n");

    ASSERT_FALSE(settings);
    EXPECT_NE(settings.error().message.find("a.yml:1:11: workers[0].storage_paths: '/b"),
              std::string::npos)
        << settings.error().message;
    EXPECT_NE(settings.error().message.find("is not UTF-8"), std::string::npos);
}

TEST(AgentYaml, AWorkersTuningChangesWhatItNamesOnly) {
    const auto settings = agent(
        "tuning: {segment_kib: 4096, slots: 8, writers: 3}\n"
        "workers: [{worker_id: worker-a, storage_paths: [/a], tuning: {slots: 2}}]\n");

    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(settings->slots, 2U);
    EXPECT_EQ(settings->writers, 3U);
    EXPECT_EQ(settings->segment_bytes, 4096U * 1024);
}

TEST(AgentYaml, AnAddressThatLeadsPeersNowhereIsRefused) {
    for (const std::string address : {"0.0.0.0", "'::'", "'[::]'", "''", "'*'"}) {
        const auto settings = agent(
            "workers: [{worker_id: worker-a, storage_paths: [/a],\n  network: "
            "{control_plane_address: " +
            address + "}}]\n");
        ASSERT_FALSE(settings) << address;
        EXPECT_NE(settings.error().message.find("a.yml:2:12: workers[0].network."
                                                "control_plane_address: "),
                  std::string::npos)
            << settings.error().message;
    }
    EXPECT_FALSE(is_wildcard("10.0.0.1"));
    EXPECT_FALSE(is_wildcard("::1"));
    EXPECT_FALSE(is_wildcard("node-0"));
}

TEST(AgentYaml, PrintedConfigurationReadsBack) {
    const auto settings = agent(kGuideAgent);
    ASSERT_TRUE(settings);

    const auto again = agent(print(*settings));

    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(print(*again), print(*settings));
}

TEST(Loopback, IsRecognised) {
    for (const char* host : {"127.0.0.1", "127.1.2.3", "::1", "localhost"}) {
        EXPECT_TRUE(is_loopback(host)) << host;
    }
    for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "example.org"}) {
        EXPECT_FALSE(is_loopback(host)) << host;
    }
}

}  // namespace
}  // namespace godwit::config
