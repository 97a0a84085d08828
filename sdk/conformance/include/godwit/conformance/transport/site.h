// The fabric of the machine at hand, named in the environment: an RDMA device has another name on
// every machine, and most have none.
//
//     GODWIT_TEST_FABRIC="provider=verbs;ofi_rxm"   the transport's options, blanks between them
//     GODWIT_TEST_NIC="eth2/10.0.0.7"               a rail's interface and address, both
//     GODWIT_TEST_PATIENCE_SECONDS=120              for a machine that is slow; may be left out
#pragma once

#include <cstdio>
#include <sstream>

#include "godwit/conformance/transport/setup.h"

namespace godwit::conformance {

inline std::string environment_variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

// Splits "left<mark>right"; ends the program when there is no such mark: a test run that ignores
// what it was asked for would pass for another.
inline std::pair<std::string, std::string> split_or_exit(const char* variable,
                                                         const std::string& text, char mark) {
    const std::size_t at = text.find(mark);
    if (at != 0 && at != text.npos && at + 1 != text.size()) {
        return {text.substr(0, at), text.substr(at + 1)};
    }
    std::fprintf(stderr, "%s: expected a '%c' between two words, got '%s'\n", variable, mark,
                 text.c_str());
    std::exit(2);
}

// None, when the environment names no fabric. `plugin` is the path of the .so.
inline std::vector<TransportSetup> site_setups(const std::string& plugin) {
    const std::string fabric = environment_variable("GODWIT_TEST_FABRIC");
    if (fabric.empty()) return {};
    TransportSetup setup{.plugin = plugin};
    std::istringstream words{fabric};
    for (std::string word; words >> word;) {
        setup.options.push_back(split_or_exit("GODWIT_TEST_FABRIC", word, '='));
    }
    const auto nic = split_or_exit("GODWIT_TEST_NIC", environment_variable("GODWIT_TEST_NIC"), '/');
    setup.rail = {.iface = nic.first, .address = nic.second};
    const std::string patience = environment_variable("GODWIT_TEST_PATIENCE_SECONDS");
    if (!patience.empty()) {
        setup.patience = std::chrono::seconds{std::max(1, std::atoi(patience.c_str()))};
    }
    return {setup};
}

}  // namespace godwit::conformance
