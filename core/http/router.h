// Which handler answers which method and path, who may call it, and how large a body it takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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
    // A POST, PUT or PATCH that does not say how long its body is gets 411. Not so here: it has
    // none, as in `curl -X POST` without -d. The body is empty then.
    bool body_optional = false;
};

// Built before the server starts, immutable after. Then thread-safe.
//
// Segments are compared decoded; a literal wins over a placeholder, which takes any segment but an
// empty one. One slash at the end of a path does not count. A GET route answers HEAD, too.
class Router {
public:
    // Aborts when it has no handler, its pattern is no path, or another one takes just the same.
    void add(Route route);

    // What the server needs to know before it reads a body. `path` is still percent-encoded and has
    // no query.
    struct Match {
        const Route* route = nullptr;  // Of this router.
        std::vector<std::pair<std::string, std::string>> parameters;
        std::optional<Response> miss;  // Set when there is no route: 400, 404, or 405 with Allow.
    };
    Match match(std::string_view method, std::string_view path) const;

    // "GET /sync/{request_id}" each, sorted.
    std::vector<std::string> list() const;

private:
    struct Segment {
        bool placeholder;
        std::string text;  // The literal, or the placeholder's name.
    };
    struct Entry {
        Route route;
        std::vector<Segment> segments;
    };
    static bool fits(const Entry& entry, const std::vector<std::string>& path) noexcept;
    static bool is_more_literal(const Entry& a, const Entry& b) noexcept;
    const Entry* find(std::string_view method, const std::vector<std::string>& path) const noexcept;
    std::string allowed_methods(const std::vector<std::string>& path) const;

    std::vector<Entry> entries_;
};

}  // namespace godwit::http
