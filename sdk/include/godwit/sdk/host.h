// What the host lends to a plugin: a logger, metrics and a clock.
//
// All of it is thread-safe and outlives the plugin's object. A plugin keeps no sinks, no registry
// and no globals of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>

namespace godwit::sdk {

// error: a human must act. warning: it mended itself, or was retried. info: start, stop, state
// changes. debug: per operation.
enum class LogLevel : std::uint8_t { Debug, Info, Warning, Error };

class Logger {
public:
    // Fields are printed as key=value, or as JSON members; values need no quoting by the caller.
    using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

    virtual bool enabled(LogLevel level) const noexcept = 0;
    virtual void log(LogLevel level, std::string_view message, Fields fields = {}) noexcept = 0;

protected:
    ~Logger() = default;
};

// A number that only grows. Owned by the host.
class Counter {
public:
    virtual void add(std::uint64_t amount = 1) noexcept = 0;

protected:
    ~Counter() = default;
};

class Metrics {
public:
    // `name` follows Prometheus: `godwit_<plugin>_<what>_total`. The same name gives the same
    // counter. Never put a request id or a path into a name.
    virtual Counter& counter(std::string_view name, std::string_view help) noexcept = 0;

protected:
    ~Metrics() = default;
};

class Clock {
public:
    // Monotonic; only differences mean something.
    virtual std::chrono::nanoseconds now() const noexcept = 0;

protected:
    ~Clock() = default;
};

struct Host {
    Logger& logger;
    Metrics& metrics;
    Clock& clock;
};

}  // namespace godwit::sdk
