// A rail, its memory and its peers, as an owner thread uses them; and the watch over the contract.
#pragma once

#include <poll.h>
#include <sched.h>

#include <cerrno>
#include <deque>
#include <functional>
#include <map>

#include "godwit/conformance/transport/setup.h"

namespace godwit::conformance {

// Every event that passes through is held against the contract: one GetDone for each accepted get,
// PeerUp at most once and before them, PeerDown exactly once and after them.
// Sleeps strictly: after arm() said so it polls again only when wait_fd is readable, so a lost
// wake-up anywhere ends a case by its patience. Owned by one thread, as the rail is.
class RailDriver {
public:
    struct Get {
        sdk::PeerCookie peer = 0;
        std::size_t length = 0;
        bool done = false;
        sdk::Code code = sdk::Code::Ok;
        std::string text;
    };
    struct Posted {
        sdk::Code refused = sdk::Code::Ok;
        sdk::Cookie cookie = 0;  // Only when not refused.
    };
    struct PeerState {
        sdk::Peer* handle = nullptr;
        bool up = false;
        bool down = false;
        sdk::Code down_code = sdk::Code::Ok;
        std::size_t in_flight = 0;
    };

    // Null, with a failed expectation, when the rail cannot be opened.
    static std::unique_ptr<RailDriver> open(sdk::Transport& transport,
                                            const TransportSetup& setup) {
        auto rail = transport.open_rail(setup.rail);
        if (!rail) {
            ADD_FAILURE() << rail.error().message;
            return nullptr;
        }
        return std::unique_ptr<RailDriver>{new RailDriver{std::move(*rail), setup.patience}};
    }

    sdk::Rail& rail() noexcept { return *rail_; }
    const sdk::RailInfo& info() const noexcept { return info_; }
    std::chrono::milliseconds patience() const noexcept { return patience_; }
    std::size_t sleeps() const noexcept { return sleeps_; }
    std::vector<std::byte> address() const {
        const sdk::ByteView view = rail_->address();
        return {view.begin(), view.end()};
    }

    struct Registered {
        const GuardedMemory* memory = nullptr;
        sdk::Region* region = nullptr;
    };
    // The memory lives as long as the driver, which destroys the rail first.
    Registered add_memory(std::size_t bytes) {
        const GuardedMemory& memory = memory_.emplace_back(bytes);
        sdk::Region* region = nullptr;
        const sdk::Status status = rail_->register_memory(memory.bytes(), region);
        EXPECT_TRUE(status) << status.error().message;
        return {&memory, region};
    }

    sdk::WindowKey export_window(sdk::Region* region, std::size_t offset, std::size_t length,
                                 sdk::Epoch epoch) {
        sdk::WindowKey key;
        const sdk::Status status = rail_->export_window(region, offset, length, epoch, key);
        EXPECT_TRUE(status) << status.error().message;
        EXPECT_GT(key.size, 0);
        EXPECT_LE(key.size, key.bytes.size());
        return key;
    }

    // Starts to connect; zero, which is no cookie, when the rail refused the address.
    sdk::PeerCookie start_connect(sdk::ByteView address) {
        const sdk::PeerCookie cookie = ++last_peer_;
        sdk::Peer* handle = nullptr;
        const sdk::Status status = rail_->connect(address, cookie, handle);
        if (!status) {
            EXPECT_EQ(status.error().code, sdk::Code::InvalidArgument) << status.error().message;
            return 0;
        }
        EXPECT_NE(handle, nullptr);
        peers_[cookie].handle = handle;
        return cookie;
    }

    // Connects and waits; zero, with a failed expectation, when that does not come about.
    sdk::PeerCookie connect(sdk::ByteView address) {
        const sdk::PeerCookie cookie = start_connect(address);
        if (cookie == 0) {
            ADD_FAILURE() << "the rail refuses an address of its own transport";
            return 0;
        }
        const PeerState& state = peers_[cookie];
        EXPECT_TRUE(poll_until([&] { return state.up || state.down; })) << "neither up nor down";
        EXPECT_TRUE(state.up) << "the peer is down: " << to_string(state.down_code);
        return state.up && !state.down ? cookie : 0;
    }

