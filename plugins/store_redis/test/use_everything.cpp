#include "redis_fixture.h"

namespace godwit::store_redis {
namespace {

sdk::Unit part_of(std::uint64_t group, const std::string& label) {
    sdk::Unit unit = conformance::chunk(label);
    unit.group = group;
    return unit;
}

void move_units(sdk::StateStore& store, const std::string& id) {
    // One unit brings a group whose parts then fail, get lost, and are given up.
    auto first = store.claim(id, claim_of("worker", 1));
    ASSERT_TRUE(first) << first.error().message;
    auto items = completions_of(*first);
    ASSERT_EQ(items.size(), 1u);
    items[0].effects.groups.push_back({7, 3, conformance::unit_of(sdk::UnitKind::Publish)});
    items[0].effects.units = {part_of(7, "a"), part_of(7, "b"), part_of(7, "c")};
    items[0].effects.errors.resize(2);
    items[0].effects.message = "moving";
    const auto completed = store.complete(id, items);
    ASSERT_TRUE(completed) << completed.error().message;

    auto leases = store.claim(id, claim_of("worker", 2));
    ASSERT_TRUE(leases) << leases.error().message;
    ASSERT_EQ(leases->size(), 2u);
    std::vector<sdk::LeaseRef> refs{(*leases)[0].ref, (*leases)[1].ref};
    const auto renewed = store.renew(id, refs, conformance::kLongLease);
    ASSERT_TRUE(renewed) << renewed.error().message;
    auto failures = failures_of(*leases, 5);
    failures[0].backoff = sdk::Millis{1};
    failures[0].message = "failing";
    failures[1].attempts_max = 1;
    const auto failed = store.fail(id, failures);
    ASSERT_TRUE(failed) << failed.error().message;

    const auto then = store.claim(id, claim_of("worker", 4));
    ASSERT_TRUE(then) << then.error().message;
    ASSERT_FALSE(then->empty());
    const auto held = store.leases(id, "worker");
    ASSERT_TRUE(held) << held.error().message;
    EXPECT_EQ(held->size(), then->size());
    sdk::ReapSpec reap;
    reap.worker = "worker";
    reap.losses_max = 1;
    const auto reaped = store.reap(id, reap);
    ASSERT_TRUE(reaped) << reaped.error().message;
    EXPECT_EQ(reaped->size(), then->size());
    const auto expired = store.reap(id, {});
    ASSERT_TRUE(expired) << expired.error().message;
}

void change_state(sdk::StateStore& store, const std::string& id, sdk::RequestState state,
                  bool restart) {
    const auto seen = store.get(id);
    ASSERT_TRUE(seen) << seen.error().message;
    sdk::Transition change;
    change.to = state;
    change.detail = "changed";
    change.restart = restart;
    change.units = conformance::chunks(2);
    const auto revision = store.transition(id, seen->revision, change);
    ASSERT_TRUE(revision) << revision.error().message;
}

}  // namespace

void use_everything(sdk::StateStore& store, const std::string& id) {
    ASSERT_TRUE(store.ping());
    const auto created = store.create(request_of(id, 1));
    ASSERT_TRUE(created) << created.error().message;
    ASSERT_TRUE(created->created);
    ASSERT_NO_FATAL_FAILURE(move_units(store, id));
    const auto errors = store.errors(id, "", 100);
    ASSERT_TRUE(errors) << errors.error().message;
    EXPECT_GE(errors->errors.size(), 3u);
    for (const auto state : {sdk::RequestState::Progress, sdk::RequestState::Failed}) {
        ASSERT_NO_FATAL_FAILURE(change_state(store, id, state, false));
    }
    ASSERT_NO_FATAL_FAILURE(change_state(store, id, sdk::RequestState::Queued, true));
    const auto page = store.list({{sdk::RequestState::Queued}}, "", 100);
    ASSERT_TRUE(page) << page.error().message;
    EXPECT_EQ(page->requests.size(), 1u);
    ASSERT_TRUE(store.list({}, "", 100));

    sdk::Worker worker;
    worker.id = "worker";
    ASSERT_TRUE(store.upsert_worker(worker));
    const auto workers = store.workers();
    ASSERT_TRUE(workers) << workers.error().message;
    EXPECT_EQ(workers->size(), 1u);
    ASSERT_TRUE(store.remove_worker("worker"));
    ASSERT_TRUE(store.remove(id));
}

}  // namespace godwit::store_redis
