// One request on its way from the gate to its answer.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "http/gate.h"
#include "http/message.h"
#include "http/router.h"

namespace godwit::http {

// How many bytes of bodies the server holds, all requests together: what one of them adds is taken
// off with it. The total is thread-safe, a share is thread-compatible.
class HeldBytes {
public:
    explicit HeldBytes(std::atomic<std::size_t>& total) noexcept : total_{total} {}
    HeldBytes(const HeldBytes&) = delete;
    HeldBytes& operator=(const HeldBytes&) = delete;
    ~HeldBytes() { total_ -= mine_; }

    void add(std::size_t bytes) noexcept {
        total_ += bytes;
        mine_ += bytes;
    }

private:
    std::atomic<std::size_t>& total_;
    std::size_t mine_ = 0;
};

// Belongs to its connection, and to the worker while its handler runs. Thread-compatible.
struct Exchange {
    explicit Exchange(std::atomic<std::size_t>& held_total) noexcept : held{held_total} {}

    Request request;
    const Route* route = nullptr;  // Null: refused before one was found.
    std::uint64_t body_bytes = 0;  // As announced.
    bool head_only = false;
    bool http_1_0 = false;
    bool keep_alive = true;
    bool expects_continue = false;
    std::uint64_t wakes_seen = 0;  // Of the server, when its handler began to run the last time.
    HeldBytes held;
};

// What is sent back.
struct PrintedAnswer {
    std::string bytes;
    int status = 200;
    bool close = false;  // Behind it.
};

// `close`: whatever the client wants. Nothing in `response` can break out of its header line.
PrintedAnswer print_answer(const Response& response, const Exchange& exchange, bool close);

// Route, role and length, in this order: whatever can be said without the body. Fills `exchange`
// in from `head`, and gives the answer when that is the end of it.
std::optional<Response> admit(Head head, const Router& router, const AccessList& access,
                              Exchange& exchange);

}  // namespace godwit::http
