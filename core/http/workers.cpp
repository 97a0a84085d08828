#include "http/workers.h"

#include <algorithm>
#include <exception>

#include "base/threads.h"
#include "http/problem.h"

namespace godwit::http {
namespace {

Response handler_failed() {
    return problem(500, "internal", "the server failed at this request; its log says why");
}

}  // namespace

Workers::Workers(Limits limits, const std::atomic<std::uint64_t>& wakes,
                 std::function<void(Completion)> done)
    : limits_{limits}, wakes_{wakes}, done_{std::move(done)} {
    for (std::size_t i = 0; i < limits_.threads; ++i) {
        threads_.emplace_back([this] { run(); });
    }
}

Workers::~Workers() {
    stop();
}

bool Workers::offer_fresh(Job& job) {
    const std::lock_guard lock{mutex_};
    if (fresh_.size() >= limits_.fresh_max) return false;
    fresh_.push_back(std::move(job));
    ++unannounced_;
    return true;
}

void Workers::add_woken(Job job) {
    const std::lock_guard lock{mutex_};
    woken_.push_back(std::move(job));
    ++unannounced_;
}

void Workers::announce() {
    std::size_t sleepers = 0;
    {
        const std::lock_guard lock{mutex_};
        // Whoever is awake looks at the queue before it sleeps.
        sleepers = std::min(unannounced_, idle_);
        unannounced_ = 0;
    }
    for (; sleepers > 0; --sleepers) added_.notify_one();
}

void Workers::stop() noexcept {
    std::deque<Job> dropped_fresh;  // Destroyed outside of the lock.
    std::deque<Job> dropped_woken;
    {
        const std::lock_guard lock{mutex_};
        stopped_ = true;
        dropped_fresh.swap(fresh_);
        dropped_woken.swap(woken_);
    }
    added_.notify_all();
    threads_.clear();
}

Job Workers::take(std::unique_lock<std::mutex>& lock) {
    ++idle_;
    added_.wait(lock, [&] { return stopped_ || !fresh_.empty() || !woken_.empty(); });
    --idle_;
    if (stopped_) return {};
    std::deque<Job>& lane = fresh_.empty() || (woken_is_next_ && !woken_.empty()) ? woken_ : fresh_;
    woken_is_next_ = &lane == &fresh_;
    Job job = std::move(lane.front());
    lane.pop_front();
    return job;
}

void Workers::run() {
    base::name_this_thread("http-worker");
    std::unique_lock lock{mutex_};
    for (;;) {
        Job job = take(lock);
        if (!job.exchange) return;
        lock.unlock();
        // Before the handler looks at anything: a wake-up from here on is news to it.
        job.exchange->wakes_seen = wakes_.load();
        auto outcome = answer(job);
        done_({job.connection, std::move(job.exchange), std::move(outcome)});
        lock.lock();
    }
}

std::variant<PrintedAnswer, Park> Workers::answer(Job& job) const {
    const Reply reply = run_handler(job);
    if (const auto* park = std::get_if<Park>(&reply)) return *park;
    return print_answer(std::get<Response>(reply), *job.exchange, false);
}

Reply Workers::run_handler(const Job& job) const {
    const Exchange& exchange = *job.exchange;
    const auto broken = [&](std::string_view cause) -> Reply {
        log_.error("handler failed", {{"method", exchange.request.method},
                                      {"route", exchange.route->pattern},
                                      {"trace", exchange.request.trace_id},
                                      {"cause", std::string{cause}}});
        return handler_failed();
    };
    try {
        Reply reply = exchange.route->handler(exchange.request, job.last);
        if (std::holds_alternative<Park>(reply)) {
            if (job.last) return broken("it parked a request that had to be answered");
            return reply;
        }
        const int status = std::get<Response>(reply).status;
        if (status < 200 || status > 599) return broken("status " + std::to_string(status));
        return reply;
    } catch (const std::exception& thrown) {
        return broken(thrown.what());
    } catch (...) {
        return broken("something that is no std::exception was thrown");
    }
}

}  // namespace godwit::http
