#include "agent/master_link.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/threads.h"

namespace godwit::agent {
namespace {

using base::Millis;
using base::SteadyClock;

// As long as proxies between agents and master commonly keep a silent connection.
constexpr Millis kLongPoll{20'000};
constexpr Millis kBackoffMin{100};
constexpr Millis kBackoffMax{5'000};
// A batch is kept well below the master's limit on bodies: a listing's result can be long.
constexpr std::size_t kBatchBytes = 2 << 20;
// How often a result is sent alone that the master fails on.
constexpr int kFailuresMax = 4;

const base::Log kLog{"agent"};

http::ClientSettings client_settings(const config::AgentSettings& settings) {
    http::ClientSettings client;
    client.url = settings.master_url;
    client.token = settings.token;
    return client;
}

// Doubles up to the maximum, with jitter, so that a cluster's agents do not come back all at once.
class Backoff {
public:
    void reset() noexcept { next_ = kBackoffMin; }
    // False: `stop` was requested.
    bool wait(std::stop_token stop) {
        const auto jitter = static_cast<std::int64_t>(base::random_u64() %
                                                      static_cast<std::uint64_t>(next_.count()));
        const Millis pause{next_.count() / 2 + jitter};
        next_ = std::min(2 * next_, kBackoffMax);
        std::mutex mutex;
        std::condition_variable_any never;
        std::unique_lock lock{mutex};
        never.wait_for(lock, stop, pause, [] { return false; });
        return !stop.stop_requested();
    }

private:
    Millis next_ = kBackoffMin;
};

std::string reason_of(const http::Answer& answer) {
    return "HTTP " + std::to_string(answer.status) + " " + base::printable(answer.body, 512);
}

// Whether the same bytes would be refused again: not by a guard whose token is changed, nor by one
// that is overloaded.
bool is_refusal(int status) noexcept {
    const bool passes = status == 401 || status == 403 || status == 408 || status == 429;
    return status >= 400 && status < 500 && !passes;
}

std::size_t size_of(const model::AssignmentResult& result) {
    std::size_t bytes = 512;
    for (const sdk::Unit& unit : result.effects.units) bytes += 512 + unit.payload.size() * 4 / 3;
    for (const sdk::FileError& error : result.effects.errors) {
        bytes += 256 + error.path.size() + error.message.size();
    }
    return bytes;
}

}  // namespace

Status MasterLink::check(const config::AgentSettings& settings) {
    auto probe = http::Client::open(client_settings(settings));
    if (!probe) return wrap(std::move(probe).error(), "master_url");
    return {};
}

Result<std::unique_ptr<MasterLink>> MasterLink::start(const config::AgentSettings& settings,
                                                      Holdings& holdings, LinkHooks hooks) {
    std::unique_ptr<MasterLink> link{new MasterLink{settings, holdings, std::move(hooks)}};
    const auto run = [raw = link.get()](void (MasterLink::*loop)(std::stop_token)) {
        return std::jthread{[raw, loop](std::stop_token stop) { (raw->*loop)(std::move(stop)); }};
    };
    link->heartbeat_thread_ = run(&MasterLink::heartbeat_loop);
    link->poll_thread_ = run(&MasterLink::poll_loop);
    link->report_thread_ = run(&MasterLink::report_loop);
    return link;
}

MasterLink::MasterLink(const config::AgentSettings& settings, Holdings& holdings, LinkHooks hooks)
    : settings_{settings},
      holdings_{holdings},
      hooks_{std::move(hooks)},
      heartbeat_client_{*http::Client::open(client_settings(settings))},
      poll_client_{*http::Client::open(client_settings(settings))},
      report_client_{*http::Client::open(client_settings(settings))},
      free_slots_{settings.slots} {}

MasterLink::~MasterLink() {
    stop_polling();
    heartbeat_thread_.request_stop();
    report_thread_.request_stop();
    heartbeat_client_.interrupt();
    report_client_.interrupt();
}

void MasterLink::note_answer(bool good, const std::string& what, const std::string& reason) {
    bool changed = false;
    {
        const std::lock_guard lock{mutex_};
        changed = reachable_ != good;
        reachable_ = good;
    }
    if (!changed) return;
    if (good) {
        kLog.info("master answers again", {{"url", settings_.master_url}});
    } else {
        kLog.warning("master does not answer, trying on",
                     {{"url", settings_.master_url}, {"call", what}, {"reason", reason}});
    }
}

// --------------------------------------------------------------------------------------- heartbeat

void MasterLink::heartbeat_loop(std::stop_token stop) {
    base::name_this_thread("heartbeat");
    Backoff backoff;
    while (!stop.stop_requested()) {
        std::size_t free = 0;
        bool unsure = false;
        {
            const std::lock_guard lock{mutex_};
            free = free_slots_;
            unsure = unsure_;
        }
        const auto pause =
            beat(heartbeat_client_, free < settings_.slots ? "TRANSFERRING" : "READY", unsure);
        if (!pause) {
            if (!backoff.wait(stop)) return;
            continue;
        }
        backoff.reset();
        std::unique_lock lock{mutex_};
        if (unsure) unsure_ = false;
        changed_.notify_all();
        changed_.wait_for(lock, stop, *pause,
                          [&] { return std::exchange(beat_soon_, false) || unsure_; });
    }
}

std::optional<base::Millis> MasterLink::beat(http::Client& client, std::string_view status,
                                             bool leases_complete) {
    model::Heartbeat heartbeat = hooks_.heartbeat();
    heartbeat.worker.status = status;
    heartbeat.leases_complete = leases_complete;
    heartbeat.leases = holdings_.list();
    const base::Deadline sent_at = SteadyClock::now();
    const auto answer =
        client.send("POST", "/workers/heartbeat", model::print_heartbeat(heartbeat));
    if (!answer) {
        if (answer.error().code != Code::Cancelled) {
            note_answer(false, "heartbeat", answer.error().message);
        }
        return std::nullopt;
    }
    if (!answer->ok()) {
        note_answer(false, "heartbeat", reason_of(*answer));
        return std::nullopt;
    }
    note_answer(true, "heartbeat", "");
    const auto parsed = model::parse_heartbeat_answer(answer->body);
    if (!parsed.ok()) return settings_.heartbeat_interval;
    std::erase_if(heartbeat.leases, [&](const std::string& lease) {
        return std::ranges::count(parsed.document->lost, lease) != 0;
    });
    holdings_.renew(heartbeat.leases, sent_at);
    for (const std::string& lost : parsed.document->lost) {
        kLog.warning("lease lost, stopping its work", {{"assignment", lost}});
        holdings_.stop(lost);
    }
    for (const std::string& paused : parsed.document->paused) {
        if (!holdings_.stop(paused)) continue;
        kLog.info("request paused, giving its work back", {{"assignment", paused}});
    }
    for (const model::RequestRef& ended : parsed.document->ended) hooks_.request_ended(ended);
    for (const model::SendLimit& limit : parsed.document->limits) hooks_.limit(limit);
    const base::Millis asked{parsed.document->next_heartbeat_ms};
    return asked.count() == 0 ? settings_.heartbeat_interval
                              : std::min(asked, settings_.heartbeat_interval);
}

// -------------------------------------------------------------------------------------------- poll

void MasterLink::poll_loop(std::stop_token stop) {
    base::name_this_thread("poll");
    Backoff backoff;
    while (!stop.stop_requested()) {
        std::size_t free = 0;
        {
            // The master takes back what this agent does not hold, and what an earlier life of it
            // held, when it hears of that: nothing must be on its way to this one then.
            std::unique_lock lock{mutex_};
            if (!changed_.wait(lock, stop, [&] { return free_slots_ > 0 && !unsure_; })) return;
            free = free_slots_;
        }
        const Polled polled = poll(poll_client_, free);
        if (polled == Polled::Heard) {
            backoff.reset();
            continue;
        }
        if (!backoff.wait(stop)) return;
        if (polled == Polled::Lost) {
            const std::lock_guard lock{mutex_};
            unsure_ = true;
            changed_.notify_all();
        }
    }
}

// Lost: something may have been handed out with an answer that nobody has.
MasterLink::Polled MasterLink::poll(http::Client& client, std::size_t free_slots) {
    const std::string target = "/workers/" + http::percent_encode(settings_.worker_id) +
                               "/assignments?max=" + std::to_string(free_slots) +
                               "&wait_ms=" + std::to_string(kLongPoll.count());
    const auto answer = client.send("POST", target, {}, kLongPoll);
    if (!answer || !answer->ok()) {
        const bool interrupted = !answer && answer.error().code == Code::Cancelled;
        if (!interrupted) {
            note_answer(false, "poll", answer ? reason_of(*answer) : answer.error().message);
        }
        const bool heard =
            answer ? answer->status >= 500 : answer.error().code != Code::Unavailable;
        return heard ? Polled::Lost : Polled::Unheard;
    }
    auto parsed = model::parse_assignments(answer->body);
    if (!parsed.ok()) {
        kLog.error("the master's assignments cannot be read: is it of another version?",
                   {{"reason", parsed.errors.front().message}});
        // Given back at once, it would come again at once, and for ever: the lease is to run out.
        return Polled::Unheard;
    }
    for (model::Assignment& assignment : *parsed.document) {
        {
            const std::lock_guard lock{mutex_};
            free_slots_ -= std::min<std::size_t>(free_slots_, 1);
        }
        hooks_.take(std::move(assignment));
    }
    return Polled::Heard;
}

void MasterLink::stop_polling() {
    poll_thread_.request_stop();
    poll_client_.interrupt();
    if (poll_thread_.joinable()) poll_thread_.join();
}

// ------------------------------------------------------------------------------------------ report

void MasterLink::report(model::AssignmentResult result) {
    {
        const std::lock_guard lock{mutex_};
        // Before the unit can be claimed again, the master shall know what is not mounted here.
        beat_soon_ = beat_soon_ || result.error.code == base::to_string(base::FileCode::NoWorker);
        unreported_.push_back(std::move(result));
        ++free_slots_;
    }
    changed_.notify_all();
}

void MasterLink::report_loop(std::stop_token stop) {
    base::name_this_thread("report");
    Backoff backoff;
    Batch batch;
    std::size_t singly = 0;  // So many of the next ones go alone: one of them is bad.
    int failures = 0;        // Of the result that is tried alone.
    while (!stop.stop_requested()) {
        const std::size_t results_max = singly > 0 ? 1 : model::kResultsMax;
        if (batch.empty() && !take_unreported(stop, results_max, batch)) return;
        const Sent sent = send(report_client_, batch);
        const bool bad = sent == Sent::Refused || sent == Sent::Failed;
        if (bad && batch.size() > 1) {
            singly = batch.size();
            put_back(batch);
            continue;
        }
        if (sent == Sent::Failed) ++failures;
        if (sent == Sent::Refused || failures == kFailuresMax) {
            give_up(batch.front());
        } else if (sent != Sent::Settled) {
            if (!backoff.wait(stop)) return;
            continue;
        }
        batch.clear();
        singly -= std::min<std::size_t>(singly, 1);
        failures = 0;
        backoff.reset();
    }
}

bool MasterLink::take_unreported(std::stop_token stop, std::size_t results_max, Batch& batch) {
    std::unique_lock lock{mutex_};
    reporting_ = 0;
    changed_.notify_all();
    if (!changed_.wait(lock, stop, [&] { return !unreported_.empty(); })) return false;
    std::size_t bytes = 0;
    while (batch.size() < results_max && !unreported_.empty() && bytes < kBatchBytes) {
        bytes += size_of(unreported_.front());
        batch.push_back(std::move(unreported_.front()));
        unreported_.pop_front();
    }
    reporting_ = batch.size();
    return true;
}

void MasterLink::put_back(Batch& batch) {
    const std::lock_guard lock{mutex_};
    unreported_.insert(unreported_.begin(), std::make_move_iterator(batch.begin()),
                       std::make_move_iterator(batch.end()));
    batch.clear();
}

MasterLink::Sent MasterLink::send(http::Client& client, const Batch& batch) {
    const auto answer = client.send("POST", "/workers/results", model::print_results(batch));
    if (!answer) {
        note_answer(false, "results", answer.error().message);
        return Sent::Unheard;
    }
    if (is_refusal(answer->status)) {
        kLog.warning("the master refuses results",
                     {{"results", batch.size()}, {"answer", reason_of(*answer)}});
        return Sent::Refused;
    }
    const auto outcomes = model::parse_outcomes(answer->body);
    if (!answer->ok() || !outcomes.ok() || outcomes.document->size() != batch.size()) {
        note_answer(false, "results", reason_of(*answer));
        const bool fails = answer->ok() || answer->status == 500;
        return fails ? Sent::Failed : Sent::Unheard;
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
        settle(batch[i], (*outcomes.document)[i].outcome);
    }
    return Sent::Settled;
}

// Its lease runs out, and the work is done anew: better than that no other result gets through.
void MasterLink::give_up(const model::AssignmentResult& result) {
    kLog.error("the master does not take a result, given up: is it of another version?",
               {{"assignment", model::to_string(*result.assignment)}});
    settle(result, "refused");
}

void MasterLink::settle(const model::AssignmentResult& result, std::string_view outcome) {
    const std::string assignment = model::to_string(*result.assignment);
    holdings_.remove(assignment);
    if (outcome == "lease_lost" || outcome == "not_found") {
        kLog.warning("result refused, the lease was lost",
                     {{"assignment", assignment}, {"success", result.success}});
        return;
    }
    kLog.debug("result reported",
               {{"assignment", assignment}, {"success", result.success}, {"outcome", outcome}});
}

void MasterLink::finish(base::Deadline deadline) {
    {
        std::unique_lock lock{mutex_};
        changed_.wait_until(lock, deadline, [&] { return unreported_.empty() && reporting_ == 0; });
    }
    heartbeat_thread_.request_stop();
    report_thread_.request_stop();
    heartbeat_client_.interrupt();
    if (heartbeat_thread_.joinable()) heartbeat_thread_.join();
    const auto left = std::chrono::floor<Millis>(deadline - SteadyClock::now());
    if (left.count() <= 0) return;
    http::ClientSettings settings = client_settings(settings_);
    settings.connect_timeout = left;
    settings.answer_timeout = left;
    if (auto client = http::Client::open(std::move(settings))) beat(*client, "DRAINING", true);
}

}  // namespace godwit::agent
