// Log lines: a message and fields, as text for people or as JSON lines for machines.
//
//     2026-11-24T09:30:00.250Z info  master: request state changed request=demo-1 state=PROGRESS
//     {"ts":"…","level":"info","logger":"master","msg":"request state
//     changed","request":"demo-1",…}
//
// Levels: error: a human must act. warning: it mended itself, or was retried. info: state changes,
// start and stop; a day of it can be read. debug: per operation.
#pragma once

#include <concepts>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "godwit/sdk/host.h"

namespace godwit::base {

using sdk::LogLevel;

struct LogSettings {
    LogLevel level = LogLevel::Info;
    bool json = false;
    std::string file;  // Empty: standard error.
};

// "debug", "info", "warning" ("warn"), "error", in any case.
Result<LogLevel> parse_log_level(std::string_view word);
std::string_view to_string(LogLevel level) noexcept;

// Where all log lines of the process go from now on. Called once, after any fork, before threads.
// Until then lines go to standard error as text, at info.
Status configure_logging(const LogSettings& settings);
// At run time, from any thread.
void set_log_level(LogLevel level) noexcept;
LogLevel log_level() noexcept;
// Opens the log file anew, after a rotation.
void reopen_log() noexcept;

struct Field {
    std::string_view key;
    std::string value;

    Field(std::string_view key, std::string_view value) : key{key}, value{value} {}
    Field(std::string_view key, const char* value) : key{key}, value{value} {}
    Field(std::string_view key, const std::string& value) : key{key}, value{value} {}
    Field(std::string_view key, bool value) : key{key}, value{value ? "true" : "false"} {}
    template <std::integral Number>
    Field(std::string_view key, Number value) : key{key}, value{std::to_string(value)} {}
};

// A named source of log lines, one per room or plugin. Thread-safe, cheap to copy.
class Log {
public:
    explicit Log(std::string name);

    using Fields = std::initializer_list<Field>;
    void debug(std::string_view message, Fields fields = {}) const {
        if (enabled(LogLevel::Debug))
            write(LogLevel::Debug, message, {fields.begin(), fields.size()});
    }
    void info(std::string_view message, Fields fields = {}) const {
        if (enabled(LogLevel::Info))
            write(LogLevel::Info, message, {fields.begin(), fields.size()});
    }
    void warning(std::string_view message, Fields fields = {}) const {
        if (enabled(LogLevel::Warning))
            write(LogLevel::Warning, message, {fields.begin(), fields.size()});
    }
    void error(std::string_view message, Fields fields = {}) const {
        write(LogLevel::Error, message, {fields.begin(), fields.size()});
    }

    bool enabled(LogLevel level) const noexcept { return level >= log_level(); }
    void write(LogLevel level, std::string_view message, std::span<const Field> fields) const;

private:
    std::string name_;
};

// The same, as a plugin sees it. Thread-safe.
class PluginLogger final : public sdk::Logger {
public:
    explicit PluginLogger(std::string name) : log_{std::move(name)} {}

    bool enabled(LogLevel level) const noexcept override { return log_.enabled(level); }
    void log(LogLevel level, std::string_view message, Fields fields) noexcept override;

private:
    Log log_;
};

}  // namespace godwit::base
