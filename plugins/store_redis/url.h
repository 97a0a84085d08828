// Where a Redis server listens, as a URL says it:
//     redis://[user[:password]@]host[:port][/db]
//     redis+unix://[user[:password]@]/path[?db=n]     unix:///path[?db=n]
#pragma once

#include <string>
#include <string_view>

#include "godwit/sdk/result.h"

namespace godwit::store_redis {

struct Target {
    std::string host;  // Empty: `path` is a socket.
    int port = 6379;
    std::string path;
    std::string user;      // Empty: the default user.
    std::string password;  // Empty: none. Must not reach any message.
    int db = 0;

    // For messages: without the password.
    std::string shown() const;
};

// InvalidArgument: what is wrong, without repeating what may be a password.
sdk::Result<Target> parse_url(std::string_view url);

}  // namespace godwit::store_redis
