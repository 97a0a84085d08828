// What the cases of the StateStore kit share: a store, ids that nobody else uses, and short ways to
// say "a chunk of 10 bytes", "claim three", "complete this".
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "godwit/sdk/state_store.h"

namespace godwit::conformance {

struct StateStoreParam {
    std::string name;
    std::function<std::unique_ptr<sdk::StateStore>()> make;

    friend void PrintTo(const StateStoreParam& param, std::ostream* out) { *out << param.name; }
};

// How long a case waits for what must come; far beyond what any store needs.
inline constexpr std::chrono::seconds kPatience{20};
// Of leases that shall not end by themselves, and of those that shall.
inline constexpr sdk::Millis kLongLease = std::chrono::hours{1};
inline constexpr sdk::Millis kShortLease{1};

// Asks again until it is so, or patience is over.
template <class Condition>
bool eventually(Condition&& holds) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::yield();
    }
    return true;
}

// Whether it becomes so within a moment, where a "no" is as good.
template <class Condition>
bool eventually_soon(Condition&& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds{50};
    while (!holds()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::yield();
    }
    return true;
}

inline std::string random_suffix() {
    static std::mt19937_64 random{std::random_device{}()};
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (int i = 0; i < 16; ++i) text += digits[random() % 16];
    return text;
}

inline sdk::Unit unit_of(sdk::UnitKind kind, std::string label = "label") {
    sdk::Unit unit;
    unit.kind = kind;
    unit.label = std::move(label);
    unit.payload = "payload of " + unit.label;
    return unit;
}

inline sdk::Unit chunk(std::string label, std::uint64_t bytes = 10, std::uint64_t files = 1) {
    sdk::Unit unit = unit_of(sdk::UnitKind::Chunk, std::move(label));
    unit.bytes = bytes;
    unit.files = files;
    return unit;
}

inline sdk::Unit listing(std::string label) {
    return unit_of(sdk::UnitKind::Listing, std::move(label));
}

inline std::vector<sdk::Unit> chunks(std::size_t count) {
    std::vector<sdk::Unit> units;
    for (std::size_t i = 0; i < count; ++i) units.push_back(chunk("chunk " + std::to_string(i)));
    return units;
}

inline std::vector<std::string> labels(const std::vector<sdk::Lease>& leases) {
    std::vector<std::string> names;
    for (const sdk::Lease& lease : leases) names.push_back(lease.unit.label);
    return names;
}

class StateStoreFixture : public ::testing::TestWithParam<StateStoreParam> {
protected:
    void SetUp() override {
        store_ = make_store();
        ASSERT_NE(store_, nullptr);
        id_ = fresh_id("request");
        worker_ = fresh_id("worker");
    }

    // A case leaves nothing behind, and a store can forget whatever state a case left.
    void TearDown() override {
        if (!store_) return;
        for (const std::string& id : ids_) {
            EXPECT_TRUE(store_->remove(id)) << "cannot remove request " << id;
            EXPECT_TRUE(store_->remove_worker(id)) << "cannot remove worker " << id;
        }
    }

    static std::unique_ptr<sdk::StateStore> make_store() { return GetParam().make(); }

    std::string fresh_id(const std::string& what) {
        ids_.push_back("kit." + what + "-" + random_suffix());
        return ids_.back();
    }

    sdk::NewRequest new_request(const std::string& id, std::vector<sdk::Unit> units = {}) {
        sdk::NewRequest request;
        request.id = id;
        request.generation = 1;
        request.fingerprint = "fingerprint";
        request.document = "{}";
        request.source_path = "/source";
        request.destination_path = "/destination";
        request.units = std::move(units);
        return request;
    }

    void create(std::vector<sdk::Unit> units = {}) {
        auto reply = store_->create(new_request(id_, std::move(units)));
        ASSERT_TRUE(reply) << reply.error().message;
        ASSERT_TRUE(reply->created);
    }

    sdk::Request get() {
        auto request = store_->get(id_);
        EXPECT_TRUE(request) << request.error().message;
        return request ? *request : sdk::Request{};
    }

    std::int64_t counter(sdk::Count count) { return get().counters[count]; }

    sdk::ClaimSpec claim_spec(std::size_t units_max = 1) const {
        sdk::ClaimSpec spec;
        spec.worker = worker_;
        spec.lease = kLongLease;
        spec.units_max = units_max;
        return spec;
    }

