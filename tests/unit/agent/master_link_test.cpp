#include "agent/master_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "http/server.h"
#include "support/process.h"

namespace godwit::agent {
namespace {

using http::Reply;
using http::Request;
using test_support::eventually;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

// A master of which a test says how it answers.
class Link : public testing::Test {
protected:
    Link() {
        settings_.worker_id = "w";
        add("/workers/heartbeat", [this](const Request& request, bool) -> Reply {
            ++beats_;
            const auto heartbeat = model::parse_heartbeat(request.body);
            if (heartbeat.ok() && heartbeat.document->leases_complete) note("complete");
            return http::json_response(200, heartbeat_answer_);
        });
        add("/workers/results", [this](const Request& request, bool) -> Reply {
            return take(*model::parse_results(request.body).document);
        });
        add("/workers/{worker_id}/assignments", [this](const Request&, bool) -> Reply {
            note("poll");
            return http::json_response(poll_status_, poll_answer_);
        });
    }
    ~Link() override {
        link_.reset();
        server_.reset();
    }

    void add(const std::string& pattern, http::Handler handler) {
        router_.add({.method = "POST",
                     .pattern = pattern,
                     .role = http::Role::Open,
                     .handler = std::move(handler),
                     .body_optional = true});
    }
    // Fails a batch that has one of `bad_` in it, and takes it else.
    Reply take(const std::vector<model::AssignmentResult>& results) {
        const std::lock_guard lock{mutex_};
        std::vector<model::ResultOutcome> outcomes;
        for (const model::AssignmentResult& result : results) {
            if (bad_.contains(result.assignment->lease.unit)) {
                ++refusals_;
                return http::json_response(bad_status_, "{}");
            }
            outcomes.push_back({model::to_string(*result.assignment), "applied"});
        }
        for (const model::AssignmentResult& result : results) {
            taken_.insert(result.assignment->lease.unit);
        }
        return http::json_response(200, model::print_outcomes(outcomes));
    }

    void note(const std::string& call) {
        const std::lock_guard lock{mutex_};
        if (calls_.size() < 5) calls_.push_back(call);
    }
    std::vector<std::string> first_calls() {
        EXPECT_TRUE(eventually([&] {
            const std::lock_guard lock{mutex_};
            return calls_.size() == 5;
        }));
        const std::lock_guard lock{mutex_};
        return calls_;
    }

    void start() {
        server_ = std::make_unique<http::Server>(http::ServerSettings{}, std::move(router_),
                                                 http::AccessList{}, metrics_);
        ASSERT_TRUE(server_->start());
        settings_.master_url = "http://127.0.0.1:" + std::to_string(server_->port());
        auto link = MasterLink::start(settings_, holdings_,
                                      {.heartbeat =
                                           [] {
                                               model::Heartbeat heartbeat;
                                               heartbeat.worker.id = "w";
                                               return heartbeat;
                                           },
                                       .take = [](const model::Assignment&) {},
                                       .request_ended = [](const model::RequestRef&) {},
                                       .limit = [](const model::SendLimit&) {}});
        ASSERT_TRUE(link) << link.error().message;
        link_ = std::move(*link);
    }
    void report(std::uint64_t unit) {
        model::AssignmentResult result;
        result.request = "r";
        result.worker = "w";
        result.success = true;
        result.assignment = model::AssignmentId{"r", {unit, {1, 1}}};
        holdings_.add(model::to_string(*result.assignment), base::Millis{600'000});
        link_->report(std::move(result));
    }
    std::set<std::uint64_t> taken() {
        const std::lock_guard lock{mutex_};
        return taken_;
    }

    config::AgentSettings settings_;
    std::string heartbeat_answer_ = R"({"status":"ok"})";
    std::string poll_answer_ = "[]";
    std::set<std::uint64_t> bad_;
    int bad_status_ = 400;
    std::mutex mutex_;
    std::set<std::uint64_t> taken_;   // guarded by mutex_
    std::vector<std::string> calls_;  // guarded by mutex_
    std::atomic<int> poll_status_{200};
    std::atomic<int> refusals_{0};
    std::atomic<int> beats_{0};
    base::Metrics metrics_;
    http::Router router_;
    Holdings holdings_;
    std::unique_ptr<http::Server> server_;
    std::unique_ptr<MasterLink> link_;
};

TEST_F(Link, BeatsAsOftenAsTheMasterAsksFor) {
    settings_.heartbeat_interval = base::Millis{3'600'000};
    heartbeat_answer_ = R"({"status":"ok","next_heartbeat_ms":20})";

    start();

    EXPECT_TRUE(eventually([&] { return beats_ >= 5; }));
}

TEST_F(Link, SaysWhatItHoldsBeforeItAsksForMore) {
    start();

    EXPECT_THAT(first_calls(), ElementsAre("complete", "poll", "poll", "poll", "poll"));
}

TEST_F(Link, SaysWhatItHoldsAfterAPollWhoseAnswerWasLost) {
    poll_status_ = 504;
    start();

    EXPECT_THAT(first_calls(), ElementsAre("complete", "poll", "complete", "poll", "complete"));
}

// They would be handed out once more, and at once.
TEST_F(Link, DoesNotGiveBackAssignmentsThatItCannotRead) {
    poll_answer_ = R"([{"of":"another version"}])";
    start();

    EXPECT_THAT(first_calls(), ElementsAre("complete", "poll", "poll", "poll", "poll"));
}

class LinkWithABadResult : public Link, public testing::WithParamInterface<int> {};

TEST_P(LinkWithABadResult, GivesUpThatOneAndReportsTheOthers) {
    bad_ = {2};
    bad_status_ = GetParam();
    start();

    for (const std::uint64_t unit : {1, 2, 3, 4}) report(unit);

    EXPECT_TRUE(eventually([&] { return holdings_.empty(); }));
    EXPECT_THAT(taken(), UnorderedElementsAre(1, 3, 4));
}

INSTANTIATE_TEST_SUITE_P(Statuses, LinkWithABadResult, testing::Values(400, 404, 413, 422, 500));

class LinkToABusyMaster : public Link, public testing::WithParamInterface<int> {};

TEST_P(LinkToABusyMaster, KeepsItsResultsUntilTheyAreTaken) {
    bad_ = {1};
    bad_status_ = GetParam();
    start();
    report(1);
    ASSERT_TRUE(eventually([&] { return refusals_ >= 2; }));
    EXPECT_FALSE(holdings_.empty());

    {
        const std::lock_guard lock{mutex_};
        bad_.clear();
    }

    EXPECT_TRUE(eventually([&] { return holdings_.empty(); }));
    EXPECT_THAT(taken(), UnorderedElementsAre(1));
}

INSTANTIATE_TEST_SUITE_P(Statuses, LinkToABusyMaster, testing::Values(401, 403, 429, 503));

}  // namespace
}  // namespace godwit::agent