    const PeerState& peer(sdk::PeerCookie cookie) { return peers_[cookie]; }
    const Get& get(sdk::Cookie cookie) { return gets_[cookie]; }

    void abort(sdk::PeerCookie cookie) {
        if (!peers_[cookie].down) rail_->abort_peer(peers_[cookie].handle);
    }

    // One call to the rail.
    Posted try_get(sdk::PeerCookie peer, const sdk::WindowKey& key, std::uint64_t remote_offset,
                   sdk::Region* region, std::size_t local_offset, std::size_t length) {
        PeerState& state = peers_[peer];
        if (state.handle == nullptr) return {sdk::Code::PeerLost, 0};
        const sdk::Cookie cookie = ++last_get_;
        const sdk::Status status =
            rail_->get(state.handle, key, remote_offset, region, local_offset, length, cookie);
        if (!status) return {status.error().code, 0};
        ++state.in_flight;
        gets_[cookie].peer = peer;
        gets_[cookie].length = length;
        return {sdk::Code::Ok, cookie};
    }

    // Polls for as long as the rail says Again.
    Posted post(sdk::PeerCookie peer, const sdk::WindowKey& key, std::uint64_t remote_offset,
                sdk::Region* region, std::size_t local_offset, std::size_t length) {
        Posted posted{sdk::Code::Again, 0};
        const auto accepted = [&] {
            posted = try_get(peer, key, remote_offset, region, local_offset, length);
            return posted.refused != sdk::Code::Again;
        };
        if (!accepted()) {
            EXPECT_TRUE(poll_until(accepted)) << "get() says Again for ever";
        }
        return posted;
    }

    // Posts one get and waits for its end: Ok, why it was refused, or how it failed.
    sdk::Code fetch(sdk::PeerCookie peer, const sdk::WindowKey& key, std::uint64_t remote_offset,
                    sdk::Region* region, std::size_t local_offset, std::size_t length) {
        const Posted posted = post(peer, key, remote_offset, region, local_offset, length);
        if (posted.refused != sdk::Code::Ok) return posted.refused;
        const Get& get = gets_[posted.cookie];
        if (!poll_until([&] { return get.done; })) {
            ADD_FAILURE() << "a get of " << length << " bytes never ends";
            return sdk::Code::TimedOut;
        }
        return get.code;
    }

    // The same for any length, in pieces that the rail takes, as many at a time as it takes.
    sdk::Code fetch_all(sdk::PeerCookie peer, const sdk::WindowKey& key,
                        std::uint64_t remote_offset, sdk::Region* region, std::size_t local_offset,
                        std::size_t length) {
        std::vector<sdk::Cookie> cookies;
        for (std::size_t done = 0; done < length;) {
            const std::size_t step = std::min(info_.get_bytes_max, length - done);
            const Posted posted =
                post(peer, key, remote_offset + done, region, local_offset + done, step);
            if (posted.refused != sdk::Code::Ok) return posted.refused;
            cookies.push_back(posted.cookie);
            done += step;
        }
        if (!wait_for(cookies)) return sdk::Code::TimedOut;
        for (const sdk::Cookie cookie : cookies) {
            if (gets_[cookie].code != sdk::Code::Ok) return gets_[cookie].code;
        }
        return sdk::Code::Ok;
    }

    bool wait_for(const std::vector<sdk::Cookie>& cookies) {
        std::size_t ended = 0;
        const auto all_ended = [&] {
            while (ended < cookies.size() && gets_[cookies[ended]].done) ++ended;
            return ended == cookies.size();
        };
        const bool all = poll_until(all_ended);
        EXPECT_TRUE(all) << "get " << ended << " of " << cookies.size() << " never ends";
        return all;
    }

    bool wait_for_down(sdk::PeerCookie cookie) {
        const PeerState& state = peers_[cookie];
        return poll_until([&] { return state.down; });
    }

