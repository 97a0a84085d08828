// What a site may set, and how.
#pragma once

#include <string>

#include "godwit/sdk/host.h"
#include "godwit/sdk/options.h"
#include "godwit/sdk/types.h"
#include "url.h"

namespace godwit::store_redis {

inline constexpr sdk::OptionSpec kOptions[] = {
    {"url", sdk::OptionType::Text, "redis://localhost:6379/0",
     "where the server listens; the environment variable REDIS_URL goes before it"},
    {"prefix", sdk::OptionType::Text, "godwit:", "what all keys start with"},
    {"connections", sdk::OptionType::Integer, "8", "connections that are held open, at most"},
    {"connect_timeout_ms", sdk::OptionType::Integer, "2000", "patience with a new connection"},
    {"command_timeout_ms", sdk::OptionType::Integer, "5000", "patience with an answer"},
};

struct Settings {
    Target target;
    std::string prefix;
    std::size_t connections = 8;
    sdk::Millis connect_timeout{2000};
    sdk::Millis command_timeout{5000};
};

// InvalidArgument with all that is wrong.
sdk::Result<Settings> read_settings(const sdk::Options& options, sdk::Logger& logger);

}  // namespace godwit::store_redis
