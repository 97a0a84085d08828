// Counters and gauges for Prometheus, one registry for the process.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "godwit/sdk/host.h"

namespace godwit::base {

// Thread-safe. Names and labels follow Prometheus; labels are few and bounded, never ids of
// requests.
class Metrics final : public sdk::Metrics {
public:
    Metrics();
    ~Metrics();

    using Labels = std::map<std::string, std::string>;

    sdk::Counter& counter(std::string_view name, std::string_view help) noexcept override;
    void add(const std::string& name, const std::string& help, const Labels& labels,
             double amount = 1);
    void set(const std::string& name, const std::string& help, const Labels& labels, double value);

    // The text exposition format, version 0.0.4.
    std::string text() const;

private:
    class Registry;
    std::unique_ptr<Registry> registry_;
};

class SteadyPluginClock final : public sdk::Clock {
public:
    std::chrono::nanoseconds now() const noexcept override {
        return std::chrono::steady_clock::now().time_since_epoch();
    }
};

}  // namespace godwit::base
