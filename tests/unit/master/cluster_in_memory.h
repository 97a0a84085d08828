// All of a master but its HTTP and its threads, over the real memory store and a policy that does
// as the test says. The store's clock stands still until it is told to go on.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "godwit/conformance/load.h"
#include "master/cluster.h"
#include "master/lifecycle.h"
#include "master/results.h"
#include "master/scheduler.h"
#include "support/faulty_store.h"
#include "support/process.h"

namespace godwit::master {

using base::Millis;
using sdk::Count;
using sdk::RequestState;

class ManualClock final : public sdk::Clock {
public:
    std::chrono::nanoseconds now() const noexcept override {
        return std::chrono::nanoseconds{now_ns_.load()};
    }
    void advance(Millis time) noexcept { now_ns_ += std::chrono::nanoseconds{time}.count(); }

private:
    std::atomic<std::int64_t> now_ns_{std::chrono::nanoseconds{std::chrono::hours{1}}.count()};
};

// Gives the whole capacity to the oldest candidate, and its first destination, unless told
// otherwise.
class ObedientPolicy final : public sdk::AssignmentPolicy {
public:
    using Choices = sdk::Result<std::vector<sdk::Choice>>;

    Choices choose(const sdk::Picture& picture) noexcept override {
        return decide ? decide(picture) : oldest_first(picture);
    }
    static Choices oldest_first(const sdk::Picture& picture) {
        std::vector<sdk::Choice> choices;
        for (std::uint32_t i = 0; i < picture.candidates.size(); ++i) {
            const auto destinations = picture.candidates[i].destinations;
            choices.push_back({i, destinations.empty() ? sdk::kNoDestination : destinations[0],
                               picture.capacity});
        }
        return choices;
    }

    std::function<Choices(const sdk::Picture&)> decide;
};

class ClusterInMemory : public testing::Test {
protected:
    ClusterInMemory() { settings_.ticket_secret = base::Secret{"secret"}; }

    static std::unique_ptr<sdk::StateStore> make_store(ManualClock& clock) {
        const sdk::Host& host = conformance::test_host();
        const auto* plugin = conformance::load_descriptor(STORE_MEMORY_PLUGIN);
        return *plugin->make_state_store({}, {host.logger, host.metrics, clock});
    }

    // ------------------------------------------------------------------------------------ workers

    static sdk::Worker worker(const sdk::WorkerId& id, std::vector<std::string> storage_paths,
                              const std::string& status = "READY") {
        sdk::Worker worker;
        worker.id = id;
        worker.incarnation = "1";
        worker.status = status;
        worker.storage_paths = std::move(storage_paths);
        worker.peer_address = id + ":1";
        return worker;
    }
    void add_worker(const sdk::Worker& worker) {
        ASSERT_TRUE(store_.upsert_worker(worker));
        cluster_.changed();
    }
    // "source" mounts /src, "destination" mounts /dst.
    void add_two_workers() {
        add_worker(worker("source", {"/src"}));
        add_worker(worker("destination", {"/dst"}));
    }
    // So much time goes by for the store, in which these workers keep saying that they live.
    void pass(Millis time, const std::vector<sdk::Worker>& living = {}) {
        clock_.advance(time);
        for (const sdk::Worker& worker : living) add_worker(worker);
        cluster_.changed();
    }

    // ----------------------------------------------------------------------------------- requests

    static model::SyncRequest sync(const sdk::RequestId& id, const std::string& source = "/src/a",
                                   const std::string& destination = "/dst/a") {
        model::SyncRequest request;
        request.id = id;
        request.source_path = source;
        request.destination_path = destination;
        return request;
    }
    void admit(const model::SyncRequest& request) { ASSERT_TRUE(lifecycle_.admit(request)); }
    sdk::Request get(const sdk::RequestId& id) {
        auto request = store_.get(id);
        EXPECT_TRUE(request) << id;
        return request ? *request : sdk::Request{};
    }
    RequestState state(const sdk::RequestId& id) { return get(id).state; }
    // The master has seen everything that happened: a picture may be some milliseconds old else.
    void look() {
        cluster_.changed();
        ASSERT_TRUE(cluster_.look_closely());
    }
    // What the master does every few hundred milliseconds.
    void tick() {
        look();
        lifecycle_.tick();
    }

    // --------------------------------------------------------------------------------------- work

    std::vector<model::Assignment> poll(const sdk::WorkerId& worker, std::size_t units_max = 16,
                                        AskForm form = AskForm::Batch) {
        auto assignments = scheduler_.assign(worker, units_max, form);
        EXPECT_TRUE(assignments) << assignments.error().message;
        return assignments ? *std::move(assignments) : std::vector<model::Assignment>{};
    }
    static sdk::Unit chunk(const std::string& label, std::uint64_t bytes = 100) {
        sdk::Unit unit;
        unit.kind = sdk::UnitKind::Chunk;
        unit.label = label;
        unit.files = 1;
        unit.bytes = bytes;
        return unit;
    }
    static model::AssignmentResult succeeded(const model::Assignment& assignment,
                                             const sdk::Effects& effects = {}) {
        model::AssignmentResult result;
        result.request = assignment.id.request;
        result.worker = assignment.worker;
        result.assignment = assignment.id;
        result.attempt = assignment.attempt;
        result.success = true;
        result.effects = effects;
        return result;
    }
    static model::AssignmentResult failed(const model::Assignment& assignment,
                                          const std::string& code, bool retryable = true) {
        model::AssignmentResult result = succeeded(assignment);
        result.success = false;
        result.message = code + " it was";
        result.retryable = retryable;
        result.error.code = code;
        result.error.path = assignment.unit.label;
        return result;
    }
    std::string report(const model::AssignmentResult& result) {
        const auto outcomes = results_.take({result});
        EXPECT_TRUE(outcomes) << outcomes.error().message;
        return outcomes && outcomes->size() == 1 ? outcomes->front().outcome : "none";
    }
    // The listing of the request is done by "source", and has found these units.
    void list(const sdk::RequestId& id, const std::vector<sdk::Unit>& found) {
        const auto listing = poll("source", 1);
        ASSERT_EQ(listing.size(), 1U);
        ASSERT_EQ(listing[0].id.request, id);
        sdk::Effects effects;
        effects.units = found;
        effects.counters[Count::Directories] = 1;
        ASSERT_EQ(report(succeeded(listing[0], effects)), "applied");
    }
    // A request of one chunk, which "source" has been given. Two workers are there.
    model::Assignment given_chunk(const sdk::RequestId& id = "r-1") {
        add_two_workers();
        admit(sync(id));
        list(id, {chunk("file")});
        const auto given = poll("source");
        EXPECT_EQ(given.size(), 1U);
        return given.empty() ? model::Assignment{} : given[0];
    }

    config::MasterSettings settings_;
    ManualClock clock_;
    test_support::FaultyStore store_{make_store(clock_)};
    ObedientPolicy policy_;
    Cluster cluster_{store_, settings_.worker_heartbeat_timeout};
    Lifecycle lifecycle_{settings_, store_, cluster_};
    Scheduler scheduler_{settings_, store_, policy_, cluster_, lifecycle_};
    Results results_{settings_, store_, cluster_, lifecycle_, scheduler_};
};

}  // namespace godwit::master
