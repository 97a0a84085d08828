// How a shared library becomes a Godwit plugin: one data symbol, `godwit_plugin_v1`.
//
// The host reads the descriptor before it runs any function of the plugin, and refuses what was
// built for another SDK or another C++ ABI. Write it with the macro of your kind, in one .cpp file:
//
//     GODWIT_STATE_STORE_PLUGIN("redis", "1.0.0", "keeps state in a Redis server",
//                               godwit::store_redis::kOptions, godwit::store_redis::create)
//
// Rules, and why (each was met in a real system):
// - The file is `godwit_<kind>_<name>.so`, so that a name in YAML is never a path.
// - One exported symbol (godwit_add_plugin() in CMake sees to it): a second one can bind to another
//   plugin's code.
// - No non-trivial static objects: their constructors run at load, before the checks.
// - A plugin is loaded once and stays for the life of the process: fabric libraries hold threads
//   and exit handlers that must not lose their code.
// - Nothing throws across the boundary: every virtual function is noexcept, and what throws in one
//   ends the process. What a factory throws becomes an error of the start.
// - The host deletes the object that the factory made through its virtual destructor, before exit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "godwit/sdk/host.h"
#include "godwit/sdk/options.h"
#include "godwit/sdk/result.h"

namespace godwit::sdk {

class StateStore;
class AssignmentPolicy;
class Transport;

// Raised by one with every change of the interfaces that a built plugin would notice.
inline constexpr std::uint32_t kAbiVersion = 1;

#define GODWIT_STRINGIFY_2(x) #x
#define GODWIT_STRINGIFY(x) GODWIT_STRINGIFY_2(x)
// Standard library types cross the boundary, so both sides must agree on their layout.
#define GODWIT_ABI_TAG                                                           \
    "sdk1-gxx" GODWIT_STRINGIFY(__GXX_ABI_VERSION) "-cxx11abi" GODWIT_STRINGIFY( \
        _GLIBCXX_USE_CXX11_ABI)

enum class PluginKind : std::uint32_t { StateStore = 1, AssignmentPolicy = 2, Transport = 3 };

// As in file names: godwit_store_redis.so, godwit_policy_round_robin.so, godwit_transport_ucx.so.
constexpr const char* to_string(PluginKind kind) noexcept {
    switch (kind) {
    case PluginKind::StateStore: return "store";
    case PluginKind::AssignmentPolicy: return "policy";
    case PluginKind::Transport: return "transport";
    }
    return "unknown kind";
}

// The factory validates its options (OptionReader) and returns one Error for all that is wrong.
// It is called once, on the thread that starts the host; it may block for some seconds.
template <class Interface>
using Factory = Result<std::unique_ptr<Interface>> (*)(const Options&, const Host&);

inline constexpr std::uint64_t kPluginMagic = 0x3176'7469'7764'6f67;  // "godwitv1", little endian.

// Plain data. Within a major version fields are only appended; `descriptor_bytes` tells how many
// there are.
struct PluginDescriptor {
    std::uint64_t magic;
    std::uint32_t abi_version;
    std::uint32_t descriptor_bytes;
    const char* abi_tag;
    PluginKind kind;
    const char* name;     // [a-z0-9_]+
    const char* version;  // the plugin's own
    const char* summary;  // one line for `godwit plugins`, with the library it stands on
    const OptionSpec* options;
    std::size_t option_count;
    // Exactly the one of `kind` is set.
    Factory<StateStore> make_state_store;
    Factory<AssignmentPolicy> make_assignment_policy;
    Factory<Transport> make_transport;
};

inline constexpr const char* kPluginSymbol = "godwit_plugin_v1";

// For the macros' last-but-one argument where a plugin takes no options.
inline constexpr std::span<const OptionSpec> kNoOptions{};

}  // namespace godwit::sdk

#define GODWIT_PLUGIN_DESCRIPTOR(kind_, name_, version_, summary_, options_, store_, policy_,  \
                                 transport_)                                                   \
    extern "C" {                                                                               \
    __attribute__((                                                                            \
        visibility("default"))) extern const ::godwit::sdk::PluginDescriptor godwit_plugin_v1; \
    constinit const ::godwit::sdk::PluginDescriptor godwit_plugin_v1 = {                       \
        ::godwit::sdk::kPluginMagic,                                                           \
        ::godwit::sdk::kAbiVersion,                                                            \
        sizeof(::godwit::sdk::PluginDescriptor),                                               \
        GODWIT_ABI_TAG,                                                                        \
        kind_,                                                                                 \
        name_,                                                                                 \
        version_,                                                                              \
        summary_,                                                                              \
        std::span<const ::godwit::sdk::OptionSpec>{options_}.data(),                           \
        std::span<const ::godwit::sdk::OptionSpec>{options_}.size(),                           \
        store_,                                                                                \
        policy_,                                                                               \
        transport_};                                                                           \
    }

#define GODWIT_STATE_STORE_PLUGIN(name, version, summary, options, factory)                 \
    GODWIT_PLUGIN_DESCRIPTOR(::godwit::sdk::PluginKind::StateStore, name, version, summary, \
                             options, factory, nullptr, nullptr)
#define GODWIT_ASSIGNMENT_POLICY_PLUGIN(name, version, summary, options, factory)                 \
    GODWIT_PLUGIN_DESCRIPTOR(::godwit::sdk::PluginKind::AssignmentPolicy, name, version, summary, \
                             options, nullptr, factory, nullptr)
#define GODWIT_TRANSPORT_PLUGIN(name, version, summary, options, factory)                  \
    GODWIT_PLUGIN_DESCRIPTOR(::godwit::sdk::PluginKind::Transport, name, version, summary, \
                             options, nullptr, nullptr, factory)
