// Where UCX's own log lines go: to the host's log, and into the errors that they explain.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "godwit/sdk/host.h"

namespace godwit::transport_ucx {

struct Library;

// Puts our handler in the place of UCX's, which prints to standard output. Once in a process.
void take_over_log(const Library& library);

// Lines of the process go to this logger while the object lives; with several, to the newest.
// Thread-safe.
class LogRoute {
public:
    explicit LogRoute(sdk::Logger& logger);
    ~LogRoute();
    LogRoute(const LogRoute&) = delete;
    LogRoute& operator=(const LogRoute&) = delete;

private:
    sdk::Logger& logger_;
};

// Collects what UCX says on this thread, from warnings upwards, instead of logging it: UCX returns
// "No such device" and logs which devices there are.
class LogCapture {
public:
    LogCapture();
    ~LogCapture();
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;

    const std::vector<std::string>& lines() const noexcept { return lines_; }
    // With "; " between the lines; empty: UCX said nothing.
    std::string said() const;
    void add(std::string line);

private:
    std::vector<std::string> lines_;
    LogCapture* outer_;
};

// With "; " between them.
std::string join(std::span<const std::string> lines);

}  // namespace godwit::transport_ucx
