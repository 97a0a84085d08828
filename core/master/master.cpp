#include "master/master.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "base/threads.h"
#include "http/server.h"
#include "master/api.h"

namespace godwit::master {
namespace {

constexpr base::Millis kTick{250};

const base::Log kLog{"master"};

http::Role role_of(config::TokenRole role) {
    switch (role) {
    case config::TokenRole::Viewer: return http::Role::Viewer;
    case config::TokenRole::Worker: return http::Role::Worker;
    case config::TokenRole::Operator: return http::Role::Operator;
    }
    return http::Role::Viewer;
}

http::AccessList access_list(const config::MasterSettings& settings) {
    std::vector<http::TokenGrant> grants;
    for (const config::Token& token : settings.tokens) {
        grants.push_back({role_of(token.role), token.secret});
    }
    return http::AccessList{std::move(grants)};
}

Status check_exposure(const config::MasterSettings& settings) {
    if (config::is_loopback(settings.listen.host) || settings.insecure) return {};
    if (!settings.tokens.empty() && !settings.ticket_secret.empty()) return {};
    return Error{Code::InvalidArgument,
                 "refusing to listen on '" + settings.listen.host +
                     "', which others can reach, without tokens and a ticket_secret: configure "
                     "both, listen on 127.0.0.1, or say insecure: true"};
}

}  // namespace

class Master::Core {
public:
    Core(const config::MasterSettings& settings, std::shared_ptr<sdk::StateStore> store,
         std::shared_ptr<sdk::AssignmentPolicy> policy, base::Metrics& metrics,
         std::string version_document)
        : settings_{settings},
          store_{std::move(store)},
          policy_{std::move(policy)},
          cluster_{*store_, settings_.worker_heartbeat_timeout},
          lifecycle_{settings_, *store_, cluster_},
          scheduler_{settings_, *store_, *policy_, cluster_, lifecycle_},
          results_{settings_, *store_, cluster_, lifecycle_, scheduler_},
          context_{.settings = settings_,
                   .store = *store_,
                   .cluster = cluster_,
                   .lifecycle = lifecycle_,
                   .scheduler = scheduler_,
                   .results = results_,
                   .pace = pace_,
                   .metrics = metrics,
                   .work_came = [this] { work_came(); },
                   .version_document = std::move(version_document)} {
        http::Router router;
        add_request_routes(router, context_);
        add_change_routes(router, context_);
        add_worker_routes(router, context_);
        add_service_routes(router, context_);
        http::ServerSettings server;
        server.host = settings_.listen.host;
        server.port = settings_.listen.port;
        server.workers = settings_.http_workers;
        server_ = std::make_unique<http::Server>(server, std::move(router), access_list(settings_),
                                                 metrics);
    }

    ~Core() { stop(base::Millis{0}); }

    Status start() {
        // Another master on the same store may have brought work.
        auto subscription = store_->subscribe([this](const sdk::RequestId&) { work_came(); });
        if (subscription) {
            subscription_ = std::move(*subscription);
        } else {
            kLog.warning("no hints from the store, polling it instead",
                         {{"reason", subscription.error().message}});
        }
        if (auto status = server_->start(); !status) return status;
        ticker_ = std::jthread{[this](std::stop_token stop) { tick_loop(std::move(stop)); }};
        kLog.info("master ready", {{"host", settings_.listen.host}, {"port", server_->port()}});
        return {};
    }

    void stop(base::Millis patience) {
        subscription_.reset();
        ticker_.request_stop();
        if (ticker_.joinable()) ticker_.join();
        server_->stop(patience);
    }

    std::uint16_t port() const noexcept { return server_->port(); }

private:
    void work_came() {
        cluster_.changed();
        server_->wake_parked();
    }

    void tick_loop(std::stop_token stop) {
        base::name_this_thread("tick");
        std::mutex mutex;
        std::condition_variable_any never;
        bool reachable = true;
        while (!stop.stop_requested()) {
            lifecycle_.tick();
            const auto snapshot = cluster_.look();
            if (snapshot) {
                pace_.sample((*snapshot)->active, base::SteadyClock::now());
                scheduler_.tidy(**snapshot);
            }
            if (snapshot.ok() != reachable) {
                reachable = snapshot.ok();
                if (reachable) {
                    kLog.info("state store answers again");
                } else {
                    kLog.error("state store does not answer, trying on",
                               {{"reason", snapshot.error().message}});
                }
            }
            // Backoffs and leases that ran out are nobody's event.
            server_->wake_parked();
            std::unique_lock lock{mutex};
            never.wait_for(lock, stop, kTick, [] { return false; });
        }
    }

    const config::MasterSettings settings_;
    const std::shared_ptr<sdk::StateStore> store_;
    const std::shared_ptr<sdk::AssignmentPolicy> policy_;
    PaceWatch pace_;
    Cluster cluster_;
    Lifecycle lifecycle_;
    Scheduler scheduler_;
    Results results_;
    const ApiContext context_;
    std::unique_ptr<http::Server> server_;
    std::unique_ptr<sdk::Subscription> subscription_;
    std::jthread ticker_;
};

Master::Master(std::unique_ptr<Core> core) noexcept : core_{std::move(core)} {}
Master::~Master() = default;

Status Master::check(const config::MasterSettings& settings) {
    return check_exposure(settings);
}

Result<std::unique_ptr<Master>> Master::start(const config::MasterSettings& settings,
                                              std::shared_ptr<sdk::StateStore> store,
                                              std::shared_ptr<sdk::AssignmentPolicy> policy,
                                              base::Metrics& metrics,
                                              std::string version_document) {
    if (auto status = check(settings); !status) return std::move(status).error();
    auto core = std::make_unique<Core>(settings, std::move(store), std::move(policy), metrics,
                                       std::move(version_document));
    if (auto status = core->start(); !status) return std::move(status).error();
    return std::unique_ptr<Master>{new Master{std::move(core)}};
}

std::uint16_t Master::port() const noexcept {
    return core_->port();
}

void Master::stop(base::Millis patience) {
    core_->stop(patience);
}

}  // namespace godwit::master
