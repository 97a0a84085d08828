#include "cli/progress_view.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/bytes.h"
#include "base/time.h"

namespace godwit::cli {
namespace {

constexpr std::chrono::seconds kPlainInterval{5};
constexpr std::size_t kBarCells = 24;

std::string duration_text(std::int64_t seconds) {
    std::array<char, 32> text{};
    if (seconds >= 3600) {
        std::snprintf(text.data(), text.size(), "%lldh%02lldm",
                      static_cast<long long>(seconds / 3600),
                      static_cast<long long>(seconds / 60 % 60));
    } else {
        std::snprintf(text.data(), text.size(), "%lld:%02lld", static_cast<long long>(seconds / 60),
                      static_cast<long long>(seconds % 60));
    }
    return text.data();
}

std::string bar(double share) {
    const auto filled = static_cast<std::size_t>(share * kBarCells);
    return "[" + std::string(filled, '#') + std::string(kBarCells - filled, '.') + "]";
}

std::string line_of(const Object& progress) {
    const Object files = object_of(progress, "files");
    const std::int64_t copied = number_of(files, "copied");
    const std::int64_t planned = number_of(files, "planned");
    const auto bytes = static_cast<double>(number_of(progress, "transferred_bytes"));
    const auto total = static_cast<double>(number_of(progress, "total_bytes"));
    const std::string phase = text_of(progress, "phase");
    std::string line = phase.empty() ? text_of(progress, "state") : phase;
    // Before the listing is complete a share of the whole would be a guess.
    const auto complete = progress->get("listing_complete");
    if (!complete.isEmpty() && complete.type() == typeid(bool) && complete.extract<bool>()) {
        const double share =
            total > 0
                ? std::min(1.0, bytes / total)
                : (planned > 0 ? static_cast<double>(copied) / static_cast<double>(planned) : 1.0);
        std::array<char, 16> percent{};
        std::snprintf(percent.data(), percent.size(), " %3.0f%%", 100 * share);
        line += " " + bar(share) + percent.data();
    }
    line += "  " + base::format_bytes(bytes) + " of " + base::format_bytes(total) + ", " +
            std::to_string(copied) + " of " + std::to_string(planned) + " files, " +
            base::format_bytes(static_cast<double>(number_of(progress, "rate_bytes_per_second"))) +
            "/s";
    if (const auto eta = maybe_number_of(progress, "eta_seconds")) {
        line += ", " + duration_text(*eta) + " left";
    }
    const std::string reason = text_of(progress, "reason");
    if (!reason.empty()) {
        line += "  (" + reason + ": " + text_of(object_of(progress, "detail"), "master") + ")";
    }
    return line;
}

}  // namespace

ProgressView::ProgressView() : terminal_{::isatty(STDERR_FILENO) == 1} {
    winsize size{};
    if (terminal_ && ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        width_ = size.ws_col;
    }
}

void ProgressView::show(const Object& progress) {
    std::string line = line_of(progress);
    if (terminal_) {
        std::fprintf(stderr, "\r\033[K%s", line.substr(0, width_ - 1).c_str());
        std::fflush(stderr);
        return;
    }
    const auto now = std::chrono::steady_clock::now();
    if (now < next_plain_ || line == last_line_) return;
    next_plain_ = now + kPlainInterval;
    std::fprintf(stderr, "%s\n", line.c_str());
    last_line_ = std::move(line);
}

void ProgressView::say(const std::string& line) {
    clear();
    std::fprintf(stderr, "%s\n", line.c_str());
}

void ProgressView::clear() {
    if (terminal_) std::fprintf(stderr, "\r\033[K");
}

void ProgressView::finish(const Object& progress) {
    say(summary_of(progress));
}

std::string pause_notice(const Object& progress, const std::string& id) {
    const std::string reason = text_of(progress, "reason");
    std::string text = "PAUSED";
    // Without a reason, the detail is of what was before somebody paused it.
    if (!reason.empty()) {
        text += " (" + reason + "): " + text_of(object_of(progress, "detail"), "master");
    }
    if (reason == "no_space") text += "; make room at the destination first";
    return text + "\nIt goes on with: godwit resume " + id + ", and ends with: godwit cancel " + id;
}

std::string summary_of(const Object& progress) {
    const Object files = object_of(progress, "files");
    const Object bytes = object_of(progress, "bytes");
    std::string line = text_of(progress, "state") + ": " +
                       std::to_string(number_of(files, "copied")) + " files (" +
                       base::format_bytes(static_cast<double>(number_of(bytes, "copied"))) +
                       ") copied";
    for (const char* name : {"linked", "skipped", "failed", "vanished", "special", "deleted"}) {
        if (const std::int64_t count = number_of(files, name)) {
            line += ", " + std::to_string(count) + " " + name;
        }
    }
    const auto started = base::from_rfc3339(text_of(progress, "started_at"));
    const auto finished = base::from_rfc3339(text_of(progress, "finished_at"));
    if (started && finished) {
        std::array<char, 64> took{};
        const double seconds = static_cast<double>((*finished - *started).count()) / 1000;
        std::snprintf(took.data(), took.size(), " in %.1f s", seconds);
        line += took.data();
        line +=
            ", " +
            base::format_bytes(static_cast<double>(number_of(progress, "rate_bytes_per_second"))) +
            "/s";
    }
    const std::string reason = text_of(progress, "reason");
    if (!reason.empty()) line += " (" + reason + ")";
    const std::string detail = text_of(object_of(progress, "detail"), "master");
    if (!detail.empty() && !reason.empty()) line += ": " + detail;
    if (number_of(files, "failed") > 0) {
        line += "; see: godwit errors " + text_of(progress, "request_id");
    }
    return line;
}

}  // namespace godwit::cli
