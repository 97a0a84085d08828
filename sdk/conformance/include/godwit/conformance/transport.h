// The conformance kit of transports: what godwit/sdk/transport.h promises, as tests.
//
// A plugin's whole test file:
//
//     #include <godwit/conformance/transport.h>
//     GODWIT_TRANSPORT_CONFORMANCE(LibfabricTcp,
//                                  (godwit::conformance::TransportSetup{
//                                      .plugin = PLUGIN_FILE,
//                                      .options = {{"provider", "tcp;ofi_rxm"}},
//                                      .rail = {.iface = "lo", .address = "127.0.0.1"}}))
//
// Link GTest::gtest_main and include it in one .cpp file of the program. The macro may stand there
// several times, once for each way to configure the plugin. What RailInfo does not claim is
// skipped, with the field's name as the reason.
//
// GODWIT_TRANSPORT_SITE_CONFORMANCE(LibfabricSite, PLUGIN_FILE) adds the fabric that the
// environment names, if it names one: see transport/site.h.
//
// Each rail lives on one thread, as the contract demands: the test's own, or a RailThread. Peers
// that die live in an OtherProcess, which is this program executed again.
#pragma once

#include "godwit/conformance/transport/get_cases.h"
#include "godwit/conformance/transport/key_cases.h"
#include "godwit/conformance/transport/loss_cases.h"
#include "godwit/conformance/transport/open_cases.h"
#include "godwit/conformance/transport/site.h"
#include "godwit/conformance/transport/wait_cases.h"

namespace godwit::conformance {

inline std::vector<TransportSetup> named(const char* name, std::vector<TransportSetup> setups) {
    for (TransportSetup& setup : setups) setup.name = name;
    return setups;
}

inline std::string case_suffix(const ::testing::TestParamInfo<TransportSetup>&) {
    return "Kit";
}

}  // namespace godwit::conformance

#define GODWIT_TRANSPORT_SUITE(suite_, name_, setups_)                                           \
    INSTANTIATE_TEST_SUITE_P(name_, suite_,                                                      \
                             ::testing::ValuesIn(::godwit::conformance::named(#name_, setups_)), \
                             ::godwit::conformance::case_suffix)

#define GODWIT_TRANSPORT_SUITES(name_, ...)                              \
    namespace godwit::conformance {                                      \
    GODWIT_TRANSPORT_SUITE(TransportOpen, name_, (__VA_ARGS__));         \
    GODWIT_TRANSPORT_SUITE(TransportGet, name_, (__VA_ARGS__));          \
    GODWIT_TRANSPORT_SUITE(TransportKeys, name_, (__VA_ARGS__));         \
    GODWIT_TRANSPORT_SUITE(TransportLoss, name_, (__VA_ARGS__));         \
    GODWIT_TRANSPORT_SUITE(TransportWait, name_, (__VA_ARGS__));         \
    static ::testing::Environment* const name_##_other_process =         \
        ::testing::AddGlobalTestEnvironment(                             \
            new other_process::Environment{named(#name_, __VA_ARGS__)}); \
    }                                                                    \
    static_assert(true)

#define GODWIT_TRANSPORT_CONFORMANCE(name_, ...) \
    GODWIT_TRANSPORT_SUITES(name_, std::vector<::godwit::conformance::TransportSetup>{__VA_ARGS__})

#define GODWIT_TRANSPORT_SITE_CONFORMANCE(name_, plugin_) \
    GODWIT_TRANSPORT_SUITES(name_, ::godwit::conformance::site_setups(plugin_))
