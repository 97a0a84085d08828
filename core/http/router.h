// Which handler answers which method and path, who may call it, and how large a body it takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "http/access.h"
#include "http/message.h"

namespace godwit::http {

inline constexpr std::size_t kBodyBytesMax = 1 << 20;
inline constexpr std::size_t kListBodyBytesMax = 8 << 20;

// `last`: the reply may not be Park any more. Called on a worker thread of the server, at once with
// others; may block on the store, not on clients.
using Handler = std::function<Reply(const Request&, bool last)>;

struct Route {
    std::string method;
    std::string pattern;  // "/workers/{worker_id}/assignment"
    Role role = Role::Viewer;
    std::size_t body_bytes_max = kBodyBytesMax;
    Handler handler;
};

// Built before the server starts, immutable after. Then thread-safe.
class Router {
public:
    void add(Route route);

    // What the server needs to know before it reads a body. Null: `miss` says 404, or 405 with
    // Allow.
    struct Match {
        const Route* route = nullptr;
        std::vector<std::pair<std::string, std::string>> parameters;
        Response miss;
    };
    Match match(std::string_view method, std::string_view path) const;

private:
    std::vector<Route> routes_;
};

}  // namespace godwit::http
