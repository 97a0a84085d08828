// One connection to a Redis server. The only place that knows hiredis.
//
// Thread-compatible: whoever holds it uses it alone. It is never mended: after any failure of the
// transport it is thrown away, because what comes next on it could answer an earlier question.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/sdk/result.h"
#include "godwit/sdk/types.h"
#include "url.h"

struct redisContext;

namespace godwit::store_redis {

struct Reply {
    enum class Kind : std::uint8_t { Nil, Text, Integer, List, Error };

    Kind kind = Kind::Nil;
    std::int64_t integer = 0;
    std::string text;          // Of an error, too.
    std::vector<Reply> items;  // List

    bool is_error(std::string_view prefix) const noexcept {
        return kind == Kind::Error && text.starts_with(prefix);
    }
};

using Words = std::span<const std::string_view>;

class Connection {
public:
    // Unavailable: nothing answers there.
    static sdk::Result<std::unique_ptr<Connection>> open(const Target& target,
                                                         sdk::Millis connect_timeout,
                                                         sdk::Millis command_timeout);

    // Unavailable: the command did not get out whole, so the server cannot have run it.
    // UnknownOutcome: it got out, and no answer came. What the server refuses is a reply.
    sdk::Result<Reply> call(Words command);

    // The halves of call(), to have several commands under way.
    sdk::Status send(Words command);
    sdk::Result<Reply> receive();

    // The messages that the server sent by itself, as far as they have arrived; to be called when
    // fd() is readable, else it blocks.
    sdk::Result<std::vector<Reply>> receive_some();

    // Whether the server has closed it, or said something that nobody asked for.
    bool is_stale() const noexcept;
    bool is_broken() const noexcept { return broken_; }
    int fd() const noexcept;

private:
    struct Closer {
        void operator()(redisContext* context) const noexcept;
    };
    using Context = std::unique_ptr<redisContext, Closer>;

    Connection(Context context, std::string where)
        : context_{std::move(context)}, where_{std::move(where)} {}

    sdk::Error failure(sdk::Code code, const std::string& why);

    Context context_;
    std::string where_;  // For messages.
    bool broken_ = false;
};

}  // namespace godwit::store_redis
