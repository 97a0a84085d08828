// Who may do what, and what nobody may.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cluster.h"

namespace godwit::integration {
namespace {

namespace fs = std::filesystem;
using test_support::read_file;
using test_support::run;
using test_support::write_text;
using testing::AnyOf;
using testing::Eq;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kOperator = "operator-token-0123456789abcdef";
constexpr const char* kWorker = "worker-token-0123456789abcdef01";
constexpr const char* kViewer = "viewer-token-0123456789abcdef01";
constexpr const char* kTicketSecret = "ticket-secret-0123456789abcdef0";

ClusterSettings guarded(const std::string& agents_secret = kTicketSecret) {
    ClusterSettings settings;
    settings.token = kOperator;
    settings.master_yaml += std::string{"tokens:\n"} + "  - {role: operator, token: " + kOperator +
                            "}\n  - {role: worker, token: " + kWorker +
                            "}\n  - {role: viewer, token: " + kViewer +
                            "}\nticket_secret: " + kTicketSecret + "\nlog: {level: debug}\n";
    settings.agent_yaml += std::string{"token: "} + kWorker + "\nticket_secret: " + agents_secret +
                           "\nlog: {level: debug}\n";
    return settings;
}

http::Headers bearer(const std::string& token) {
    return {{"Authorization", "Bearer " + token}};
}

class Security : public testing::Test {};

TEST_F(Security, ListeningBeyondLoopbackWithoutTokensIsRefused) {
    test_support::TemporaryFolder folder;
    const std::string file = folder.path("m.yml");
    std::ofstream{file} << "listen: {host: 0.0.0.0, port: 0}\nstore: {plugin: memory}\n";

    const auto ran = run({binary("godwit-master"), "--config", file});

    EXPECT_NE(ran.exit_code, 0);
    EXPECT_THAT(ran.output, HasSubstr("insecure: true"));
}

TEST_F(Security, ATokenOpensWhatItsRoleMayDo) {
    ClusterSettings settings = guarded();
    settings.token.clear();
    Cluster cluster{settings};
    cluster.start_master();
    const std::string body = R"({"request_id":"r-1","source_path":"/a","destination_path":"/b"})";

    const Reply nobody = cluster.call("POST", "/sync", body);
    EXPECT_EQ(nobody.status, 401) << nobody.body;
    EXPECT_TRUE(http::header_in(nobody.headers, "WWW-Authenticate"));
    EXPECT_EQ(cluster.call("GET", "/sync").status, 401);
    EXPECT_EQ(cluster.call("POST", "/sync", body, bearer("wrong")).status, 401);
    EXPECT_EQ(cluster.call("POST", "/sync", body, bearer(kViewer)).status, 403);
    EXPECT_EQ(cluster.call("POST", "/sync", body, bearer(kWorker)).status, 403);
    EXPECT_EQ(cluster.call("GET", "/sync", {}, bearer(kViewer)).body, "[]");
    EXPECT_EQ(cluster.call("POST", "/sync", body, bearer(kOperator)).status, 202);
    EXPECT_EQ(cluster.call("POST", "/workers/w/assignment", {}, bearer(kOperator)).status, 403);
    EXPECT_EQ(cluster.call("GET", "/healthz").status, 200) << "probes need no token";
}

TEST_F(Security, AGuardedClusterMovesDataAndLogsNoSecret) {
    Cluster cluster{guarded()};
    write_text(cluster.folder("a/tree/file"), "content");
    cluster.start_pair(cluster.folder("a"), cluster.folder("b"));

    const std::string id = cluster.submit(cluster.folder("a/tree"), cluster.folder("b/tree"));

    EXPECT_EQ(cluster.wait_until_over(id), "COMPLETED");
    EXPECT_EQ(read_file(cluster.folder("b/tree/file")), "content");
    for (const std::string& log :
         {cluster.master_log(), cluster.agent_log("worker-a"), cluster.agent_log("worker-b")}) {
        for (const char* secret : {kOperator, kWorker, kViewer, kTicketSecret}) {
            EXPECT_THAT(log, Not(HasSubstr(secret)));
        }
    }
}

TEST_F(Security, AnAgentWithAnotherTicketSecretTakesNothing) {
    Cluster cluster{guarded("another-secret-0123456789abcdef")};
    write_text(cluster.folder("a/tree/file"), "content");
    cluster.start_pair(cluster.folder("a"), cluster.folder("b"));

    const std::string id = cluster.submit(cluster.folder("a/tree"), cluster.folder("b/tree"));

    EXPECT_TRUE(eventually(
        [&] { return cluster.agent_log("worker-b").find("ticket refused") != std::string::npos; },
        patience()));
    EXPECT_FALSE(fs::exists(cluster.folder("b/tree")));
    EXPECT_NE(cluster.state(id), "COMPLETED");
}

TEST_F(Security, AWorkerWithAWrongTokenIsRefusedAndSaysSo) {
    ClusterSettings settings = guarded();
    settings.agent_yaml =
        "heartbeat_interval: 1\ntoken: wrong-token-0123456789abcdef01\n"
        "ticket_secret: " +
        std::string{kTicketSecret} + "\n";
    Cluster cluster{settings};
    fs::create_directories(cluster.folder("a"));
    cluster.add_worker({"worker-a", {cluster.folder("a")}, {}});
    cluster.start_master();
    const Process agent{{.command = {binary("godwit-agent"), "--worker-id", "worker-a", "--config",
                                     cluster.agents_file()},
                         .environment = {},
                         .output = cluster.folder("worker-a.log"),
                         .prepare = {}}};

    EXPECT_TRUE(
        eventually([&] { return cluster.agent_log("worker-a").find("401") != std::string::npos; },
                   patience()));
}

TEST_F(Security, ASymlinkBelowTheDestinationLeadsNowhere) {
    Cluster cluster;
    write_text(cluster.folder("a/tree/folder/file"), "content");
    cluster.start_pair(cluster.folder("a"), cluster.folder("b"));
    fs::create_directories(cluster.folder("outside"));
    fs::create_directories(cluster.folder("b/tree"));
    fs::create_directory_symlink(cluster.folder("outside"), cluster.folder("b/tree/folder"));

    const std::string id = cluster.submit(cluster.folder("a/tree"), cluster.folder("b/tree"));

    EXPECT_THAT(cluster.wait_until_over(id), AnyOf(Eq("COMPLETED_WITH_ERRORS"), Eq("COMPLETED")));
    EXPECT_TRUE(fs::is_empty(cluster.folder("outside")));
}

TEST_F(Security, ADestinationThatLeadsOutOfItsStoragePathIsRefused) {
    Cluster cluster;
    write_text(cluster.folder("a/tree/file"), "content");
    cluster.start_pair(cluster.folder("a"), cluster.folder("b"));
    fs::create_directories(cluster.folder("outside"));
    fs::create_directory_symlink(cluster.folder("outside"), cluster.folder("b/link"));

    const std::string by_link =
        cluster.submit(cluster.folder("a/tree"), cluster.folder("b/link/tree"));

    EXPECT_EQ(cluster.wait_until_over(by_link), "FAILED");
    EXPECT_TRUE(fs::is_empty(cluster.folder("outside")));
}

TEST_F(Security, ASourceLinkOutOfItsStoragePathIsCopiedAsALink) {
    Cluster cluster;
    write_text(cluster.folder("outside/secret"), "secret");
    fs::create_directories(cluster.folder("a/tree"));
    fs::create_symlink(cluster.folder("outside/secret"), cluster.folder("a/tree/link"));
    cluster.start_pair(cluster.folder("a"), cluster.folder("b"));

    const std::string id = cluster.submit(cluster.folder("a/tree"), cluster.folder("b/tree"));

    EXPECT_EQ(cluster.wait_until_over(id), "COMPLETED");
    EXPECT_TRUE(fs::is_symlink(cluster.folder("b/tree/link")));
}

TEST_F(Security, GarbageOnAnAgentsPeerPortHarmsNothing) {
    Cluster cluster;
    write_text(cluster.folder("a/tree/file"), "content");
    cluster.start_pair(cluster.folder("a"), cluster.folder("b"));
    const std::string log = cluster.agent_log("worker-b");
    const std::size_t at = log.find("peers=127.0.0.1:");
    ASSERT_NE(at, std::string::npos) << log;
    const std::string port =
        std::to_string(std::stoi(log.substr(at + std::string{"peers=127.0.0.1:"}.size())));

    for (const char* input :
         {"GET / HTTP/1.0\\r\\n\\r\\n", "\\377\\377\\377\\377", "\\0\\0\\0\\004abcd"}) {
        run({"/bin/bash", "-c",
             std::string{"exec 3<>/dev/tcp/127.0.0.1/"} + port + " && printf '" + input + "' >&3"});
    }

    const std::string id = cluster.submit(cluster.folder("a/tree"), cluster.folder("b/tree"));
    EXPECT_EQ(cluster.wait_until_over(id), "COMPLETED");
    EXPECT_TRUE(cluster.agent("worker-b").is_running());
}

}  // namespace
}  // namespace godwit::integration
