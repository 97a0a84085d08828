#include "base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <sstream>

namespace godwit::base {
namespace {

class PrometheusCounter final : public sdk::Counter {
public:
    explicit PrometheusCounter(prometheus::Counter& counter) : counter_{counter} {}
    void add(std::uint64_t amount) noexcept override {
        counter_.Increment(static_cast<double>(amount));
    }

private:
    prometheus::Counter& counter_;
};

// What a plugin gets for a name that Prometheus refuses: counting must never be what fails.
class IgnoredCounter final : public sdk::Counter {
public:
    void add(std::uint64_t) noexcept override {}
};

}  // namespace

class Metrics::Registry {
public:
    prometheus::Registry prometheus;
    std::mutex mutex;  // Guards what follows; prometheus-cpp guards itself.
    std::map<std::string, PrometheusCounter, std::less<>> plugin_counters;
    IgnoredCounter ignored;
};

Metrics::Metrics() : registry_{std::make_unique<Registry>()} {}
Metrics::~Metrics() = default;

sdk::Counter& Metrics::counter(std::string_view name, std::string_view help) noexcept {
    const std::lock_guard lock{registry_->mutex};
    if (const auto known = registry_->plugin_counters.find(name);
        known != registry_->plugin_counters.end()) {
        return known->second;
    }
    try {
        auto& family = prometheus::BuildCounter()
                           .Name(std::string{name})
                           .Help(std::string{help})
                           .Register(registry_->prometheus);
        return registry_->plugin_counters
            .try_emplace(std::string{name}, PrometheusCounter{family.Add({})})
            .first->second;
    } catch (const std::exception&) {
        return registry_->ignored;
    }
}

void Metrics::add(const std::string& name, const std::string& help, const Labels& labels,
                  double amount) {
    prometheus::BuildCounter()
        .Name(name)
        .Help(help)
        .Register(registry_->prometheus)
        .Add(labels)
        .Increment(amount);
}

void Metrics::set(const std::string& name, const std::string& help, const Labels& labels,
                  double value) {
    prometheus::BuildGauge()
        .Name(name)
        .Help(help)
        .Register(registry_->prometheus)
        .Add(labels)
        .Set(value);
}

std::string Metrics::text() const {
    std::ostringstream out;
    prometheus::TextSerializer{}.Serialize(out, registry_->prometheus.Collect());
    return std::move(out).str();
}

}  // namespace godwit::base
