#include "ucx_log.h"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "library.h"

namespace godwit::transport_ucx {
namespace {

constexpr std::size_t kLineBytesMax = 1024;
constexpr std::size_t kCapturedLinesMax = 16;

struct Routes {
    std::mutex mutex;
    std::vector<sdk::Logger*> loggers;
};

// Leaked: UCX logs until the last exit handler has run.
Routes& routes() {
    static Routes* const all = new Routes;
    return *all;
}

constinit thread_local LogCapture* innermost_capture = nullptr;

// One step down from what UCX calls it: what matters comes back as a Status or an event, too.
sdk::LogLevel level_of(ucs_log_level_t level) {
    switch (level) {
    case UCS_LOG_LEVEL_FATAL: return sdk::LogLevel::Error;
    case UCS_LOG_LEVEL_ERROR:
    case UCS_LOG_LEVEL_WARN: return sdk::LogLevel::Warning;
    default: return sdk::LogLevel::Debug;
    }
}

__attribute__((format(printf, 6, 0))) ucs_log_func_rc_t on_line(const char*, unsigned, const char*,
                                                                ucs_log_level_t level,
                                                                const ucs_log_component_config_t*,
                                                                const char* format,
                                                                va_list arguments) {
    std::array<char, kLineBytesMax> text{};
    std::vsnprintf(text.data(), text.size(), format, arguments);
    std::string_view line{text.data()};
    line.remove_suffix(line.size() - std::min(line.size(), line.find_last_not_of(" \n") + 1));
    if (line.empty()) return UCS_LOG_FUNC_RC_STOP;

    if (innermost_capture != nullptr && level <= UCS_LOG_LEVEL_WARN) {
        innermost_capture->add(std::string{line});
        return UCS_LOG_FUNC_RC_STOP;
    }
    Routes& all = routes();
    const std::lock_guard lock{all.mutex};
    if (!all.loggers.empty()) all.loggers.back()->log(level_of(level), line, {{"from", "ucx"}});
    return UCS_LOG_FUNC_RC_STOP;
}

}  // namespace

void take_over_log(const Library& library) {
    routes();
    library.ucs_log_push_handler(on_line);
}

LogRoute::LogRoute(sdk::Logger& logger) : logger_{logger} {
    Routes& all = routes();
    const std::lock_guard lock{all.mutex};
    all.loggers.push_back(&logger_);
}

LogRoute::~LogRoute() {
    Routes& all = routes();
    const std::lock_guard lock{all.mutex};
    all.loggers.erase(std::ranges::find(all.loggers, &logger_));
}

LogCapture::LogCapture() : outer_{innermost_capture} {
    innermost_capture = this;
}

LogCapture::~LogCapture() {
    innermost_capture = outer_;
}

void LogCapture::add(std::string line) {
    if (lines_.size() < kCapturedLinesMax) lines_.push_back(std::move(line));
}

std::string LogCapture::said() const {
    return join(lines_);
}

std::string join(std::span<const std::string> lines) {
    std::string text;
    for (const std::string& line : lines) text += (text.empty() ? "" : "; ") + line;
    return text;
}

}  // namespace godwit::transport_ucx
