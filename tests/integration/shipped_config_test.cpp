// config/example_*.yml, as they are shipped: the executables take them, and the walk of the README
// works with them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "cluster.h"

namespace godwit::integration {
namespace {

namespace fs = std::filesystem;
using test_support::read_file;
using test_support::run;
using test_support::write_text;
using testing::HasSubstr;

std::string replaced(std::string text, const std::string& old, const std::string& by) {
    for (std::size_t at = text.find(old); at != std::string::npos;
         at = text.find(old, at + by.size())) {
        text.replace(at, old.size(), by);
    }
    return text;
}

class ShippedConfig : public testing::Test {
protected:
    // The file with this test's port and folders; nothing else is changed.
    std::string own_copy_of(const std::string& name) {
        std::string text = read_file(shipped("config/" + name));
        for (const char* root : {"/home/gpu1", "/home/cpu1", "/scratch"}) {
            text = replaced(text, std::string{"- "} + root, "- " + cluster_.folder() + root);
        }
        const std::string copy = cluster_.folder(name);
        write_text(copy, replaced(text, "8888", std::to_string(cluster_.port())));
        return copy;
    }
    std::unique_ptr<Process> start(std::vector<std::string> command, const std::string& log) {
        command.front() = binary(command.front());
        return std::make_unique<Process>(Process::Settings{.command = std::move(command),
                                                           .environment = {},
                                                           .output = cluster_.folder(log),
                                                           .prepare = {}});
    }
    std::string curl(const std::string& arguments) {
        const auto ran = run({"/bin/bash", "-c", "curl -s " + arguments});
        EXPECT_EQ(ran.exit_code, 0) << arguments << "\n" << ran.output;
        return ran.output;
    }

    Cluster cluster_;
};

TEST_F(ShippedConfig, IsGoodAsItIs) {
    const auto master = run({binary("godwit-master"), "--config",
                             shipped("config/example_master.yml"), "--check-config"});
    EXPECT_EQ(master.exit_code, 0) << master.output;

    for (const char* worker : {"worker-a", "worker-b"}) {
        const auto agent = run({binary("godwit-agent"), "--worker-id", worker, "--config",
                                shipped("config/example_agent.yml"), "--check-config"});
        EXPECT_EQ(agent.exit_code, 0) << agent.output;
    }
}

TEST_F(ShippedConfig, CarriesTheWalkOfTheReadme) {
    const std::string source = cluster_.folder("home/gpu1/source");
    const std::string destination = cluster_.folder("scratch/dest");
    write_text(source + "/file", "hello\n");
    fs::create_directories(cluster_.folder("home/cpu1"));
    fs::create_directories(cluster_.folder("scratch"));
    const auto master = start({"godwit-master", "--config", own_copy_of("example_master.yml"),
                               "--host", "127.0.0.1", "--port", std::to_string(cluster_.port())},
                              "master.log");
    const std::string agents = own_copy_of("example_agent.yml");
    const auto a = start({"godwit-agent", "--worker-id", "worker-a", "--config", agents}, "a.log");
    const auto b = start({"godwit-agent", "--worker-id", "worker-b", "--config", agents}, "b.log");
    ASSERT_TRUE(eventually(
        [&] {
            const std::string active = cluster_.call("GET", "/workers?status=active").body;
            return active.find("\"worker-a\"") != std::string::npos &&
                   active.find("\"worker-b\"") != std::string::npos;
        },
        patience()));

    const std::string sync = cluster_.url() + "/sync";
    EXPECT_EQ(
        curl("-X POST " + sync +
             R"( -H 'Content-Type: application/json' -d '{)"
             R"("request_id": "demo-1", "source_path": ")" +
             source + R"(", "destination_path": ")" + destination + R"(", "chunk_size_mb": 64}')"),
        R"({"status":"queued","request_id":"demo-1"})");
    EXPECT_EQ(cluster_.wait_until_over("demo-1"), "COMPLETED");
    EXPECT_EQ(read_file(destination + "/file"), "hello\n");
    EXPECT_THAT(curl(sync + " | jq"), HasSubstr("\"request_id\": \"demo-1\""));
    EXPECT_THAT(curl("-X DELETE " + sync + "/demo-1"), HasSubstr("\"status\":\"deleted\""));
    EXPECT_EQ(cluster_.godwit({"sync", source, destination, "--wait"}).exit_code, 0);
}

}  // namespace
}  // namespace godwit::integration
