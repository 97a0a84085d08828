// Progress of a request on the screen: a bar that moves on a terminal, a plain line now and then
// elsewhere.
#pragma once

#include <chrono>
#include <string>

#include "cli/master_call.h"

namespace godwit::cli {

class ProgressView {
public:
    ProgressView();

    void show(const Object& progress);
    // A line of its own, which stays.
    void say(const std::string& line);
    // Leaves an empty line where the bar was.
    void clear();
    // The last word, on a line of its own.
    void finish(const Object& progress);

private:
    bool terminal_ = false;
    std::size_t width_ = 80;
    std::string last_line_;
    std::chrono::steady_clock::time_point next_plain_{};
};

// "COMPLETED: 1204 files (1.2 GiB) copied, 3 skipped in 4.2 s"
std::string summary_of(const Object& progress);

// Of a request that is PAUSED: why, and what makes it go on.
std::string pause_notice(const Object& progress, const std::string& id);

}  // namespace godwit::cli
