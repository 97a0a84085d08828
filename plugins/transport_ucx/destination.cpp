#include "destination.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "protocol_limits.h"
#include "status_code.h"

namespace godwit::transport_ucx {
namespace {

sdk::ByteView view(const void* data, std::size_t bytes) {
    return {static_cast<const std::byte*>(data), bytes};
}

sdk::Error invalid(const std::string& what) {
    return {sdk::Code::InvalidArgument, what};
}

}  // namespace

Destination::Destination(const Surroundings& surroundings)
    : worker_{surroundings.worker},
      settings_{surroundings.settings},
      events_{surroundings.events},
      random_{surroundings.random},
      counters_{surroundings.counters},
      has_news_{surroundings.has_news},
      gets_(surroundings.settings.gets_in_flight_max),
      free_slots_(surroundings.settings.gets_in_flight_max) {
    std::iota(free_slots_.begin(), free_slots_.end(), 0U);
    for (PendingGet& get : gets_) get.owner = this;
}

sdk::Status Destination::start(const SocketAddress& local, Instance instance) {
    local_ = local;
    instance_ = instance;
    if (auto status = worker_.on_message(MessageKind::HelloAnswer, on_answer, this); !status) {
        return status;
    }
    if (auto status = worker_.on_message(MessageKind::Refusal, on_refusal, this); !status) {
        return status;
    }
    return worker_.on_message(MessageKind::Data, on_data, this);
}

sdk::Status Destination::connect(sdk::ByteView address, sdk::PeerCookie cookie, sdk::Peer*& out) {
    const auto remote = decode_address(address);
    if (!remote) {
        return invalid("connect: this is no address of a ucx rail of wire version " +
                       std::to_string(kWireVersion));
    }
    if (peers_.size() + lingering_.size() >= settings_.peers_max) {
        return sdk::Error{sdk::Code::Again, "connect: " + std::to_string(settings_.peers_max) +
                                                " peers are there already; raise 'peers_max'"};
    }
    auto peer = std::make_unique<RemotePeer>();
    peer->cookie = cookie;
    peer->connection = std::make_unique<Connection>(worker_, has_news_);
    Connection& connection = *peer->connection;
    const ucs_status_t status = connection.endpoint.connect(remote->listener, local_);
    if (status == UCS_OK) {
        greet(connection, remote->instance);
    } else {
        connection.endpoint.fail(status);
    }
    out = peer.get();
    peers_.push_back(std::move(peer));
    return {};
}

void Destination::greet(Connection& connection, Instance remote) {
    connection.nonce = random_.number();
    connection.hello = encode(Hello{remote, connection.nonce, instance_});
    const Message message{.kind = MessageKind::Hello,
                          .header = connection.hello,
                          .payload = {},
                          .flags = UCP_AM_SEND_FLAG_EAGER | UCP_AM_SEND_FLAG_REPLY};
    const ucs_status_t status =
        send(worker_, connection.endpoint.handle(), message, on_hello_sent, &connection);
    connection.is_sending_hello = status == UCS_INPROGRESS;
    if (UCS_STATUS_IS_ERR(status)) connection.endpoint.fail(status);
}

void Destination::on_hello_sent(void* request, ucs_status_t status, void* connection_data) {
    auto& connection = *static_cast<Connection*>(connection_data);
    connection.endpoint.worker().ucx().ucp_request_free(request);
    connection.is_sending_hello = false;
    if (status != UCS_OK) connection.endpoint.fail(status);
}

ucs_status_t Destination::on_answer(void* self_data, const void* header, std::size_t header_bytes,
                                    void*, std::size_t, const ucp_am_recv_param_t*) {
    auto& self = *static_cast<Destination*>(self_data);
    const auto answer = decode_hello_answer(view(header, header_bytes));
    if (!answer) return UCS_OK;
    for (const auto& connection : self.lingering_) {
        if (connection->nonce != answer->nonce) continue;
        connection->is_answered = true;
        self.has_news_ = true;
        return UCS_OK;
    }
    for (const auto& peer : self.peers_) {
        if (peer->state != RemotePeer::State::Greeting) continue;
        if (peer->connection->nonce != answer->nonce) continue;
        peer->connection->is_answered = true;
        if (answer->greeting == Greeting::Welcome) {
            peer->state = RemotePeer::State::Up;
            self.events_.peer_up(peer->cookie);
        } else {
            peer->text = "another rail has this address now";
            peer->connection->endpoint.fail(UCS_ERR_UNREACHABLE);
        }
        break;
    }
    return UCS_OK;
}

void Destination::abort_peer(RemotePeer& peer) {
    take_down(peer, sdk::Code::Cancelled, UCS_OK, "given up");
}

void Destination::abort_all() {
    for (const auto& peer : peers_) abort_peer(*peer);
}

void Destination::take_down(RemotePeer& peer, sdk::Code code, ucs_status_t native,
                            const char* text) {
    using State = RemotePeer::State;
    if (peer.state == State::Closing || peer.state == State::Gone) return;
    peer.state = State::Closing;
    peer.end = code;
    peer.native = native;
    peer.text = text;
    ++closing_;
    has_news_ = true;
    if (code != sdk::Code::Cancelled) counters_.peers_lost.add();
    Connection& connection = *peer.connection;
    const bool is_connecting = !connection.is_answered && connection.endpoint.failure() == UCS_OK;
    if (is_connecting) {
        // No get was accepted yet, so nothing is written anywhere however long it takes.
        lingering_.push_back(std::move(peer.connection));
        return;
    }
    connection.endpoint.close();
    if (peer.gets == 0) return;
    for (PendingGet& get : gets_) {
        if (get.peer == &peer && !get.is_receiving) end_with_peer(get, UCS_ERR_CANCELED);
    }
}

void Destination::settle() {
    for (const auto& peer : peers_) settle(*peer);
    settle_lingering();
}

void Destination::settle(RemotePeer& peer) {
    const ucs_status_t failure = peer.connection ? peer.connection->endpoint.failure() : UCS_OK;
    if (failure != UCS_OK) {
        const char* text = *peer.text != '\0' ? peer.text : text_of(failure);
        take_down(peer, sdk::Code::PeerLost, failure, text);
    }
    if (peer.state != RemotePeer::State::Closing) return;
    if (peer.gets != 0 || (peer.connection && !peer.connection->is_gone())) return;
    peer.state = RemotePeer::State::Gone;
    --closing_;
    events_.peer_down(peer.cookie, peer.end, peer.native, peer.text, &peer);
}

void Destination::stop_lingering() noexcept {
    for (const auto& connection : lingering_) connection->endpoint.fail(UCS_ERR_CANCELED);
    settle_lingering();
}

void Destination::settle_lingering() {
    for (const auto& connection : lingering_) {
        if (connection->endpoint.handle() == nullptr) continue;
        if (!connection->is_answered && connection->endpoint.failure() == UCS_OK) continue;
        connection->endpoint.close();
        ++closing_;
    }
    closing_ -= std::erase_if(lingering_, [](const auto& connection) {
        return connection->endpoint.handle() == nullptr && connection->is_gone();
    });
}

void Destination::forget(const sdk::Peer* peer) noexcept {
    std::erase_if(peers_, [&](const auto& candidate) { return candidate.get() == peer; });
}

sdk::Status Destination::get(RemotePeer& peer, const sdk::WindowKey& key,
                             std::uint64_t remote_offset, const MappedRegion& region,
                             std::size_t local_offset, std::size_t length, sdk::Cookie cookie) {
    if (key.size > key.bytes.size()) return invalid("get: the key's size is beyond its bytes");
    const auto decoded = decode_key(key.view());
    if (!decoded) return invalid("get: this is no key of a ucx window");
    if (length == 0) return invalid("get: nothing is asked for");
    if (length > kGetBytesMax) {
        return invalid("get: " + std::to_string(length) + " bytes are more than " +
                       std::to_string(kGetBytesMax));
    }
    if (!is_inside(local_offset, length, region.bytes.size())) {
        return invalid("get: " + std::to_string(local_offset) + "+" + std::to_string(length) +
                       " is outside of the local region");
    }
    if (peer.state == RemotePeer::State::Greeting) {
        return sdk::Error{sdk::Code::Again, "get: the peer is not up yet"};
    }
    if (peer.state != RemotePeer::State::Up || peer.connection->endpoint.failure() != UCS_OK) {
        return sdk::Error{sdk::Code::PeerLost, "get: the peer is down"};
    }
    if (free_slots_.empty()) {
        return sdk::Error{sdk::Code::Again,
                          "get: " + std::to_string(gets_.size()) + " are in flight"};
    }

    const std::uint32_t slot = free_slots_.back();
    PendingGet& get = gets_[slot];
    get.cookie = cookie;
    get.nonce = random_.number();
    get.target = region.bytes.subspan(local_offset, length);
    get.memory = region.handle.get();
    get.request = encode(Get{{slot, get.nonce}, *decoded, remote_offset, length});
    get.has_ended = false;
    // The source learns from the reply flag on which connection to answer.
    const Message message{.kind = MessageKind::Get,
                          .header = get.request,
                          .payload = {},
                          .flags = UCP_AM_SEND_FLAG_EAGER | UCP_AM_SEND_FLAG_REPLY};
    const ucs_status_t status =
        send(worker_, peer.connection->endpoint.handle(), message, on_request_sent, &get);
    if (UCS_STATUS_IS_ERR(status)) {
        peer.connection->endpoint.fail(status);
        return sdk::Error{sdk::Code::PeerLost, std::string{"get: send: "} + text_of(status),
                          status};
    }
    get.is_sending = status == UCS_INPROGRESS;
    get.peer = &peer;
    ++peer.gets;
    free_slots_.pop_back();
    return {};
}

void Destination::on_request_sent(void* request, ucs_status_t status, void* get_data) {
    auto& get = *static_cast<PendingGet*>(get_data);
    Destination& self = *get.owner;
    self.worker_.ucx().ucp_request_free(request);
    get.is_sending = false;
    if (status != UCS_OK) {
        get.peer->connection->endpoint.fail(status);
        if (!get.is_receiving) self.end_with_peer(get, status);
    }
    self.finish_if_idle(get);
}

}  // namespace godwit::transport_ucx
