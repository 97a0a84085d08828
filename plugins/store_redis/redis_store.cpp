#include "redis_store.h"

#include <array>
#include <utility>

#include "listener.h"

namespace godwit::store_redis {
namespace {

using sdk::Code;
using sdk::Error;
using sdk::Result;
using sdk::Status;

constexpr std::size_t kBatchMax = 256;

// In the order of prelude.lua.
constexpr std::array<std::string_view, 16> kRequestKeys{
    "request", "units",   "payloads", "ready",        "waiting", "deadlines",
    "holding", "holders", "stages",   "stage_counts", "groups",  "parts",
    "errors",  "detail",  "ended",    "attachment"};

}  // namespace

RedisStore::RedisStore(const Settings& settings, const sdk::Host& host)
    : settings_{settings}, logger_{host.logger}, pool_{settings_, host.logger} {}

Status RedisStore::meet() noexcept {
    auto session = pool_.borrow();
    if (session) return {};
    if (session.error().code == Code::InvalidArgument) return std::move(session).error();
    logger_.log(sdk::LogLevel::Warning, "starting without redis: waiting for it",
                {{"error", session.error().message}});
    return {};
}

sdk::StoreInfo RedisStore::info() const noexcept {
    return {pool_.durability(), true, kBatchMax};
}

Status RedisStore::ping() noexcept {
    auto reply = call({"PING"}, Access::Read);
    return reply.status();
}

Result<Pool::Borrowed> RedisStore::borrow() {
    auto session = pool_.borrow();
    if (session || session.error().code != Code::InvalidArgument) return session;
    // It was accepted at the start: somebody is changing the server, and may change it back.
    Error error = std::move(session).error();
    error.code = Code::Unavailable;
    return error;
}

std::vector<std::string> RedisStore::keys_of(const sdk::RequestId& id) const {
    const std::string head = settings_.prefix + "{" + id + "}:";
    std::vector<std::string> keys;
    keys.reserve(kRequestKeys.size());
    for (const std::string_view name : kRequestKeys) keys.push_back(head + std::string{name});
    return keys;
}

ScriptCall RedisStore::call_of(const Script& script, const sdk::RequestId& id,
                               const Packer& arguments, const std::string& epoch) const {
    return {script, keys_of(id), {arguments.bytes(), hint_channel(settings_), id, epoch}};
}

Result<Reply> RedisStore::run(const Script& script, const sdk::RequestId& id,
                              const Packer& arguments, Access access) {
    const auto what = [&] { return std::string{script.name} + " request '" + id + "'"; };
    auto session = borrow();
    if (!session) return wrap(std::move(session).error(), what());
    auto reply = (*session)->run(call_of(script, id, arguments, (*session)->epoch()), access);
    if (!reply) return wrap(std::move(reply).error(), what());
    if (reply->kind == Reply::Kind::Error) return error_of(*reply, what());
    if (reply->items.empty()) return malformed(what());
    if (reply->items[0].text == "missing") {
        return Error{Code::NotFound, what() + ": there is none"};
    }
    return reply;
}

Result<Reply> RedisStore::run_beside(const Script& script, std::vector<std::string> keys,
                                     std::vector<std::string> arguments, Access access) {
    auto session = borrow();
    if (!session) return wrap(std::move(session).error(), script.name);
    auto reply = (*session)->run({script, std::move(keys), std::move(arguments)}, access);
    if (!reply) return wrap(std::move(reply).error(), script.name);
    if (reply->kind == Reply::Kind::Error) return error_of(*reply, script.name);
    return reply;
}

Result<Reply> RedisStore::call(std::vector<std::string_view> words, Access access) {
    auto session = borrow();
    if (!session) return std::move(session).error();
    auto reply = (*session)->call(words, access);
    if (reply && reply->kind == Reply::Kind::Error) return error_of(*reply, words.front());
    return reply;
}

Result<std::unique_ptr<sdk::Subscription>> RedisStore::subscribe(sdk::Watcher watcher) noexcept {
    auto listener = Listener::start(settings_, logger_, std::move(watcher));
    if (!listener) return std::move(listener).error();
    return std::unique_ptr<sdk::Subscription>{std::move(*listener)};
}

}  // namespace godwit::store_redis
