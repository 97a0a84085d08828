#include "agent/agent.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "agent/executor.h"
#include "agent/holdings.h"
#include "agent/master_link.h"
#include "agent/mounts.h"
#include "agent/pacers.h"
#include "agent/peers.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/threads.h"
#include "http/host_address.h"
#include "transfer/channel.h"
#include "transfer/peer_server.h"

namespace godwit::agent {
namespace {

// What is kept of `patience` for the last words to the master.
constexpr base::Millis kGoodbye{1'000};

const base::Log kLog{"agent"};

transfer::RailsSettings rails_settings(const config::AgentSettings& settings,
                                       std::vector<std::shared_ptr<sdk::Transport>> transports) {
    transfer::RailsSettings rails;
    rails.transports = std::move(transports);
    for (const sdk::Endpoint& endpoint : settings.data_plane_endpoints) {
        rails.rails.push_back({endpoint.iface, endpoint.address});
    }
    rails.segment_bytes = settings.segment_bytes;
    rails.send_buffers = settings.send_buffers;
    rails.receive_buffers = settings.receive_buffers;
    return rails;
}

transfer::PeerServerSettings server_settings(const config::AgentSettings& settings,
                                             const transfer::Identity& self, Mounts& mounts) {
    transfer::PeerServerSettings server;
    server.host = settings.control_plane_address;
    server.port = settings.control_plane_port;
    server.self = self;
    server.storage_paths = [&mounts] { return mounts.check(); };
    server.ticket_secret = settings.ticket_secret;
    server.writers = settings.writers;
    return server;
}

// Whoever reaches the peer port of an agent that checks no tickets can write to its storage.
Status check_exposure(const config::AgentSettings& settings) {
    if (config::is_loopback(settings.control_plane_address) || settings.insecure) return {};
    if (!settings.ticket_secret.empty()) return {};
    return Error{Code::InvalidArgument,
                 "refusing to listen for peers on '" + settings.control_plane_address +
                     "', which others can reach, without a ticket_secret: configure one (the same "
                     "for master and agents), listen on 127.0.0.1, or say insecure: true"};
}

}  // namespace

class Agent::Core {
public:
    explicit Core(const config::AgentSettings& settings)
        : settings_{settings},
          self_{settings.worker_id, base::random_hex(8)},
          mounts_{settings.storage_paths} {}

    ~Core() { stop(base::Millis{0}); }

    Status start(std::vector<std::shared_ptr<sdk::Transport>> transports) {
        auto rails = transfer::Rails::open(rails_settings(settings_, std::move(transports)));
        if (!rails) return std::move(rails).error();
        rails_ = std::move(*rails);
        auto server = transfer::PeerServer::start(server_settings(settings_, self_, mounts_),
                                                  *rails_, ledger_);
        if (!server) return std::move(server).error();
        server_ = std::move(*server);
        peers_ = std::make_unique<Peers>(*rails_, self_);
        executor_ =
            std::make_unique<Executor>(*rails_, *peers_, mounts_, holdings_, ledger_, pacers_);
        mounts_.check();
        for (std::uint32_t i = 0; i < settings_.slots; ++i) {
            slots_.emplace_back([this](std::stop_token stop) { work(std::move(stop)); });
        }
        auto link = MasterLink::start(
            settings_, holdings_,
            {.heartbeat = [this] { return heartbeat(); },
             .take = [this](model::Assignment assignment) { take(std::move(assignment)); },
             .request_ended =
                 [this](const model::RequestRef& request) {
                     ledger_.clean({request.id, request.generation});
                 },
             .limit =
                 [this](const model::SendLimit& limit) {
                     pacers_.set({limit.request.id, limit.request.generation},
                                 limit.bytes_per_second);
                 }});
        if (!link) return std::move(link).error();
        link_ = std::move(*link);
        warn_of_loopback();
        kLog.info("agent ready", {{"worker", settings_.worker_id},
                                  {"peers", peer_address()},
                                  {"master", settings_.master_url}});
        return {};
    }

    void stop(base::Millis patience) {
        if (stopped_) return;
        stopped_ = true;
        const base::Deadline deadline = base::SteadyClock::now() + patience;
        if (link_) link_->stop_polling();
        holdings_.stop_all();
        for (std::jthread& slot : slots_) slot.request_stop();
        if (server_) server_->shut();
        wait_for_slots(deadline - kGoodbye);
        if (link_) link_->finish(deadline);
        // Last: a writer or an executor that hangs in a file system ends with the process.
        if (server_) server_->stop();
        if (peers_) peers_->close_all();
        slots_.clear();
        link_.reset();
    }

private:
    std::string peer_address() const {
        return transfer::join_address(settings_.control_plane_address, server_->port());
    }

