// One client: bytes in, requests out, answers back, one after the other.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/time.h"
#include "base/unique_fd.h"
#include "http/exchange.h"
#include "http/server.h"
#include "http/tally.h"
#include "http/workers.h"

namespace godwit::http {

// What the connections of a server share. Belongs to the loop's thread, but for what is atomic.
struct Shared {
    const ServerSettings& settings;
    const Router& router;
    const AccessList& access;
    Tally& tally;
    Workers* workers = nullptr;
    base::Deadline now{};   // Read once per turn of the loop.
    bool draining = false;  // Every answer is the last one of its connection.
    std::uint64_t requests = 0;
    std::atomic<std::uint64_t> wakes{0};
    std::atomic<std::size_t> body_bytes_held{0};
    std::array<char, 64 << 10> scratch{};  // What is read goes here first: idle clients hold none.
    const base::Log log{"http"};
};

// Belongs to the loop's thread, and never blocks it.
//
//     Head --> Body --> Busy <--> Parked        A refusal goes from Head or Body to Answering at
//      ^                 |                      once. Discarding reads what is left of a body that
//      |                 v                      nobody wanted; Lingering waits for the client to
//      +- Discarding <- Answering -> Lingering  have read its last answer, before the close.
class Connection {
public:
    enum class State : std::uint8_t {
        Head,
        Body,
        Busy,
        Parked,
        Answering,
        Discarding,
        Lingering,
        Closed
    };

    Connection(std::uint64_t id, base::UniqueFd socket, std::string client, Shared& shared);
    ~Connection();

    // What epoll has said, and what follows from it.
    void on_events(std::uint32_t events);
    // Goes on as far as it can without waiting, but not for ever: see wants_turn().
    void advance();
    void on_deadline();
    // From the worker that had its request.
    void on_completion(Completion completion);
    // Hands the parked request to the workers again.
    void rerun(bool last);
    // One client too many: says so, and is done.
    void turn_away();
    // The server stops: only what a handler works at is still answered.
    void drain();

    int fd() const noexcept { return socket_.get(); }
    State state() const noexcept { return state_; }
    base::Deadline deadline() const noexcept { return deadline_; }
    // It has more to do without waiting for anything; others come first.
    bool wants_turn() const noexcept { return wants_turn_; }
    // Counts requests of the server in the order of their arrival; that of the current one.
    std::uint64_t arrival() const noexcept { return arrival_; }

private:
    enum class Step : std::uint8_t { Done, Waits };
    Step step();
    Step read_head();
    Step read_body();
    Step discard_body();
    Step linger();
    Step write_answer();

    // Reads what there is, at most `limit` bytes, into the shared scratch.
    std::string_view receive(std::size_t limit);
    // Gives out what was read ahead, at most `limit` bytes.
    std::string_view take_ahead(std::size_t limit);
    bool has_ahead() const noexcept { return ahead_at_ < ahead_.size(); }
    void begin_request(std::size_t head_bytes);
    void dispatch();
    void await_head(base::Millis patience);
    void refuse(const Response& response, bool close);
    void refuse_framing(const Refusal& refusal);
    void send(PrintedAnswer answer);
    void finish_answer();
    void note_answer(const Exchange& exchange, int status);
    void close() noexcept;
    void change(State state, base::Deadline deadline) noexcept;

    const std::uint64_t id_;
    base::UniqueFd socket_;
    const std::string client_;
    Shared& shared_;

    State state_ = State::Head;
    base::Deadline deadline_;
    bool readable_ = true;  // Until a read says otherwise.
    bool writable_ = true;
    bool client_done_ = false;  // It sends no more; perhaps it still reads.
    bool wants_turn_ = false;

    std::string ahead_;  // Read, and not yet used.
    std::size_t ahead_at_ = 0;
    HeadScan scan_;
    bool skipped_blank_line_ = false;

    std::unique_ptr<Exchange> exchange_;  // Null while a worker has it.
    std::uint64_t arrival_ = 0;
    std::uint64_t discard_bytes_ = 0;

    std::string out_;
    std::size_t out_at_ = 0;
    bool close_behind_ = false;
};

}  // namespace godwit::http
