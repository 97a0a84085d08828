// For tests: one who speaks UCX and our wire, but does as it likes.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <vector>

#include "endpoint.h"
#include "library.h"
#include "nic.h"
#include "settings.h"
#include "worker.h"

namespace godwit::transport_ucx {

inline const Library& library() {
    static const Library& loaded = **load_library();
    return loaded;
}

inline Nic loopback() {
    return *pick_nic({"lo", "127.0.0.1"}, true, false, *take_inventory());
}

class SilentLogger final : public sdk::Logger {
public:
    bool enabled(sdk::LogLevel) const noexcept override { return false; }
    void log(sdk::LogLevel, std::string_view, Fields) noexcept override {}
};

// Keeps what it is sent. Belongs to the test's thread.
class Rogue {
public:
    struct Received {
        MessageKind kind;
        std::vector<std::byte> header;
        std::size_t bytes;
    };

    Rogue() : worker_{std::move(*Worker::open(library(), settings_, loopback(), logger_))} {
        listen_for(MessageKind::Hello);
        listen_for(MessageKind::HelloAnswer);
        listen_for(MessageKind::Get);
        listen_for(MessageKind::Data);
        listen_for(MessageKind::Refusal);
    }
    ~Rogue() {
        listener_.reset();
        endpoint_.close();
        for (int i = 0; i < 100; ++i) worker_.progress();
        worker_.close();
    }

    // As a destination.
    void connect(const RailAddress& rail) {
        ASSERT_EQ(endpoint_.connect(rail.listener, loopback().address), UCS_OK);
    }

    // As a source. Whoever connects is accepted, and is who tell() talks to.
    RailAddress listen() {
        ucp_listener_params_t parameters{};
        parameters.field_mask =
            UCP_LISTENER_PARAM_FIELD_SOCK_ADDR | UCP_LISTENER_PARAM_FIELD_CONN_HANDLER;
        const SocketAddress local = loopback().address;
        parameters.sockaddr = {local.data(), local.size()};
        parameters.conn_handler.cb = [](ucp_conn_request_h request, void* self) {
            EXPECT_EQ(static_cast<Rogue*>(self)->endpoint_.accept(request), UCS_OK);
        };
        parameters.conn_handler.arg = this;
        ucp_listener_h listener = nullptr;
        EXPECT_EQ(library().ucp_listener_create(worker_.handle(), &parameters, &listener), UCS_OK);
        listener_ = ListenerPtr{listener, {&library()}};
        ucp_listener_attr_t attributes{};
        attributes.field_mask = UCP_LISTENER_ATTR_FIELD_SOCKADDR;
        EXPECT_EQ(library().ucp_listener_query(listener, &attributes), UCS_OK);
        return {kInstance,
                *SocketAddress::from(reinterpret_cast<const sockaddr*>(&attributes.sockaddr))};
    }

    // `header` and `payload` are kept for as long as UCX may need them.
    void tell(MessageKind kind, sdk::ByteView header, std::vector<std::byte> payload = {},
              unsigned flags = UCP_AM_SEND_FLAG_EAGER | UCP_AM_SEND_FLAG_REPLY) {
        kept_.push_back({{header.begin(), header.end()}, std::move(payload)});
        const Message message{.kind = kind,
                              .header = kept_.back().header,
                              .payload = kept_.back().payload,
                              .flags = flags};
        const auto ended = [](void* request, ucs_status_t, void*) {
            library().ucp_request_free(request);
        };
        if (endpoint_.handle() != nullptr) {
            send(worker_, endpoint_.handle(), message, ended, nullptr);
        }
    }

    void progress() { worker_.progress(); }
    bool has_lost_connection() const { return endpoint_.failure() != UCS_OK; }
    // Null: not yet.
    const Received* received(MessageKind kind) const {
        for (const Received& message : received_) {
            if (message.kind == kind) return &message;
        }
        return nullptr;
    }
    void forget() { received_.clear(); }

    static constexpr Instance kInstance = 4711;

private:
    struct Kept {
        std::vector<std::byte> header;
        std::vector<std::byte> payload;
    };

    template <MessageKind kind>
    static ucs_status_t keep(void* self, const void* header, std::size_t header_bytes, void*,
                             std::size_t bytes, const ucp_am_recv_param_t*) {
        const auto* first = static_cast<const std::byte*>(header);
        static_cast<Rogue*>(self)->received_.push_back(
            {kind, {first, first + header_bytes}, bytes});
        return UCS_OK;
    }
    void listen_for(MessageKind kind) {
        ucp_am_recv_callback_t callback = nullptr;
        switch (kind) {
        case MessageKind::Hello: callback = keep<MessageKind::Hello>; break;
        case MessageKind::HelloAnswer: callback = keep<MessageKind::HelloAnswer>; break;
        case MessageKind::Get: callback = keep<MessageKind::Get>; break;
        case MessageKind::Data: callback = keep<MessageKind::Data>; break;
        case MessageKind::Refusal: callback = keep<MessageKind::Refusal>; break;
        }
        EXPECT_TRUE(worker_.on_message(kind, callback, this));
    }

    SilentLogger logger_;
    Settings settings_ = *read_settings({});
    Worker worker_;
    bool has_news_ = false;
    Endpoint endpoint_{worker_, has_news_};
    ListenerPtr listener_;
    std::deque<Kept> kept_;
    std::vector<Received> received_;
};

}  // namespace godwit::transport_ucx
