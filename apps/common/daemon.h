// Running in the background, and telling whoever waits for it: the starting shell, systemd.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace godwit::apps {

// Used by the main thread, before there are others.
class Daemon {
public:
    // Forks; the parent stays until the child says ready() or failed(), prints what it said, and
    // exits with its code. Only the child returns.
    Status detach();

    // The service works now: lets the parent go, closes the terminal's streams, tells systemd.
    void ready(const std::string& status);
    // It does not, and will end with this code. False: no parent waits to print that.
    bool failed(int exit_code, const std::string& message);
    // It is about to end.
    void stopping();

    // Writes the pid into the file and keeps it locked. Conflict: another process holds it.
    Status lock_pid_file(const std::string& path);
    void remove_pid_file();

private:
    base::UniqueFd parent_;  // What is written to it reaches the waiting parent.
    base::UniqueFd pid_file_;
    std::string pid_path_;
};

}  // namespace godwit::apps
