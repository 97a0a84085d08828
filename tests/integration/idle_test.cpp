// An agent without work sleeps: its rails wait on descriptors instead of polling.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "cluster.h"
#include "support/sanitizer.h"

namespace godwit::integration {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kShareMax = test_support::kIsSanitized ? 0.05 : 0.01;

// Processor time of the process so far, in seconds; proc(5), fields 14 and 15.
double processor_seconds(pid_t pid) {
    std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
    std::string line;
    std::getline(file, line);
    std::istringstream fields{line.substr(line.rfind(')') + 2)};
    std::string skipped;
    for (int field = 3; field < 14; ++field) fields >> skipped;
    double user = 0;
    double system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

class IdleAgent : public testing::TestWithParam<const char*> {
protected:
    static ClusterSettings settings() {
        ClusterSettings settings;
        settings.transport = GetParam();
        settings.agent_yaml = "heartbeat_interval: 2\n";
        return settings;
    }
    std::string last_seen(const std::string& worker) {
        const auto active = cluster_.call("GET", "/workers").object()->getArray("active");
        for (unsigned i = 0; i < active->size(); ++i) {
            const auto entry = active->getObject(i);
            if (entry->getValue<std::string>("worker_id") == worker) {
                return entry->getValue<std::string>("last_seen");
            }
        }
        return {};
    }
    void await_heartbeats(const std::string& worker, int count) {
        for (int i = 0; i < count; ++i) {
            const std::string before = last_seen(worker);
            ASSERT_TRUE(eventually([&] { return last_seen(worker) != before; }, patience()));
        }
    }

    Cluster cluster_{settings()};
};

TEST_P(IdleAgent, UsesLessThanAHundredthOfACoreAfterItsWork) {
    test_support::make_realistic_tree(cluster_.folder("a/tree"), 50, 4);
    cluster_.start_pair(cluster_.folder("a"), cluster_.folder("b"));
    // Connections are open and rails are armed, as after any day's work.
    const std::string id = cluster_.submit(cluster_.folder("a/tree"), cluster_.folder("b/tree"));
    ASSERT_EQ(cluster_.wait_until_over(id), "COMPLETED");
    await_heartbeats("worker-a", 1);
    const Clock::time_point from = Clock::now();
    const double source_before = processor_seconds(cluster_.agent("worker-a").pid());
    const double destination_before = processor_seconds(cluster_.agent("worker-b").pid());

    await_heartbeats("worker-a", 4);

    const double elapsed = std::chrono::duration<double>(Clock::now() - from).count();
    const double source = processor_seconds(cluster_.agent("worker-a").pid()) - source_before;
    const double destination =
        processor_seconds(cluster_.agent("worker-b").pid()) - destination_before;
    EXPECT_LT(source / elapsed, kShareMax);
    EXPECT_LT(destination / elapsed, kShareMax);
}

INSTANTIATE_TEST_SUITE_P(
    Transports, IdleAgent,
    testing::Values(R"({plugin: libfabric, options: {provider: "tcp;ofi_rxm"}})",
                    "{plugin: ucx, options: {tls: tcp}}"),
    [](const auto& info) { return info.index == 0 ? "Libfabric" : "Ucx"; });

}  // namespace
}  // namespace godwit::integration
