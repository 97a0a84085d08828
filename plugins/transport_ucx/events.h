// Events that wait to be polled.
#pragma once

#include <cstddef>
#include <deque>
#include <span>

#include "godwit/sdk/transport.h"

namespace godwit::transport_ucx {

// Bounded by what it tells of: one for each get in flight, two for each peer. Belongs to the rail's
// thread.
class Events {
public:
    struct Entry {
        sdk::Event event;
        const sdk::Peer* gone = nullptr;  // The peer that dies with this event.
    };

    void get_done(sdk::Cookie cookie, std::size_t bytes) {
        sdk::Event event;
        event.cookie = cookie;
        event.bytes = bytes;
        entries_.push_back({event});
    }
    void get_failed(sdk::Cookie cookie, sdk::Code code, std::int32_t native, const char* text) {
        entries_.push_back({{sdk::Event::Kind::GetDone, code, native, text, cookie, 0}});
    }
    void peer_up(sdk::PeerCookie cookie) {
        sdk::Event event;
        event.kind = sdk::Event::Kind::PeerUp;
        event.cookie = cookie;
        entries_.push_back({event});
    }
    void peer_down(sdk::PeerCookie cookie, sdk::Code code, std::int32_t native, const char* text,
                   const sdk::Peer* gone) {
        entries_.push_back({{sdk::Event::Kind::PeerDown, code, native, text, cookie, 0}, gone});
    }

    bool empty() const noexcept { return entries_.empty(); }
    Entry take() {
        const Entry first = entries_.front();
        entries_.pop_front();
        return first;
    }

private:
    std::deque<Entry> entries_;
};

}  // namespace godwit::transport_ucx
