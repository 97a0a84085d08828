// Drives one rail: its owner thread, its links to peers' rails, deadlines, back-pressure.
//
// A transport plugin only moves bytes; what all transports need is here, once: a get that makes no
// progress ends at its deadline, a peer that does not answer is given up, what the fabric does not
// accept now waits its turn, and an idle rail sleeps.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"
#include "godwit/sdk/transport.h"

namespace godwit::transfer {

using LinkId = std::uint64_t;

inline constexpr base::Millis kConnectDeadline{10'000};
// A get may take this long, or four times what the link's recent rate promises, whichever is more.
inline constexpr base::Millis kGetDeadlineFloor{5'000};

struct GetJob {
    LinkId link = 0;
    std::uint64_t remote_offset = 0;
    std::size_t local_offset = 0;  // In the receive memory.
    std::size_t length = 0;
    // Called once, on the driver's thread: hand over and return. Ok: the bytes are there. After any
    // call the fabric does not touch the memory any more.
    std::function<void(Status)> done;
};

// Thread-safe.
class RailDriver {
public:
    // Registers both memories, which must outlive the driver, and starts its thread.
    static Result<std::unique_ptr<RailDriver>> start(std::unique_ptr<sdk::Rail> rail,
                                                     std::string wire, std::span<std::byte> send,
                                                     std::span<std::byte> receive);
    ~RailDriver();  // Gets under way end with Cancelled; no callback after it has returned.

    const sdk::RailInfo& info() const noexcept { return info_; }
    const std::string& wire() const noexcept { return wire_; }
    const std::string& address() const noexcept { return address_; }
    bool is_down() const noexcept { return down_.load(std::memory_order_relaxed); }

    // As the source: lets a peer get from the send memory until the window is closed. Blocks for a
    // round through the driver's thread.
    Result<sdk::WindowKey> open_window(sdk::Epoch epoch);
    void close_window(sdk::Epoch epoch);

    // As the destination: a link to a peer's rail. Gets may be posted at once; they wait for it.
    // `on_down` is called on the driver's thread, once, when it is lost or was never reached; not
    // after disconnect().
    LinkId connect(std::string address, const sdk::WindowKey& window,
                   std::function<void(Error)> on_down);
    void disconnect(LinkId link);
    void get(GetJob job);

private:
    struct Link;
    struct InFlight;
    using Command = std::function<void()>;  // Runs on the driver's thread.

    RailDriver(std::unique_ptr<sdk::Rail> rail, std::string wire);

    void post(Command command);
    void run(std::stop_token stop);
    bool run_commands();
    bool poll_events();
    void handle(const sdk::Event& event);
    void finish_get(const sdk::Event& event);
    void lose_link(std::uint64_t id, Error why);
    void pump(Link& link);
    void check_deadlines(base::Deadline now);
    void give_up(Link& link, Error why);
    void sleep(bool idle_long);
    base::Millis get_budget(const Link& link, std::size_t length) const noexcept;

    // Owned by the driver's thread once it runs.
    std::unique_ptr<sdk::Rail> rail_;
    sdk::Region* send_region_ = nullptr;
    sdk::Region* receive_region_ = nullptr;
    std::unordered_map<LinkId, std::unique_ptr<Link>> links_;
    std::unordered_map<sdk::Cookie, InFlight> in_flight_;
    sdk::Cookie next_cookie_ = 1;
    std::size_t send_bytes_ = 0;
    std::chrono::microseconds idle_nap_{0};

    const std::string wire_;
    sdk::RailInfo info_;
    std::string address_;
    std::atomic<bool> down_{false};
    std::atomic<LinkId> next_link_{1};

    base::UniqueFd wake_fd_;
    std::mutex mutex_;
    std::vector<Command> commands_;  // guarded by mutex_
    std::jthread thread_;            // Last: the rest is there when it starts, and until it ends.
};

}  // namespace godwit::transfer
