// The half of a rail that others connect to, and that serves their gets.
#pragma once

#include <array>
#include <memory>
#include <unordered_map>
#include <vector>

#include "counters.h"
#include "endpoint.h"
#include "godwit/sdk/host.h"
#include "settings.h"
#include "windows.h"
#include "wire.h"
#include "worker.h"

namespace godwit::transport_ucx {

// Belongs to the rail's thread, and stays where it is: UCX knows its address.
class Source {
public:
    // All of it outlives the source.
    struct Surroundings {
        Worker& worker;
        const Settings& settings;
        const Windows& windows;
        Counters& counters;
        sdk::Logger& logger;
        bool& has_news;
    };

    explicit Source(const Surroundings& surroundings);
    ~Source();
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;

    // Listens on `local`; others find it by what comes back. Unavailable: no port is free.
    sdk::Result<SocketAddress> start(const SocketAddress& local, Instance instance);

    // Takes down peers that failed, and drops those that are gone.
    void settle();

    // Takes no connection any more, and closes those there are.
    void stop();
    // Some peer is closing: progress is needed, and no descriptor may tell.
    bool is_closing() const noexcept { return !closing_.empty(); }

private:
    struct ServedPeer {
        ServedPeer(Worker& worker, bool& has_news) : endpoint{worker, has_news} {}

        Endpoint endpoint;
        bool has_greeted = false;
        std::size_t answers = 0;  // That UCX has not let go of.
    };

    // What is sent back. Kept for reuse: a get on a busy source costs no allocation.
    struct Answer {
        Source* owner = nullptr;
        ServedPeer* peer = nullptr;
        std::array<std::byte, kDataBytes> header{};
        std::size_t header_bytes = 0;
        static_assert(kDataBytes >= kRefusalBytes && kDataBytes >= kHelloAnswerBytes);
    };

    static void on_connection(ucp_conn_request_h request, void* self);
    static ucs_status_t on_hello(void* self, const void* header, std::size_t header_bytes, void*,
                                 std::size_t, const ucp_am_recv_param_t* from);
    static ucs_status_t on_get(void* self, const void* header, std::size_t header_bytes, void*,
                               std::size_t, const ucp_am_recv_param_t* from);
    static void on_answered(void* request, ucs_status_t status, void* answer);

    sdk::Result<ListenerPtr> listen(const SocketAddress& local);
    ServedPeer* sender_of(const ucp_am_recv_param_t& from);
    void serve(ServedPeer& peer, const Get& get);
    void answer(ServedPeer& peer, MessageKind kind, sdk::ByteView header,
                const Windows::Range& payload = {});
    void give_back(Answer& answer);

    Worker& worker_;
    const Settings& settings_;
    const Windows& windows_;
    Counters& counters_;
    sdk::Logger& logger_;
    bool& has_news_;

    Instance instance_ = 0;
    ListenerPtr listener_;
    bool is_full_ = false;  // Told once, not for each connection that is turned away.
    std::unordered_map<ucp_ep_h, std::unique_ptr<ServedPeer>> peers_;  // Open ones.
    std::vector<std::unique_ptr<ServedPeer>> closing_;
    // At most kAnswersPerPeerMax for each peer.
    std::vector<std::unique_ptr<Answer>> answers_;
    std::vector<Answer*> free_answers_;
};

}  // namespace godwit::transport_ucx
