#include "transfer/peer_server.h"

#include <Poco/Net/NetException.h>
#include <Poco/Net/ServerSocket.h>

#include "base/log.h"
#include "transfer/peer_session.h"

namespace godwit::transfer {
namespace {

constexpr int kListenBacklog = 1024;
constexpr std::size_t kControlThreads = 4;
constexpr std::size_t kControlQueueMax = 1024;
constexpr base::Millis kAcceptPause{100};
constexpr long kAcceptTickMicros = 200'000;

const base::Log kLog{"peer"};

}  // namespace

Result<std::unique_ptr<PeerServer>> PeerServer::start(PeerServerSettings settings, Rails& rails,
                                                      Ledger& ledger) {
    const std::string address = join_address(settings.host, settings.port);
    std::unique_ptr<PeerServer> server{new PeerServer{std::move(settings), rails, ledger}};
    try {
        server->listener_.bind(Poco::Net::SocketAddress{address}, true, false);
        server->listener_.listen(kListenBacklog);
        server->port_ = server->listener_.address().port();
    } catch (const Poco::Exception& failure) {
        return Error{Code::Conflict,
                     "listen for peers on '" + address + "': " + failure.displayText()};
    }
    server->accepting_ =
        std::jthread{[raw = server.get()](std::stop_token stop) { raw->accept_loop(stop); }};
    return server;
}

PeerServer::PeerServer(PeerServerSettings settings, Rails& rails, Ledger& ledger)
    : settings_{std::move(settings)},
      rails_{rails},
      ledger_{ledger},
      intake_{rails, settings_.writers},
      control_{"peer-control", kControlThreads, kControlQueueMax} {}

PeerServer::~PeerServer() {
    stop();
}

void PeerServer::shut() noexcept {
    accepting_.request_stop();
    if (accepting_.joinable()) accepting_.join();
    for (const Connection& connection : connections_) connection.session->shut();
    try {
        listener_.close();
    } catch (const Poco::Exception&) {
        // It is going away: there is nobody to tell.
    }
}

void PeerServer::stop() noexcept {
    shut();
    intake_.stop();
    control_.stop();
    connections_.clear();
}

void PeerServer::accept_loop(std::stop_token stop) {
    base::name_this_thread("peer-accept");
    const SessionHost host{settings_, rails_, ledger_, intake_, control_};
    while (!stop.stop_requested()) {
        sweep_ended();
        try {
            if (!listener_.poll(Poco::Timespan{kAcceptTickMicros},
                                Poco::Net::Socket::SELECT_READ)) {
                continue;
            }
            Poco::Net::StreamSocket socket = listener_.acceptConnection();
            if (connections_.size() >= settings_.connections_max) {
                kLog.warning("peer turned away: too many connections",
                             {{"connections_max", settings_.connections_max}});
                continue;
            }
            auto session = std::make_shared<PeerSession>(host, std::make_unique<Channel>(socket));
            auto ended = std::make_shared<std::atomic<bool>>(false);
            std::jthread thread{[session, ended] {
                base::name_this_thread("peer-session");
                session->run();
                ended->store(true);
            }};
            connections_.push_back({std::move(session), std::move(thread), std::move(ended)});
        } catch (const Poco::Exception& failure) {
            // A connection that died in the queue, or no descriptor left: the next one may do.
            kLog.warning("accept a peer", {{"reason", failure.displayText()}});
            std::this_thread::sleep_for(kAcceptPause);
        }
    }
}

void PeerServer::sweep_ended() {
    connections_.remove_if([](const Connection& connection) { return connection.ended->load(); });
}

}  // namespace godwit::transfer
