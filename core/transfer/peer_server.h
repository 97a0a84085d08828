// The destination's side of peer connections: accepts agents, answers their calls.
#pragma once

#include <Poco/Net/ServerSocket.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "transfer/intake.h"
#include "transfer/ledger.h"
#include "transfer/peer_client.h"
#include "transfer/rails.h"

namespace godwit::transfer {

struct PeerServerSettings {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;  // 0: any free one.
    Identity self;
    std::function<std::vector<std::string>()> storage_paths;  // That are mounted now.
    // Empty: tickets are not checked. Only for loopback, or where the site said `insecure: true`.
    base::Secret ticket_secret;
    std::size_t writers = 2;
    std::size_t connections_max = 4096;
};

class PeerSession;

// Thread-safe.
class PeerServer {
public:
    // Conflict: the address is in use. `rails` and `ledger` outlive it.
    static Result<std::unique_ptr<PeerServer>> start(PeerServerSettings settings, Rails& rails,
                                                     Ledger& ledger);
    ~PeerServer();  // stop()

    std::uint16_t port() const noexcept { return port_; }
    // Closes the listener and every connection, and waits for no file system: what is being written
    // may still be when it returns.
    void shut() noexcept;
    // The same; no file is touched any more when it returns.
    void stop() noexcept;

private:
    PeerServer(PeerServerSettings settings, Rails& rails, Ledger& ledger);
    void accept_loop(std::stop_token stop);
    void sweep_ended();

    struct Connection {
        std::shared_ptr<PeerSession> session;
        std::jthread thread;
        std::shared_ptr<std::atomic<bool>> ended;
    };

    const PeerServerSettings settings_;
    Rails& rails_;
    Ledger& ledger_;
    Poco::Net::ServerSocket listener_;
    std::uint16_t port_ = 0;
    Intake intake_;
    base::WorkerPool control_;           // Calls that touch the file system, but bring no bytes.
    std::list<Connection> connections_;  // Touched by the accepting thread, and by shut() after it.
    std::jthread accepting_;
};

}  // namespace godwit::transfer