    std::vector<sdk::Lease> claim(const sdk::ClaimSpec& spec) {
        auto leases = store_->claim(id_, spec);
        EXPECT_TRUE(leases) << leases.error().message;
        return leases ? std::move(*leases) : std::vector<sdk::Lease>{};
    }

    std::vector<sdk::Lease> claim(std::size_t units_max = 1) {
        return claim(claim_spec(units_max));
    }

    // One unit that must be there.
    sdk::Lease claim_one() {
        auto leases = claim(1);
        EXPECT_EQ(leases.size(), 1u) << "nothing was claimable";
        return leases.empty() ? sdk::Lease{} : leases.front();
    }

    sdk::Outcome complete(const sdk::LeaseRef& lease, sdk::Effects effects = {}) {
        const std::vector<sdk::Completion> items{{lease, std::move(effects)}};
        auto outcomes = store_->complete(id_, items);
        EXPECT_TRUE(outcomes) << outcomes.error().message;
        return outcomes && outcomes->size() == 1 ? outcomes->front() : sdk::Outcome::NotFound;
    }

    sdk::Failure failure_of(const sdk::Lease& lease, std::uint32_t attempts_max = 5) const {
        sdk::Failure failure;
        failure.lease = lease.ref;
        failure.worker = lease.worker;
        failure.attempts_max = attempts_max;
        failure.error.path = lease.unit.label;
        failure.error.code = "io_error";
        return failure;
    }

    sdk::FailReply fail(const sdk::Failure& failure) {
        const std::vector<sdk::Failure> items{failure};
        auto replies = store_->fail(id_, items);
        EXPECT_TRUE(replies) << replies.error().message;
        return replies && replies->size() == 1 ? replies->front()
                                               : sdk::FailReply{sdk::Outcome::NotFound, false};
    }

    sdk::FailReply exhaust(const sdk::Lease& lease) { return fail(failure_of(lease, 1)); }

    sdk::Outcome renew(const sdk::LeaseRef& lease, sdk::Millis duration = kLongLease) {
        const std::vector<sdk::LeaseRef> items{lease};
        auto outcomes = store_->renew(id_, items, duration);
        EXPECT_TRUE(outcomes) << outcomes.error().message;
        return outcomes && outcomes->size() == 1 ? outcomes->front() : sdk::Outcome::NotFound;
    }

    std::vector<sdk::Reaped> reap(const sdk::ReapSpec& spec) {
        auto reaped = store_->reap(id_, spec);
        EXPECT_TRUE(reaped) << reaped.error().message;
        return reaped ? std::move(*reaped) : std::vector<sdk::Reaped>{};
    }

    std::vector<sdk::Reaped> reap_worker(const sdk::WorkerId& worker) {
        sdk::ReapSpec spec;
        spec.worker = worker;
        return reap(spec);
    }

    // Until `count` leases that were claimed with kShortLease are past their deadline and reaped.
    std::vector<sdk::Reaped> reap_expired(std::size_t count, sdk::ReapSpec spec = {}) {
        std::vector<sdk::Reaped> all;
        EXPECT_TRUE(eventually([&] {
            for (sdk::Reaped& reaped : reap(spec)) all.push_back(std::move(reaped));
            return all.size() >= count || HasFailure();
        })) << "leases past their deadline were not reaped";
        return all;
    }

    sdk::Revision transition(const sdk::Transition& change) {
        auto revision = store_->transition(id_, get().revision, change);
        EXPECT_TRUE(revision) << revision.error().message;
        return revision ? *revision : 0;
    }

    sdk::Revision transition_to(sdk::RequestState state) {
        sdk::Transition change;
        change.to = state;
        return transition(change);
    }

    std::vector<sdk::FileError> errors() {
        std::vector<sdk::FileError> all;
        std::string cursor;
        do {
            auto page = store_->errors(id_, cursor, 1000);
            EXPECT_TRUE(page) << page.error().message;
            if (!page) break;
            for (sdk::FileError& error : page->errors) all.push_back(std::move(error));
            cursor = page->next;
        } while (!cursor.empty());
        return all;
    }

    std::unique_ptr<sdk::StateStore> store_;
    sdk::RequestId id_;
    sdk::WorkerId worker_;

private:
    std::vector<std::string> ids_;
};

}  // namespace godwit::conformance
