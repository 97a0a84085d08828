#include "endpoint.h"

#include <utility>

namespace godwit::transport_ucx {

ucs_status_t Endpoint::connect(const SocketAddress& remote, const SocketAddress& local) noexcept {
    ucp_ep_params_t parameters{};
    parameters.field_mask = UCP_EP_PARAM_FIELD_FLAGS | UCP_EP_PARAM_FIELD_SOCK_ADDR |
                            UCP_EP_PARAM_FIELD_LOCAL_SOCK_ADDR;
    parameters.flags = UCP_EP_PARAMS_FLAGS_CLIENT_SERVER;
    parameters.sockaddr = {remote.data(), remote.size()};
    parameters.local_sockaddr = {local.data(), local.size()};
    return open(parameters);
}

ucs_status_t Endpoint::accept(ucp_conn_request_h request) noexcept {
    ucp_ep_params_t parameters{};
    parameters.field_mask = UCP_EP_PARAM_FIELD_CONN_REQUEST;
    parameters.conn_request = request;
    return open(parameters);
}

ucs_status_t Endpoint::open(ucp_ep_params_t& parameters) noexcept {
    parameters.field_mask |= UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE | UCP_EP_PARAM_FIELD_ERR_HANDLER;
    parameters.err_mode = UCP_ERR_HANDLING_MODE_PEER;
    // UCX forbids to close an endpoint in here.
    parameters.err_handler.cb = [](void* self, ucp_ep_h, ucs_status_t status) {
        static_cast<Endpoint*>(self)->fail(status);
    };
    parameters.err_handler.arg = this;
    ucp_ep_h handle = nullptr;
    const ucs_status_t status = worker_.ucx().ucp_ep_create(worker_.handle(), &parameters, &handle);
    if (status == UCS_OK) handle_ = handle;
    return status;
}

void Endpoint::fail(ucs_status_t status) noexcept {
    if (failure_ == UCS_OK) failure_ = status;
    has_news_ = true;
}

void Endpoint::close() noexcept {
    if (handle_ == nullptr) return;
    const Library& ucx = worker_.ucx();
    ucp_request_param_t parameters{};
    parameters.op_attr_mask =
        UCP_OP_ATTR_FIELD_FLAGS | UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
    parameters.flags = UCP_EP_CLOSE_FLAG_FORCE;
    parameters.user_data = this;
    parameters.cb.send = [](void* request, ucs_status_t, void* user_data) {
        auto* self = static_cast<Endpoint*>(user_data);
        self->is_closing_ = false;
        self->has_news_ = true;
        self->worker_.ucx().ucp_request_free(request);
    };
    is_closing_ = true;
    void* const request = ucx.ucp_ep_close_nbx(std::exchange(handle_, nullptr), &parameters);
    if (!UCS_PTR_IS_PTR(request)) is_closing_ = false;
    has_news_ = true;
}

ucs_status_t send(const Worker& worker, ucp_ep_h endpoint, const Message& message,
                  ucp_send_nbx_callback_t done, void* target) noexcept {
    ucp_request_param_t parameters{};
    parameters.op_attr_mask =
        UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_FLAGS;
    parameters.cb.send = done;
    parameters.user_data = target;
    parameters.flags = message.flags;
    if (message.memory != nullptr) {
        // Without it UCX would register the memory anew for every message.
        parameters.op_attr_mask |= UCP_OP_ATTR_FIELD_MEMH | UCP_OP_ATTR_FIELD_MEMORY_TYPE;
        parameters.memh = message.memory;
        parameters.memory_type = UCS_MEMORY_TYPE_HOST;
    }
    void* const request = worker.ucx().ucp_am_send_nbx(
        endpoint, static_cast<unsigned>(message.kind), message.header.data(), message.header.size(),
        message.payload.data(), message.payload.size(), &parameters);
    if (request == nullptr) return UCS_OK;
    if (UCS_PTR_IS_ERR(request)) return UCS_PTR_RAW_STATUS(request);
    return UCS_INPROGRESS;
}

}  // namespace godwit::transport_ucx
