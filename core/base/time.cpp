#include "base/time.h"

#include <array>
#include <charconv>
#include <cstdio>

namespace godwit::base {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// Takes exactly `width` digits off the front of `text`.
std::optional<int> take_number(std::string_view& text, std::size_t width) {
    int number = 0;
    if (text.size() < width) return {};
    for (const char digit : text.substr(0, width)) {
        if (digit < '0' || digit > '9') return {};
        number = number * 10 + (digit - '0');
    }
    text.remove_prefix(width);
    return number;
}

bool take(std::string_view& text, std::string_view any_of) {
    if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
}

// The digits behind the decimal point, cut at milliseconds.
std::optional<Millis> take_fraction(std::string_view& text) {
    int scale = 100;
    int value = 0;
    std::size_t digits = 0;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
        value += (text.front() - '0') * scale;
        scale /= 10;
        ++digits;
        text.remove_prefix(1);
    }
    if (digits == 0 || digits > 9) return {};
    return Millis{value};
}

std::optional<minutes> take_offset(std::string_view& text) {
    if (take(text, "Zz")) return minutes{0};
    if (text.empty() || (text.front() != '+' && text.front() != '-')) return {};
    const int sign = text.front() == '-' ? -1 : 1;
    text.remove_prefix(1);
    const auto hour = take_number(text, 2);
    if (!hour || !take(text, ":")) return {};
    const auto minute = take_number(text, 2);
    if (!minute || *hour > 23 || *minute > 59) return {};
    return minutes{sign * (*hour * 60 + *minute)};
}

}  // namespace

WallTime wall_now() noexcept {
    return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
}

std::string to_rfc3339(WallTime time) {
    const auto day = std::chrono::floor<days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                  static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                  static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()),
                  static_cast<int>(clock.subseconds().count()));
    return text.data();
}

std::optional<WallTime> from_rfc3339(std::string_view text) {
    const auto year = take_number(text, 4);
    if (!year || !take(text, "-")) return {};
    const auto month = take_number(text, 2);
    if (!month || !take(text, "-")) return {};
    const auto day = take_number(text, 2);
    if (!day || !take(text, "Tt ")) return {};
    const auto hour = take_number(text, 2);
    if (!hour || !take(text, ":")) return {};
    const auto minute = take_number(text, 2);
    if (!minute || !take(text, ":")) return {};
    const auto second = take_number(text, 2);
    if (!second || *hour > 23 || *minute > 59 || *second > 60) return {};
    Millis fraction{0};
    if (take(text, ".")) {
        const auto taken = take_fraction(text);
        if (!taken) return {};
        fraction = *taken;
    }
    const auto offset = take_offset(text);
    if (!offset || !text.empty()) return {};

    const std::chrono::year_month_day date{std::chrono::year{*year},
                                           std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok()) return {};
    return std::chrono::sys_days{date} + hours{*hour} + minutes{*minute} + seconds{*second} +
           fraction - *offset;
}

}  // namespace godwit::base
