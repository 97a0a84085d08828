// What becomes of a get after its request: the bytes, a refusal, or the loss of the peer.
#include <cstring>
#include <utility>

#include "destination.h"
#include "status_code.h"

namespace godwit::transport_ucx {
namespace {

sdk::ByteView view(const void* data, std::size_t bytes) {
    return {static_cast<const std::byte*>(data), bytes};
}

}  // namespace

// Null: an answer to a get that has ended, or that never was.
Destination::PendingGet* Destination::find(const GetName& name) noexcept {
    if (name.slot >= gets_.size()) return nullptr;
    PendingGet& get = gets_[name.slot];
    if (get.peer == nullptr || get.nonce != name.nonce) return nullptr;
    if (get.is_receiving || get.has_ended) return nullptr;
    return &get;
}

ucs_status_t Destination::on_refusal(void* self_data, const void* header, std::size_t header_bytes,
                                     void*, std::size_t, const ucp_am_recv_param_t*) {
    auto& self = *static_cast<Destination*>(self_data);
    const auto refusal = decode_refusal(view(header, header_bytes));
    if (!refusal) return UCS_OK;
    if (PendingGet* get = self.find(refusal->name)) {
        self.end(*get, sdk::Code::BadKey, UCS_OK, "the key does not open this range");
    }
    return UCS_OK;
}

ucs_status_t Destination::on_data(void* self_data, const void* header, std::size_t header_bytes,
                                  void* data, std::size_t bytes, const ucp_am_recv_param_t* how) {
    auto& self = *static_cast<Destination*>(self_data);
    const auto message = decode_data(view(header, header_bytes));
    PendingGet* get = message ? self.find(message->name) : nullptr;
    if (get == nullptr) return UCS_OK;
    if (bytes != get->target.size()) {
        self.end(*get, sdk::Code::Internal, UCS_ERR_MESSAGE_TRUNCATED,
                 "the source sent another length than was asked for");
        return UCS_OK;
    }
    return self.receive(*get, data, bytes, (how->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) != 0);
}

// Returns what the callback of the message has to return.
ucs_status_t Destination::receive(PendingGet& get, void* data, std::size_t bytes,
                                  bool is_rendezvous) {
    if (!is_rendezvous) {
        std::memcpy(get.target.data(), data, bytes);
        end(get, sdk::Code::Ok, UCS_OK, "");
        return UCS_OK;
    }
    ucp_request_param_t parameters{};
    parameters.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA |
                              UCP_OP_ATTR_FIELD_MEMH | UCP_OP_ATTR_FIELD_MEMORY_TYPE |
                              UCP_OP_ATTR_FLAG_NO_IMM_CMPL;
    parameters.cb.recv_am = on_received;
    parameters.user_data = &get;
    parameters.memh = get.memory;
    parameters.memory_type = UCS_MEMORY_TYPE_HOST;
    // Before the call: it may end within.
    get.is_receiving = true;
    void* const request = worker_.ucx().ucp_am_recv_data_nbx(worker_.handle(), data,
                                                             get.target.data(), bytes, &parameters);
    if (UCS_PTR_IS_ERR(request)) {
        const ucs_status_t status = UCS_PTR_RAW_STATUS(request);
        get.is_receiving = false;
        end(get, sdk::Code::Internal, status, text_of(status));
        return UCS_OK;
    }
    return UCS_INPROGRESS;
}

void Destination::on_received(void* request, ucs_status_t status, std::size_t bytes,
                              void* get_data) {
    auto& get = *static_cast<PendingGet*>(get_data);
    Destination& self = *get.owner;
    self.worker_.ucx().ucp_request_free(request);
    get.is_receiving = false;
    if (status != UCS_OK) {
        self.end_with_peer(get, status);
    } else if (bytes != get.target.size()) {
        self.end(get, sdk::Code::Internal, UCS_ERR_MESSAGE_TRUNCATED,
                 "fewer bytes came than were announced");
    } else {
        self.end(get, sdk::Code::Ok, UCS_OK, "");
    }
}

// As the peer ends, if it does; as `status` says otherwise.
void Destination::end_with_peer(PendingGet& get, ucs_status_t status) {
    const RemotePeer& peer = *get.peer;
    if (peer.state == RemotePeer::State::Closing) {
        end(get, peer.end, peer.native, peer.text);
    } else {
        end(get, code_of(status), status, text_of(status));
    }
}

void Destination::end(PendingGet& get, sdk::Code code, ucs_status_t native, const char* text) {
    if (get.has_ended) return;
    get.has_ended = true;
    get.code = code;
    get.native = native;
    get.text = text;
    finish_if_idle(get);
}

// Tells of the end once UCX has no hand on the request and on the target any more.
void Destination::finish_if_idle(PendingGet& get) {
    if (!get.has_ended || get.is_sending || get.is_receiving || get.peer == nullptr) return;
    if (get.code == sdk::Code::Ok) {
        events_.get_done(get.cookie, get.target.size());
        counters_.gets.add();
        counters_.get_bytes.add(get.target.size());
    } else {
        events_.get_failed(get.cookie, get.code, get.native, get.text);
        counters_.get_failures.add();
    }
    RemotePeer& peer = *std::exchange(get.peer, nullptr);
    get.nonce = 0;
    if (--peer.gets == 0) has_news_ = true;
    free_slots_.push_back(static_cast<std::uint32_t>(&get - gets_.data()));
}

}  // namespace godwit::transport_ucx
