// The conformance kit for StateStore: what a master relies on, as tests.
//
//     #include <godwit/conformance/state_store.h>
//
//     GODWIT_STATE_STORE_CONFORMANCE(Mine, [] {
//         return godwit::conformance::make_from<godwit::sdk::StateStore>("/…/godwit_store_mine.so",
//         {});
//     })
//
// The factory is called once per test, and twice at a time where the store says that it is shared:
// then both objects must see the same requests. Several runs may use one server at once: every test
// picks request and worker ids of its own and removes what it created.
// Capabilities (StateStore::info()) choose the cases; one that does not apply is skipped by name.
//
// Include it in one .cpp file of the test, whose main() is GoogleTest's.
#pragma once

#include "godwit/conformance/state_store/claims.h"
#include "godwit/conformance/state_store/completions.h"
#include "godwit/conformance/state_store/concurrency.h"
#include "godwit/conformance/state_store/failures.h"
#include "godwit/conformance/state_store/fixture.h"
#include "godwit/conformance/state_store/groups.h"
#include "godwit/conformance/state_store/leases.h"
#include "godwit/conformance/state_store/requests.h"
#include "godwit/conformance/state_store/transitions.h"
#include "godwit/conformance/state_store/workers.h"

// The last argument is anything that gives a std::unique_ptr<godwit::sdk::StateStore> when called.
#define GODWIT_STATE_STORE_CONFORMANCE(label, ...)                        \
    namespace godwit::conformance {                                       \
    inline const StateStoreParam kStateStore##label{#label, __VA_ARGS__}; \
    GODWIT_STATE_STORE_SUITE(label, StateStoreRequests);                  \
    GODWIT_STATE_STORE_SUITE(label, StateStoreTransitions);               \
    GODWIT_STATE_STORE_SUITE(label, StateStoreClaims);                    \
    GODWIT_STATE_STORE_SUITE(label, StateStoreCompletions);               \
    GODWIT_STATE_STORE_SUITE(label, StateStoreFailures);                  \
    GODWIT_STATE_STORE_SUITE(label, StateStoreLeases);                    \
    GODWIT_STATE_STORE_SUITE(label, StateStoreGroups);                    \
    GODWIT_STATE_STORE_SUITE(label, StateStoreWorkers);                   \
    GODWIT_STATE_STORE_SUITE(label, StateStoreHints);                     \
    GODWIT_STATE_STORE_SUITE(label, StateStoreConcurrency);               \
    }

#define GODWIT_STATE_STORE_SUITE(label, suite)                                    \
    INSTANTIATE_TEST_SUITE_P(label, suite, ::testing::Values(kStateStore##label), \
                             [](const auto& parameter) { return parameter.param.name; })