    // Drives the rail until `done`; false when `patience` ended first.
    bool poll_until(const std::function<bool()>& done,
                    std::optional<std::chrono::milliseconds> patience = {}) {
        const Deadline deadline = std::chrono::steady_clock::now() + patience.value_or(patience_);
        while (!done()) {
            if (poll_once() != 0) continue;
            if (done()) return true;
            if (std::chrono::steady_clock::now() >= deadline) return false;
            sleep(deadline, -1);
        }
        return true;
    }

    std::size_t poll_once() {
        std::array<sdk::Event, 16> events;
        const std::size_t count = rail_->poll(events);
        EXPECT_LE(count, events.size());
        for (std::size_t i = 0; i < std::min(count, events.size()); ++i) note(events[i]);
        return count;
    }

    // Until there is something to poll, or `other_fd` (-1: none) is readable.
    void sleep(Deadline deadline, int other_fd) {
        const int rail_fd = rail_->wait_fd();
        if (rail_fd < 0) {
            ::sched_yield();
            return;
        }
        if (!rail_->arm()) return;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) return;
        std::array<::pollfd, 2> fds{{{rail_fd, POLLIN, 0}, {other_fd, POLLIN, 0}}};
        ++sleeps_;
        const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(left.count()));
        EXPECT_TRUE(ready >= 0 || errno == EINTR) << "poll: errno " << errno;
    }

private:
    RailDriver(std::unique_ptr<sdk::Rail> rail, std::chrono::milliseconds patience)
        : patience_{patience}, rail_{std::move(rail)}, info_{rail_->info()} {}

    void note(const sdk::Event& event) {
        EXPECT_NE(event.text, nullptr);
        switch (event.kind) {
        case sdk::Event::Kind::GetDone: note_get(event); return;
        case sdk::Event::Kind::PeerUp: note_up(event); return;
        case sdk::Event::Kind::PeerDown: note_down(event); return;
        case sdk::Event::Kind::RailDown: ADD_FAILURE() << "RailDown: " << event.text; return;
        }
        ADD_FAILURE() << "an event of no kind";
    }

    void note_get(const sdk::Event& event) {
        const auto found = gets_.find(event.cookie);
        ASSERT_NE(found, gets_.end()) << "GetDone for a get that was never accepted";
        Get& get = found->second;
        EXPECT_FALSE(get.done) << "a second GetDone for one get";
        PeerState& state = peers_[get.peer];
        EXPECT_FALSE(state.down) << "GetDone after PeerDown";
        EXPECT_TRUE(event.code != sdk::Code::Ok || event.bytes == get.length) << event.bytes;
        get.done = true;
        get.code = event.code;
        get.text = event.text;
        --state.in_flight;
    }

    void note_up(const sdk::Event& event) {
        const auto found = peers_.find(event.cookie);
        ASSERT_NE(found, peers_.end()) << "PeerUp for nobody";
        EXPECT_FALSE(found->second.up) << "a second PeerUp";
        EXPECT_FALSE(found->second.down) << "PeerUp after PeerDown";
        found->second.up = true;
    }

    void note_down(const sdk::Event& event) {
        const auto found = peers_.find(event.cookie);
        ASSERT_NE(found, peers_.end()) << "PeerDown for nobody";
        PeerState& state = found->second;
        EXPECT_FALSE(state.down) << "a second PeerDown";
        EXPECT_EQ(state.in_flight, 0u) << "PeerDown before the last GetDone";
        EXPECT_NE(event.code, sdk::Code::Ok) << "PeerDown without a reason";
        state.down = true;
        state.down_code = event.code;
        state.handle = nullptr;
    }

    std::chrono::milliseconds patience_;
    std::deque<GuardedMemory> memory_;  // Outlives the rail.
    std::map<sdk::PeerCookie, PeerState> peers_;
    std::map<sdk::Cookie, Get> gets_;
    std::unique_ptr<sdk::Rail> rail_;
    sdk::RailInfo info_;
    sdk::PeerCookie last_peer_ = 0;
    sdk::Cookie last_get_ = 0;
    std::size_t sleeps_ = 0;
};

}  // namespace godwit::conformance
