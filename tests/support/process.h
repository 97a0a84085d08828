// A child process of a test's own: its output in a file, ended with the test.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace godwit::test_support {

using Seconds = std::chrono::duration<double>;

// Polls until `condition` holds. False: it did not within `patience`.
bool eventually(const std::function<bool()>& condition, Seconds patience = Seconds{20});

// Thread-compatible. Ends with the object, and with the thread that made it.
class Process {
public:
    struct Settings {
        std::vector<std::string> command;      // The executable's path first.
        std::vector<std::string> environment;  // "NAME=value" beyond this process's own.
        std::string output;                    // A file for stdout and stderr; empty: discarded.
        // Runs in the child before the executable, e.g. to enter a network namespace. Only
        // async-signal-safe calls.
        std::function<void()> prepare;
    };

    Process() = default;
    explicit Process(const Settings& settings);
    Process(Process&& other) noexcept;
    Process& operator=(Process&& other) noexcept;
    ~Process();  // Kills it.

    pid_t pid() const noexcept { return pid_; }
    bool is_running();
    void signal(int number);
    // The exit code, or 128 + the signal that ended it. Nothing: it still runs.
    std::optional<int> wait_for(Seconds patience);
    // SIGTERM, then its exit code; -1, and a kill, when it does not end.
    int stop(Seconds patience = Seconds{10});
    void kill();

private:
    pid_t pid_ = -1;
    std::optional<int> exit_code_;
};

// Runs a command to its end; its stdout and stderr together.
struct Ran {
    int exit_code = -1;
    std::string output;
};
Ran run(const std::vector<std::string>& command, const std::vector<std::string>& environment = {},
        Seconds patience = Seconds{60});

std::string read_file(const std::string& path);

}  // namespace godwit::test_support