    // Agents elsewhere that are told such an address would call themselves.
    void warn_of_loopback() const {
        const auto master = http::parse_url(settings_.master_url);
        const bool elsewhere = master && !config::is_loopback(master->host);
        if (!elsewhere || !config::is_loopback(settings_.control_plane_address)) return;
        kLog.warning(
            "agents of other machines cannot reach this worker: name an address of this one in its "
            "network.control_plane_address",
            {{"control_plane_address", settings_.control_plane_address},
             {"master", settings_.master_url}});
    }

    model::Heartbeat heartbeat() {
        model::Heartbeat heartbeat;
        sdk::Worker& worker = heartbeat.worker;
        worker.id = settings_.worker_id;
        worker.incarnation = self_.incarnation;
        worker.storage_paths = mounts_.check();
        worker.endpoints = settings_.data_plane_endpoints;
        worker.peer_address = peer_address();
        worker.transports = rails_->wires();
        worker.slots = settings_.slots;
        for (const transfer::RequestKey& request : ledger_.requests()) {
            heartbeat.requests.push_back({request.id, request.generation});
        }
        return heartbeat;
    }

    void take(model::Assignment assignment) {
        const std::string name = model::to_string(assignment.id);
        const std::chrono::seconds lease{assignment.lease_seconds};
        Task task{std::move(assignment), holdings_.add(name, lease)};
        {
            const std::lock_guard lock{mutex_};
            queue_.push_back(std::move(task));
        }
        changed_.notify_one();
    }

    void work(std::stop_token stop) {
        base::name_this_thread("slot");
        for (;;) {
            Task task;
            {
                std::unique_lock lock{mutex_};
                changed_.wait(lock, stop, [&] { return !queue_.empty(); });
                // What was taken is answered for, also after the stop: it is given back.
                if (queue_.empty()) return;
                task = std::move(queue_.front());
                queue_.pop_front();
                ++busy_;
            }
            model::AssignmentResult result = executor_->run(task.assignment, task.stop);
            log(task.assignment, result);
            link_->report(std::move(result));
            {
                const std::lock_guard lock{mutex_};
                --busy_;
            }
            idle_.notify_all();
        }
    }

    static void log(const model::Assignment& assignment, const model::AssignmentResult& result) {
        if (result.success) {
            kLog.debug("assignment done", {{"request", assignment.id.request},
                                           {"kind", sdk::to_string(assignment.unit.kind)},
                                           {"label", assignment.unit.label}});
        } else {
            kLog.warning(result.released ? "assignment given back" : "assignment failed",
                         {{"request", assignment.id.request},
                          {"kind", sdk::to_string(assignment.unit.kind)},
                          {"label", assignment.unit.label},
                          {"destination", assignment.destination},
                          {"attempt", assignment.attempt},
                          {"code", result.error.code},
                          {"reason", result.error.message}});
        }
    }

    void wait_for_slots(base::Deadline deadline) {
        std::unique_lock lock{mutex_};
        idle_.wait_until(lock, deadline, [&] { return busy_ == 0 && queue_.empty(); });
    }

    struct Task {
        model::Assignment assignment;
        std::stop_token stop;
    };

    const config::AgentSettings settings_;
    const transfer::Identity self_;
    Mounts mounts_;
    transfer::Ledger ledger_;
    Pacers pacers_;
    Holdings holdings_;
    std::unique_ptr<transfer::Rails> rails_;
    std::unique_ptr<transfer::PeerServer> server_;
    std::unique_ptr<Peers> peers_;
    std::unique_ptr<Executor> executor_;
    std::unique_ptr<MasterLink> link_;

    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::condition_variable idle_;
    std::deque<Task> queue_;  // guarded by mutex_
    std::size_t busy_ = 0;    // guarded by mutex_
    bool stopped_ = false;
    std::vector<std::jthread> slots_;
};

Agent::Agent(std::unique_ptr<Core> core) noexcept : core_{std::move(core)} {}
Agent::~Agent() = default;

Status Agent::check(const config::AgentSettings& settings) {
    if (auto status = check_exposure(settings); !status) return status;
    return MasterLink::check(settings);
}

Result<std::unique_ptr<Agent>> Agent::start(
    const config::AgentSettings& settings,
    std::vector<std::shared_ptr<sdk::Transport>> transports) {
    if (auto status = check(settings); !status) return std::move(status).error();
    auto core = std::make_unique<Core>(settings);
    if (auto status = core->start(std::move(transports)); !status) {
        return std::move(status).error();
    }
    return std::unique_ptr<Agent>{new Agent{std::move(core)}};
}

void Agent::stop(base::Millis patience) {
    core_->stop(patience);
}

}  // namespace godwit::agent
