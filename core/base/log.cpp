#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <vector>

#include "base/bytes.h"

namespace godwit::base {
namespace {

constexpr std::size_t kValueBytesMax = 1024;

// A file that can be opened anew while others write to it.
class ReopenableFile final : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit ReopenableFile(std::string path) : path_{std::move(path)} { helper_.open(path_); }

    void reopen() {
        const std::lock_guard lock{mutex_};
        helper_.reopen(false);
    }

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        helper_.write(line);
    }
    void flush_() override { helper_.flush(); }

    std::string path_;
    spdlog::details::file_helper helper_;
};

struct Output {
    std::shared_ptr<spdlog::logger> logger;
    std::shared_ptr<ReopenableFile> file;  // Null: standard error.
    bool json = false;
};

constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v";
constexpr const char* kJsonPattern = R"({"ts":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})";

Output make_output(const LogSettings& settings) {
    Output output;
    output.json = settings.json;
    spdlog::sink_ptr sink;
    if (settings.file.empty()) {
        sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
        output.file = std::make_shared<ReopenableFile>(settings.file);
        sink = output.file;
    }
    output.logger = std::make_shared<spdlog::logger>("godwit", std::move(sink));
    output.logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        settings.json ? kJsonPattern : kTextPattern, spdlog::pattern_time_type::utc));
    output.logger->set_level(spdlog::level::trace);  // Log::enabled() has decided before.
    output.logger->flush_on(spdlog::level::trace);
    return output;
}

// Leaked on purpose: threads of fabric libraries may log until the very end of the process.
std::atomic<const Output*> g_output{nullptr};
std::atomic<LogLevel> g_level{LogLevel::Info};

const Output& output() {
    if (const Output* configured = g_output.load(std::memory_order_acquire)) return *configured;
    static const Output* const early = new Output{make_output({})};
    return *early;
}

spdlog::level::level_enum to_spdlog(LogLevel level) noexcept {
    switch (level) {
    case LogLevel::Debug: return spdlog::level::debug;
    case LogLevel::Info: return spdlog::level::info;
    case LogLevel::Warning: return spdlog::level::warn;
    case LogLevel::Error: return spdlog::level::err;
    }
    return spdlog::level::err;
}

void append_json_string(std::string& line, std::string_view bytes) {
    line += '"';
    for (const char c : to_utf8_lossy(bytes.substr(0, kValueBytesMax))) {
        if (c == '"' || c == '\\') {
            line += '\\';
            line += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            line += "\\u00" + to_hex(std::string_view{&c, 1});
        } else {
            line += c;
        }
    }
    line += '"';
}

std::string json_line(std::string_view name, std::string_view message,
                      std::span<const Field> fields) {
    std::string line = R"("logger":)";
    append_json_string(line, name);
    line += R"(,"msg":)";
    append_json_string(line, message);
    for (const Field& field : fields) {
        line += ',';
        // A key that stands twice makes the line unreadable.
        const bool taken = field.key == "ts" || field.key == "level" || field.key == "logger" ||
                           field.key == "msg";
        append_json_string(line, taken ? std::string{field.key} + "_" : std::string{field.key});
        line += ':';
        append_json_string(line, field.value);
    }
    return line;
}

bool is_plain_word(std::string_view value) noexcept {
    constexpr auto plain = [](char c) {
        return static_cast<unsigned char>(c) > 0x20 && c != '"' && c != '\'' && c != '=' &&
               c != '\\' && c != 0x7F;
    };
    return !value.empty() && value.size() <= kValueBytesMax && is_utf8(value) &&
           std::all_of(value.begin(), value.end(), plain);
}

std::string text_line(std::string_view name, std::string_view message,
                      std::span<const Field> fields) {
    std::string line = std::string{name} + ": " + to_utf8_lossy(message);
    // A message may quote what came from outside: it must not forge a line of its own.
    std::replace_if(
        line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    for (const Field& field : fields) {
        line += ' ';
        line += field.key;
        line += '=';
        if (is_plain_word(field.value)) {
            line += field.value;
        } else {
            line += '\'' + printable(field.value, kValueBytesMax) + '\'';
        }
    }
    return line;
}

}  // namespace

Result<LogLevel> parse_log_level(std::string_view word) {
    std::string lower{word};
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
    if (lower == "debug") return LogLevel::Debug;
    if (lower == "info") return LogLevel::Info;
    if (lower == "warning" || lower == "warn") return LogLevel::Warning;
    if (lower == "error") return LogLevel::Error;
    return Error{Code::InvalidArgument,
                 "unknown log level '" + printable(word) + "' (known: debug info warning error)"};
}

std::string_view to_string(LogLevel level) noexcept {
    switch (level) {
    case LogLevel::Debug: return "debug";
    case LogLevel::Info: return "info";
    case LogLevel::Warning: return "warning";
    case LogLevel::Error: return "error";
    }
    return "error";
}

Status configure_logging(const LogSettings& settings) {
    set_log_level(settings.level);
    try {
        g_output.store(new Output{make_output(settings)}, std::memory_order_release);
    } catch (const spdlog::spdlog_ex& failure) {
        return Error{Code::InvalidArgument,
                     "open log file '" + settings.file + "': " + failure.what()};
    }
    return {};
}

void set_log_level(LogLevel level) noexcept {
    g_level.store(level, std::memory_order_relaxed);
}

LogLevel log_level() noexcept {
    return g_level.load(std::memory_order_relaxed);
}

void reopen_log() noexcept {
    const Output& current = output();
    if (!current.file) return;
    try {
        current.file->reopen();
    } catch (const spdlog::spdlog_ex& failure) {
        std::fprintf(stderr, "cannot reopen the log file: %s\n", failure.what());
    }
}

Log::Log(std::string name) : name_{std::move(name)} {}

void Log::write(LogLevel level, std::string_view message, std::span<const Field> fields) const {
    const Output& target = output();
    target.logger->log(
        to_spdlog(level), "{}",
        target.json ? json_line(name_, message, fields) : text_line(name_, message, fields));
}

void PluginLogger::log(LogLevel level, std::string_view message, Fields fields) noexcept {
    if (!enabled(level)) return;
    std::vector<Field> copied;
    copied.reserve(fields.size());
    for (const auto& [key, value] : fields) copied.emplace_back(key, value);
    log_.write(level, message, copied);
}

}  // namespace godwit::base
