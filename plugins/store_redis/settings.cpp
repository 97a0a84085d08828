#include "settings.h"

#include <algorithm>
#include <cstdlib>

namespace godwit::store_redis {
namespace {

constexpr std::size_t kPrefixBytesMax = 64;

// Braces would move the hash tag, which is what keeps the keys of a request together.
bool is_valid_prefix(std::string_view prefix) {
    return prefix.size() <= kPrefixBytesMax &&
           std::all_of(prefix.begin(), prefix.end(),
                       [](char c) { return c > ' ' && c < '\x7f' && c != '{' && c != '}'; });
}

}  // namespace

sdk::Result<Settings> read_settings(const sdk::Options& options, sdk::Logger& logger) {
    Settings settings;
    sdk::OptionReader read{options, kOptions};
    const std::string url = read.text("url");
    settings.prefix = read.text("prefix");
    settings.connections = static_cast<std::size_t>(read.integer("connections", 1, 256));
    settings.connect_timeout = sdk::Millis{read.integer("connect_timeout_ms", 10, 60'000)};
    settings.command_timeout = sdk::Millis{read.integer("command_timeout_ms", 10, 600'000)};
    if (!is_valid_prefix(settings.prefix)) {
        read.reject("prefix", "expected up to 64 printable characters without braces", options);
    }

    const char* environment = std::getenv("REDIS_URL");
    const bool overridden = environment != nullptr && *environment != '\0';
    auto target = parse_url(overridden ? environment : url);
    if (!target && overridden) {
        return sdk::wrap(std::move(target).error(), "read environment variable REDIS_URL");
    }
    if (!target) {
        read.reject("url", target.error().message, options);
    } else {
        settings.target = std::move(*target);
    }
    if (auto status = read.finish(); !status) return std::move(status).error();
    if (overridden && options.values.find("url") != nullptr) {
        logger.log(sdk::LogLevel::Info, "REDIS_URL goes before the option 'url'",
                   {{"url", settings.target.shown()}});
    }
    return settings;
}

}  // namespace godwit::store_redis
