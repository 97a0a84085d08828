#include "cli/watch.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>

#include "cli/outcome.h"
#include "cli/progress_view.h"

namespace godwit::cli {
namespace {

using Clock = std::chrono::steady_clock;

// Between two looks: a twentieth of the time that has gone by, so that the end of a short request
// is not noticed late.
constexpr std::chrono::milliseconds kPauseMin{50};
constexpr std::chrono::milliseconds kPauseMax{1'000};
constexpr int kPausesOfTheTime = 20;
// How long a master that went away is waited for.
constexpr std::chrono::seconds kMasterAway{60};
// Of what a dry run found in the way, the first ones.
constexpr int kConflictsShown = 20;

void show_conflicts(MasterCall& master, const std::string& id, std::int64_t count) {
    const auto body = master.send("GET", "/sync/" + http::percent_encode(id) +
                                             "/errors?limit=" + std::to_string(kConflictsShown));
    const auto page = body ? object_in(*body) : Object{};
    const auto errors = page.isNull() ? Poco::JSON::Array::Ptr{} : page->getArray("errors");
    if (errors.isNull()) return;
    std::vector<Object> shown;
    for (const auto& item : *errors) shown.push_back(item.extract<Object>());
    std::cout << error_table(shown);
    if (count > kConflictsShown) std::cout << "all of them: godwit errors " << id << "\n";
}

int finish(const CommandLine& line, MasterCall& master, const std::string& id,
           const std::string& body, ProgressView& view) {
    const Object progress = object_in(body);
    const int code = exit_code_of(progress);
    // What a dry run found is worth nothing when it did not come to its end.
    const bool looked = line.is_dry_run() && text_of(progress, "state").starts_with("COMPLETED");
    if (looked && !line.json) {
        view.clear();
        std::cout << dry_run_summary(progress) << "\n";
        const auto count = number_of(progress, "error_count");
        if (count != 0) show_conflicts(master, id, count);
        return code;
    }
    view.finish(progress);
    if (line.json) std::cout << body << "\n";
    return code;
}

}  // namespace

int watch(const CommandLine& line, MasterCall& master, const std::string& id) {
    const Clock::time_point start = Clock::now();
    Clock::time_point last_answer = start;
    ProgressView view;
    bool was_paused = false;
    for (;;) {
        const auto body = master.send("GET", "/sync/" + http::percent_encode(id));
        const Clock::time_point now = Clock::now();
        if (body) {
            last_answer = now;
            const Object progress = object_in(*body);
            if (progress.isNull()) return fail({kRefused, "the master's answer is no progress"});
            if (is_over(text_of(progress, "state"))) {
                return finish(line, master, id, *body, view);
            }
            // Nothing moves until somebody acts, who may not look at any other screen.
            const bool is_paused = text_of(progress, "state") == "PAUSED";
            if (!is_paused) view.show(progress);
            if (is_paused && !was_paused) view.say(pause_notice(progress, id));
            was_paused = is_paused;
        } else if (master.failure().exit_code != kUnreachable || now - last_answer > kMasterAway) {
            return fail(master.failure());
        }
        if (line.timeout_seconds && now - start >= std::chrono::seconds{*line.timeout_seconds}) {
            return fail({kTimedOut, "request '" + id + "' has not ended in " +
                                        std::to_string(*line.timeout_seconds) +
                                        " s; it goes on: godwit status " + id});
        }
        std::this_thread::sleep_for(
            std::clamp<Clock::duration>((now - start) / kPausesOfTheTime, kPauseMin, kPauseMax));
    }
}

}  // namespace godwit::cli
