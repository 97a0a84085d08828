// A Redis server of a test's own: on a free port of the loopback, in a folder that goes with it.
//
//     test_support::RedisServer redis;
//     setenv("REDIS_URL", redis.url().c_str(), 1);
//
// It ends with the object, and with the thread that made it, should that die first.
// Thread-compatible. Everything throws std::runtime_error with a reason when it cannot be done.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace godwit::test_support {

class RedisServer {
public:
    struct Settings {
        // Keep what was acknowledged through a crash of the process, not of the machine.
        bool append_only = false;
        // Further words for its command line: {"--requirepass", "secret"}
        std::vector<std::string> arguments;
    };

    // Returns when the server answers.
    explicit RedisServer(Settings settings);
    RedisServer() : RedisServer{Settings{}} {}
    ~RedisServer();
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    int port() const noexcept { return port_; }
    std::string url(int db = 0) const;
    std::string socket_path() const { return folder_ + "/redis.sock"; }

    // Ends it at once, as a crash would.
    void kill();
    // Runs it again on the same port, over what it kept. After kill().
    void start();
    // Stops it in its tracks: connections stay open, nothing is answered until resume().
    void pause();
    void resume();

private:
    bool launch();
    bool wait_until_it_answers();

    Settings settings_;
    std::string folder_;
    int port_ = 0;
    pid_t pid_ = -1;
};

// A port of the loopback that nothing listens on right now.
int free_port();

}  // namespace godwit::test_support
