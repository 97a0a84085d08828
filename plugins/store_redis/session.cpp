#include "session.h"

#include <algorithm>
#include <array>

namespace godwit::store_redis {
namespace {

using sdk::Code;
using sdk::Error;
using sdk::Result;
using sdk::Status;

constexpr std::string_view kClientName = "godwit-master";

// Words of a server that will take the same command later, when somebody has seen to it.
constexpr std::string_view kTooManyClients = "ERR max number of clients";
constexpr std::array<std::string_view, 14> kForNow{
    kTooManyClients, "LOADING",     "BUSY",     "MASTERDOWN", "READONLY",  "OOM",    "MISCONF",
    "NOREPLICAS",    "CLUSTERDOWN", "TRYAGAIN", "NOAUTH",     "WRONGPASS", "NOPERM", "UNKILLABLE"};

// Of the line "run_id:…" in the answer to INFO.
std::string run_of(std::string_view info) {
    constexpr std::string_view key = "run_id:";
    const std::size_t begin = info.find(key);
    if (begin == std::string_view::npos) return {};
    const std::string_view rest = info.substr(begin + key.size());
    return std::string{rest.substr(0, rest.find_first_of("\r\n"))};
}

Error as_read(Error error) {
    if (error.code == Code::UnknownOutcome) error.code = Code::Unavailable;
    return error;
}

std::vector<std::string_view> words_of(const ScriptCall& call, const std::string& key_count,
                                       bool by_text) {
    std::vector<std::string_view> words{by_text ? "EVAL" : "EVALSHA",
                                        by_text ? call.script.text : call.script.sha1, key_count};
    words.insert(words.end(), call.keys.begin(), call.keys.end());
    words.insert(words.end(), call.arguments.begin(), call.arguments.end());
    return words;
}

// Of what a URL asks for, at the start: nobody but its writer can mend it.
bool is_refused_for_good(const Reply& reply) {
    return reply.is_error("NOAUTH") || reply.is_error("WRONGPASS") || reply.is_error("NOPERM") ||
           (reply.is_error("ERR") && !reply.is_error(kTooManyClients));
}

// One step of the introduction.
Status expect_ok(Connection& connection, Words command, std::string_view what) {
    auto reply = connection.call(command);
    if (!reply) return as_read(std::move(reply).error());
    if (reply->kind != Reply::Kind::Error) return {};
    Error error = error_of(*reply, what);
    if (is_refused_for_good(*reply)) error.code = Code::InvalidArgument;
    return error;
}

}  // namespace

std::string index_key(const Settings& settings, std::string_view name) {
    return settings.prefix + "{/index}:" + std::string{name};
}

Error error_of(const Reply& reply, std::string_view what) {
    const bool for_now = std::any_of(kForNow.begin(), kForNow.end(),
                                     [&](std::string_view word) { return reply.is_error(word); });
    return Error{for_now ? Code::Unavailable : Code::Internal,
                 std::string{what} + ": the server refused: " + reply.text};
}

Status introduce(Connection& connection, const Target& target) {
    if (!target.password.empty()) {
        std::vector<std::string_view> command{"AUTH"};
        if (!target.user.empty()) command.push_back(target.user);
        command.push_back(target.password);
        if (auto status = expect_ok(connection, command, "log in to " + target.shown()); !status) {
            return status;
        }
    }
    const std::string db = std::to_string(target.db);
    const std::array<std::string_view, 2> select{"SELECT", db};
    if (target.db == 0) return {};  // Not every user may choose, and this one is chosen already.
    return expect_ok(connection, select, "select the database of " + target.shown());
}

Result<std::unique_ptr<Session>> Session::open(const Settings& settings) {
    auto connection =
        Connection::open(settings.target, settings.connect_timeout, settings.command_timeout);
    if (!connection) return std::move(connection).error();
    std::unique_ptr<Session> session{new Session{std::move(*connection)}};
    if (auto status = introduce(*session->connection_, settings.target); !status) {
        return std::move(status).error();
    }
    if (auto status = session->learn_epoch(settings); !status) return std::move(status).error();
    return session;
}

Status Session::learn_epoch(const Settings& settings) {
    // A name helps who looks at CLIENT LIST, and INFO may be forbidden: neither must succeed.
    const std::array<std::string_view, 3> set_name{"CLIENT", "SETNAME", kClientName};
    if (auto reply = connection_->call(set_name); !reply) return as_read(std::move(reply).error());
    const std::array<std::string_view, 2> info{"INFO", "server"};
    auto described = connection_->call(info);
    if (!described) return as_read(std::move(described).error());
    if (described->kind == Reply::Kind::Text) server_run_ = run_of(described->text);

    auto reply = run({kEpoch, {index_key(settings, "server")}, {server_run_}}, Access::Read);
    if (!reply) return std::move(reply).error();
    if (reply->kind != Reply::Kind::Text) {
        Error error = error_of(*reply, "learn the epoch of " + settings.target.shown());
        if (is_refused_for_good(*reply)) error.code = Code::InvalidArgument;
        return error;
    }
    epoch_ = reply->text;
    return {};
}

Result<Reply> Session::call(Words command, Access access) {
    auto reply = connection_->call(command);
    if (!reply && access == Access::Read) return as_read(std::move(reply).error());
    return reply;
}

Result<Reply> Session::evaluate(const ScriptCall& call, bool by_text) {
    return connection_->call(words_of(call, std::to_string(call.keys.size()), by_text));
}

Result<Reply> Session::run(const ScriptCall& call, Access access) {
    auto reply = evaluate(call, false);
    // A server that was started again has forgotten the text; EVAL teaches it anew.
    if (reply && reply->is_error("NOSCRIPT")) reply = evaluate(call, true);
    if (!reply && access == Access::Read) return as_read(std::move(reply).error());
    return reply;
}

Result<std::vector<Reply>> Session::run_all(std::span<const ScriptCall> calls) {
    for (const ScriptCall& call : calls) {
        const std::string key_count = std::to_string(call.keys.size());
        if (auto status = connection_->send(words_of(call, key_count, false)); !status) {
            return std::move(status).error();
        }
    }
    std::vector<Reply> replies;
    for (std::size_t i = 0; i < calls.size(); ++i) {
        auto reply = connection_->receive();
        if (!reply) return as_read(std::move(reply).error());
        replies.push_back(std::move(*reply));
    }
    for (std::size_t i = 0; i < calls.size(); ++i) {
        if (!replies[i].is_error("NOSCRIPT")) continue;
        auto reply = evaluate(calls[i], true);
        if (!reply) return as_read(std::move(reply).error());
        replies[i] = std::move(*reply);
    }
    return replies;
}

}  // namespace godwit::store_redis
