// The agent's conversation with the master: heartbeats, polls, reports, each on a thread and
// connection of its own, so that a long poll delays no report.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "agent/holdings.h"
#include "base/time.h"
#include "config/settings.h"
#include "http/client.h"
#include "model/assignment.h"

namespace godwit::agent {

// What the link asks of the agent. Called on the link's threads.
struct LinkHooks {
    std::function<model::Heartbeat()> heartbeat;  // Everything but status and leases.
    std::function<void(model::Assignment)> take;  // There is a slot for it.
    std::function<void(const model::RequestRef&)> request_ended;
    std::function<void(const model::SendLimit&)> limit;
};

// Thread-safe.
class MasterLink {
public:
    // InvalidArgument: there is no master to be called at that URL, or not with that token.
    static Status check(const config::AgentSettings& settings);

    // The settings have been checked.
    static Result<std::unique_ptr<MasterLink>> start(const config::AgentSettings& settings,
                                                     Holdings& holdings, LinkHooks hooks);
    ~MasterLink();

    // A slot has become free, its assignment has this result.
    void report(model::AssignmentResult result);

    // No more assignments are asked for.
    void stop_polling();
    // Waits until everything is reported, then says goodbye; up to `deadline`.
    void finish(base::Deadline deadline);

private:
    MasterLink(const config::AgentSettings& settings, Holdings& holdings, LinkHooks hooks);

    void heartbeat_loop(std::stop_token stop);
    // How long to wait for the next one; nothing: it did not get through.
    std::optional<base::Millis> beat(http::Client& client, std::string_view status,
                                     bool leases_complete);
    void poll_loop(std::stop_token stop);
    enum class Polled { Heard, Unheard, Lost };
    Polled poll(http::Client& client, std::size_t free_slots);
    void report_loop(std::stop_token stop);
    using Batch = std::vector<model::AssignmentResult>;
    enum class Sent { Settled, Unheard, Refused, Failed };
    // False: `stop` was requested before there was something.
    bool take_unreported(std::stop_token stop, std::size_t results_max, Batch& batch);
    void put_back(Batch& batch);
    Sent send(http::Client& client, const Batch& batch);
    void give_up(const model::AssignmentResult& result);
    void settle(const model::AssignmentResult& result, std::string_view outcome);
    void note_answer(bool good, const std::string& what, const std::string& reason);

    const config::AgentSettings& settings_;
    Holdings& holdings_;
    const LinkHooks hooks_;
    http::Client heartbeat_client_;
    http::Client poll_client_;
    http::Client report_client_;

    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::size_t free_slots_ = 0;                      // guarded by mutex_
    std::deque<model::AssignmentResult> unreported_;  // guarded by mutex_
    std::size_t reporting_ = 0;                       // guarded by mutex_
    bool reachable_ = true;                           // guarded by mutex_
    bool beat_soon_ = false;                          // guarded by mutex_
    // The master is to hear first what this agent holds: no poll is under way until then.
    bool unsure_ = true;  // guarded by mutex_
    std::jthread heartbeat_thread_;
    std::jthread poll_thread_;
    std::jthread report_thread_;
};

}  // namespace godwit::agent
