// One connection between two rails.
//
// Both ends are made explicitly, by connecting to a listener and by accepting that, and each has an
// error handler. UCX's other way, worker addresses, pairs endpoints by counting: closing one leaves
// the socket open, half of it alive, so that the other side learns nothing and bytes may still
// arrive.
#pragma once

#include <span>

#include "socket_address.h"
#include "wire.h"
#include "worker.h"

namespace godwit::transport_ucx {

// Belongs to the rail's thread, and stays where it is: UCX knows its address. Outlives what is sent
// through it.
class Endpoint {
public:
    // `has_news` is set when the endpoint fails, and outlives it.
    Endpoint(Worker& worker, bool& has_news) : worker_{worker}, has_news_{has_news} {}
    ~Endpoint() { close(); }
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;

    // Either one, once. Not UCS_OK: there is nothing to close.
    ucs_status_t connect(const SocketAddress& remote, const SocketAddress& local) noexcept;
    ucs_status_t accept(ucp_conn_request_h request) noexcept;

    const Worker& worker() const noexcept { return worker_; }
    // Null: closed, or never opened.
    ucp_ep_h handle() const noexcept { return handle_; }

    // UCS_OK: it has not failed.
    ucs_status_t failure() const noexcept { return failure_; }
    // For failures that a request shows before UCX calls the error handler. The first one counts.
    void fail(ucs_status_t status) noexcept;

    // By force: everything sent or received through it ends, during this call or in later progress.
    // Never from within a callback of UCX, nor while the connection is just being made.
    void close() noexcept;
    // Whether UCX has let go of it. What was under way may still end later.
    bool is_closed() const noexcept { return handle_ == nullptr && !is_closing_; }

private:
    ucs_status_t open(ucp_ep_params_t& parameters) noexcept;

    Worker& worker_;
    bool& has_news_;
    ucp_ep_h handle_ = nullptr;
    ucs_status_t failure_ = UCS_OK;
    bool is_closing_ = false;
};

// What is sent must stay as it is until it is done. `memory` is null where there is no payload.
struct Message {
    MessageKind kind = MessageKind::Hello;
    std::span<const std::byte> header;
    std::span<const std::byte> payload;
    ucp_mem_h memory = nullptr;
    unsigned flags = 0;  // ucp_send_am_flags
};

// UCS_OK: done. UCS_INPROGRESS: `done` will be called with `target`, and must free the request.
// Anything else: not sent.
ucs_status_t send(const Worker& worker, ucp_ep_h endpoint, const Message& message,
                  ucp_send_nbx_callback_t done, void* target) noexcept;

}  // namespace godwit::transport_ucx
