// For tests: loads a plugin's shared library as it will be used, and makes its object.
//
// The kits next to this header take what it returns. It depends on the SDK, GoogleTest and dlopen
// only, so that a third party's tests need nothing else of Godwit.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "godwit/sdk/plugin.h"

namespace godwit::conformance {

// Lines go to standard error when GODWIT_CONFORMANCE_LOG is set.
class TestLogger final : public sdk::Logger {
public:
    bool enabled(sdk::LogLevel) const noexcept override {
        return std::getenv("GODWIT_CONFORMANCE_LOG") != nullptr;
    }
    void log(sdk::LogLevel level, std::string_view message, Fields fields) noexcept override {
        if (!enabled(level)) return;
        std::string line{message};
        for (const auto& [key, value] : fields) {
            line += " " + std::string{key} + "=" + std::string{value};
        }
        std::fprintf(stderr, "%s\n", line.c_str());
    }
};

class TestMetrics final : public sdk::Metrics {
public:
    sdk::Counter& counter(std::string_view name, std::string_view) noexcept override {
        const std::lock_guard lock{mutex_};
        return counters_[std::string{name}];
    }

private:
    class IgnoredCounter final : public sdk::Counter {
    public:
        void add(std::uint64_t) noexcept override {}
    };
    std::mutex mutex_;
    std::map<std::string, IgnoredCounter> counters_;
};

class TestClock final : public sdk::Clock {
public:
    std::chrono::nanoseconds now() const noexcept override {
        return std::chrono::steady_clock::now().time_since_epoch();
    }
};

inline const sdk::Host& test_host() {
    static TestLogger logger;
    static TestMetrics metrics;
    static TestClock clock;
    static const sdk::Host host{logger, metrics, clock};
    return host;
}

// Null, with a failed expectation, when `file` is no plugin for this SDK.
inline const sdk::PluginDescriptor* load_descriptor(const std::string& file) {
    // Never closed: see the rules in godwit/sdk/plugin.h.
    void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        ADD_FAILURE() << "cannot load the plugin: " << ::dlerror();
        return nullptr;
    }
    const auto* descriptor =
        static_cast<const sdk::PluginDescriptor*>(::dlsym(library, sdk::kPluginSymbol));
    if (descriptor == nullptr || descriptor->magic != sdk::kPluginMagic) {
        ADD_FAILURE() << file << " has no " << sdk::kPluginSymbol;
        return nullptr;
    }
    EXPECT_EQ(descriptor->abi_version, sdk::kAbiVersion);
    EXPECT_STREQ(descriptor->abi_tag, GODWIT_ABI_TAG);
    return descriptor;
}

// Options as a site would write them: {{"provider", "shm"}}
inline sdk::Options make_options(std::vector<std::pair<std::string, std::string>> texts) {
    sdk::Options options;
    for (auto& [key, text] : texts) {
        options.values.members.emplace_back(std::move(key), sdk::Value::scalar(std::move(text)));
    }
    return options;
}

template <class Interface>
sdk::Factory<Interface> factory_of(const sdk::PluginDescriptor& descriptor) {
    if constexpr (std::is_same_v<Interface, sdk::StateStore>) return descriptor.make_state_store;
    if constexpr (std::is_same_v<Interface, sdk::AssignmentPolicy>) {
        return descriptor.make_assignment_policy;
    }
    if constexpr (std::is_same_v<Interface, sdk::Transport>) return descriptor.make_transport;
}

// Null, with a failed expectation, when it cannot be made.
template <class Interface>
std::unique_ptr<Interface> make_from(const std::string& file, const sdk::Options& options) {
    const sdk::PluginDescriptor* descriptor = load_descriptor(file);
    if (descriptor == nullptr) return nullptr;
    const sdk::Factory<Interface> factory = factory_of<Interface>(*descriptor);
    if (factory == nullptr) {
        ADD_FAILURE() << file << " is a plugin of another kind: " << to_string(descriptor->kind);
        return nullptr;
    }
    auto made = factory(options, test_host());
    if (!made) {
        ADD_FAILURE() << file << ": " << made.error().message;
        return nullptr;
    }
    return std::move(*made);
}

}  // namespace godwit::conformance
