#include "pool.h"

#include <array>

namespace godwit::store_redis {

using sdk::Code;
using sdk::Error;
using sdk::LogLevel;
using Durability = sdk::StoreInfo::Durability;

sdk::Result<Pool::Borrowed> Pool::borrow() {
    {
        std::unique_lock lock{mutex_};
        const bool free = returned_.wait_for(lock, settings_.command_timeout,
                                             [this] { return lent_ < settings_.connections; });
        if (!free) {
            return Error{Code::Unavailable, "borrow a connection to " + settings_.target.shown() +
                                                ": all " + std::to_string(settings_.connections) +
                                                " are in use; raise the option 'connections'"};
        }
        ++lent_;
    }
    if (auto session = take_idle()) return Borrowed{*this, std::move(session)};
    auto session = Session::open(settings_);
    if (!session) {
        give_back(nullptr);
        return std::move(session).error();
    }
    meet_server(**session);
    return Borrowed{*this, std::move(*session)};
}

std::unique_ptr<Session> Pool::take_idle() {
    while (true) {
        std::unique_ptr<Session> session;
        {
            const std::lock_guard lock{mutex_};
            if (idle_.empty()) return nullptr;
            session = std::move(idle_.back());
            idle_.pop_back();
        }
        if (!session->is_stale()) return session;
    }
}

void Pool::give_back(std::unique_ptr<Session> session) noexcept {
    const bool usable = session && !session->is_broken();
    {
        const std::lock_guard lock{mutex_};
        --lent_;
        if (usable) idle_.push_back(std::move(session));
    }
    returned_.notify_one();
}

std::string Pool::setting_of(Session& session, std::string_view name) {
    const std::array<std::string_view, 3> command{"CONFIG", "GET", name};
    const auto reply = session.call(command, Access::Read);
    if (!reply || reply->kind != Reply::Kind::List || reply->items.size() != 2) return {};
    return reply->items[1].text;
}

// Looks at the settings of a server, once per run of it. That we may not see them is no problem.
void Pool::meet_server(Session& session) {
    {
        const std::lock_guard lock{mutex_};
        if (session.epoch() == met_epoch_) return;
        met_epoch_ = session.epoch();
    }
    const std::string where = settings_.target.shown();
    logger_.log(LogLevel::Info, "connected to redis",
                {{"url", where}, {"run", session.server_run()}, {"epoch", session.epoch()}});
    const std::string policy = setting_of(session, "maxmemory-policy");
    if (!policy.empty() && policy != "noeviction") {
        logger_.log(LogLevel::Warning,
                    "redis may evict what was acknowledged: set maxmemory-policy to noeviction",
                    {{"url", where}, {"maxmemory_policy", policy}});
    }
    const bool kept = setting_of(session, "appendonly") == "yes";
    const bool flushed = kept && setting_of(session, "appendfsync") == "always";
    durability_ = flushed ? Durability::Machine : kept ? Durability::Process : Durability::None;
}

}  // namespace godwit::store_redis
