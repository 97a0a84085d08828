// A connection that has introduced itself: it has given its password, chosen its database, and
// knows the epoch of the tokens that may be handed out through it.
//
// Thread-compatible: whoever borrowed it uses it alone.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "connection.h"
#include "godwit/sdk/result.h"
#include "scripts.h"
#include "settings.h"

namespace godwit::store_redis {

// Whether a call may have changed something, should its answer not come.
enum class Access : std::uint8_t { Read, Write };

// One run of a script.
struct ScriptCall {
    const Script& script;
    std::vector<std::string> keys;
    std::vector<std::string> arguments;
};

// Password and database; for connections that need no more. InvalidArgument: refused for good.
sdk::Status introduce(Connection& connection, const Target& target);

// The keys that belong to no request share a hash tag, which no request id can be.
std::string index_key(const Settings& settings, std::string_view name);

// What an error reply means to the caller: nothing was changed.
sdk::Error error_of(const Reply& reply, std::string_view what);

class Session {
public:
    // Unavailable: not now. InvalidArgument: what the URL says is refused.
    static sdk::Result<std::unique_ptr<Session>> open(const Settings& settings);

    sdk::Result<Reply> call(Words command, Access access);
    sdk::Result<Reply> run(const ScriptCall& call, Access access);
    // Scripts that only read, all under way at once. Replies stand in the order of the calls.
    sdk::Result<std::vector<Reply>> run_all(std::span<const ScriptCall> calls);

    const std::string& epoch() const noexcept { return epoch_; }
    const std::string& server_run() const noexcept { return server_run_; }  // May be empty.
    bool is_broken() const noexcept { return connection_->is_broken(); }
    bool is_stale() const noexcept { return connection_->is_stale(); }

private:
    explicit Session(std::unique_ptr<Connection> connection) : connection_{std::move(connection)} {}

    sdk::Status learn_epoch(const Settings& settings);
    sdk::Result<Reply> evaluate(const ScriptCall& call, bool by_text);

    std::unique_ptr<Connection> connection_;
    std::string server_run_;
    std::string epoch_;
};

}  // namespace godwit::store_redis
