#include "source.h"

#include <algorithm>
#include <random>
#include <string>
#include <utility>

#include "protocol_limits.h"
#include "status_code.h"
#include "ucx_log.h"

namespace godwit::transport_ucx {
namespace {

sdk::ByteView view(const void* data, std::size_t bytes) {
    return {static_cast<const std::byte*>(data), bytes};
}

}  // namespace

Source::Source(const Surroundings& surroundings)
    : worker_{surroundings.worker},
      settings_{surroundings.settings},
      windows_{surroundings.windows},
      counters_{surroundings.counters},
      logger_{surroundings.logger},
      has_news_{surroundings.has_news} {}

Source::~Source() = default;

sdk::Result<SocketAddress> Source::start(const SocketAddress& local, Instance instance) {
    instance_ = instance;
    if (auto status = worker_.on_message(MessageKind::Hello, on_hello, this); !status) {
        return std::move(status).error();
    }
    if (auto status = worker_.on_message(MessageKind::Get, on_get, this); !status) {
        return std::move(status).error();
    }
    auto listener = listen(local);
    if (!listener) return std::move(listener).error();
    listener_ = std::move(*listener);

    ucp_listener_attr_t attributes{};
    attributes.field_mask = UCP_LISTENER_ATTR_FIELD_SOCKADDR;
    const ucs_status_t status = worker_.ucx().ucp_listener_query(listener_.get(), &attributes);
    const auto bound = SocketAddress::from(reinterpret_cast<const sockaddr*>(&attributes.sockaddr));
    if (status != UCS_OK || !bound) {
        return sdk::Error{sdk::Code::Internal, "ask UCX for the port of its listener", status};
    }
    return *bound;
}

// Tries each port of the range once, from a random one on: rails open at once on many hosts.
sdk::Result<ListenerPtr> Source::listen(const SocketAddress& local) {
    const LogCapture log;
    ucp_listener_params_t parameters{};
    parameters.field_mask =
        UCP_LISTENER_PARAM_FIELD_SOCK_ADDR | UCP_LISTENER_PARAM_FIELD_CONN_HANDLER;
    parameters.conn_handler = {on_connection, this};
    const unsigned ports = settings_.port_high - settings_.port_low + 1U;
    const unsigned first = std::random_device{}() % ports;
    ucs_status_t status = UCS_ERR_BUSY;
    for (unsigned i = 0; i < ports && status == UCS_ERR_BUSY; ++i) {
        const unsigned port = settings_.port_low + (first + i) % ports;
        const SocketAddress address = local.with_port(static_cast<std::uint16_t>(port));
        parameters.sockaddr = {address.data(), address.size()};
        ucp_listener_h listener = nullptr;
        status = worker_.ucx().ucp_listener_create(worker_.handle(), &parameters, &listener);
        if (status == UCS_OK) return ListenerPtr{listener, {&worker_.ucx()}};
    }
    std::string message =
        "listen on '" + local.ip_text() + "': " + worker_.ucx().ucs_status_string(status);
    if (settings_.port_low != 0) {
        message += ", on every port in " + std::to_string(settings_.port_low) + ".." +
                   std::to_string(settings_.port_high);
    }
    if (!log.said().empty()) message += ": " + log.said();
    return sdk::Error{code_of_setup(status), std::move(message), status};
}

void Source::on_connection(ucp_conn_request_h request, void* self_data) {
    auto& self = *static_cast<Source*>(self_data);
    const bool is_full = self.peers_.size() + self.closing_.size() >= self.settings_.peers_max;
    if (is_full) {
        self.counters_.rejections.add();
        if (!std::exchange(self.is_full_, true)) {
            self.logger_.log(sdk::LogLevel::Warning,
                             "rail turns peers away: it serves as many as 'peers_max' allows",
                             {{"peers_max", std::to_string(self.settings_.peers_max)}});
        }
        self.worker_.ucx().ucp_listener_reject(self.listener_.get(), request);
        return;
    }
    self.is_full_ = false;
    auto peer = std::make_unique<ServedPeer>(self.worker_, self.has_news_);
    if (peer->endpoint.accept(request) != UCS_OK) return;  // Gone again: it will notice by itself.
    const ucp_ep_h handle = peer->endpoint.handle();
    self.peers_[handle] = std::move(peer);
}

// Null: a connection that is closed already.
Source::ServedPeer* Source::sender_of(const ucp_am_recv_param_t& from) {
    if ((from.recv_attr & UCP_AM_RECV_ATTR_FIELD_REPLY_EP) == 0) return nullptr;
    const auto found = peers_.find(from.reply_ep);
    return found == peers_.end() ? nullptr : found->second.get();
}

ucs_status_t Source::on_hello(void* self_data, const void* header, std::size_t header_bytes, void*,
                              std::size_t, const ucp_am_recv_param_t* from) {
    auto& self = *static_cast<Source*>(self_data);
    ServedPeer* peer = self.sender_of(*from);
    if (peer == nullptr) return UCS_OK;
    const auto hello = decode_hello(view(header, header_bytes));
    if (!hello || peer->has_greeted) {
        peer->endpoint.fail(UCS_ERR_REJECTED);
        return UCS_OK;
    }
    // Whoever means another rail may ask no gets, and will hang up.
    peer->has_greeted = hello->instance == self.instance_;
    const auto greeting = peer->has_greeted ? Greeting::Welcome : Greeting::WrongInstance;
    self.answer(*peer, MessageKind::HelloAnswer, encode(HelloAnswer{hello->nonce, greeting}));
    return UCS_OK;
}

ucs_status_t Source::on_get(void* self_data, const void* header, std::size_t header_bytes, void*,
                            std::size_t, const ucp_am_recv_param_t* from) {
    auto& self = *static_cast<Source*>(self_data);
    ServedPeer* peer = self.sender_of(*from);
    if (peer == nullptr) return UCS_OK;
    const auto get = decode_get(view(header, header_bytes));
    if (!get || !peer->has_greeted) {
        peer->endpoint.fail(UCS_ERR_REJECTED);
        return UCS_OK;
    }
    self.serve(*peer, *get);
    return UCS_OK;
}

void Source::serve(ServedPeer& peer, const Get& get) {
    Windows::Range range;
    if (get.length != 0 && get.length <= kGetBytesMax) {
        range = windows_.find(get.key, get.offset, get.length);
    }
    if (range.bytes.empty()) {
        counters_.refusals.add();
        answer(peer, MessageKind::Refusal, encode(Refusal{get.name}));
    } else {
        answer(peer, MessageKind::Data, encode(Data{get.name}), range);
    }
}

void Source::answer(ServedPeer& peer, MessageKind kind, sdk::ByteView header,
                    const Windows::Range& payload) {
    if (peer.answers >= kAnswersPerPeerMax) return peer.endpoint.fail(UCS_ERR_EXCEEDS_LIMIT);
    if (peer.endpoint.failure() != UCS_OK) return;
    if (free_answers_.empty()) {
        answers_.push_back(std::make_unique<Answer>());
        free_answers_.push_back(answers_.back().get());
    }
    Answer& answer = *free_answers_.back();
    free_answers_.pop_back();
    answer.owner = this;
    answer.peer = &peer;
    answer.header_bytes = header.size();
    std::ranges::copy(header, answer.header.begin());
    ++peer.answers;

    const bool by_rendezvous = payload.bytes.size() >= settings_.rndv_threshold_bytes;
    const Message message{.kind = kind,
                          .header = std::span{answer.header}.first(answer.header_bytes),
                          .payload = payload.bytes,
                          .memory = payload.handle,
                          .flags = by_rendezvous ? UCP_AM_SEND_FLAG_RNDV : UCP_AM_SEND_FLAG_EAGER};
    const ucs_status_t status =
        send(worker_, peer.endpoint.handle(), message, on_answered, &answer);
    if (status == UCS_INPROGRESS) return;
    if (status != UCS_OK) peer.endpoint.fail(status);
    give_back(answer);
}

void Source::on_answered(void* request, ucs_status_t status, void* answer_data) {
    auto& answer = *static_cast<Answer*>(answer_data);
    Source& self = *answer.owner;
    self.worker_.ucx().ucp_request_free(request);
    if (status != UCS_OK) answer.peer->endpoint.fail(status);
    self.give_back(answer);
}

void Source::give_back(Answer& answer) {
    if (--answer.peer->answers == 0) has_news_ = true;
    answer.peer = nullptr;
    free_answers_.push_back(&answer);
}

void Source::settle() {
    for (auto entry = peers_.begin(); entry != peers_.end();) {
        if (entry->second->endpoint.failure() == UCS_OK) {
            ++entry;
            continue;
        }
        // Out of the map first: UCX may give the handle to another connection.
        closing_.push_back(std::move(entry->second));
        entry = peers_.erase(entry);
        closing_.back()->endpoint.close();
    }
    std::erase_if(closing_, [](const auto& peer) {
        return peer->endpoint.is_closed() && peer->answers == 0;
    });
}

void Source::stop() {
    listener_.reset();
    for (auto& [handle, peer] : peers_) peer->endpoint.fail(UCS_ERR_CANCELED);
    settle();
}

}  // namespace godwit::transport_ucx
