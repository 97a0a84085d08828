#include "http/connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "http/problem.h"

namespace godwit::http {
namespace {

constexpr base::Millis kLinger{1'000};
constexpr int kStepsPerTurn = 64;
// What is read of a body that nobody wants, so that the connection can go on. Beyond: close.
constexpr std::uint64_t kDiscardBytesMax = 64 << 10;
constexpr std::size_t kAheadBytesKept = 4 << 10;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

Connection::Connection(std::uint64_t id, base::UniqueFd socket, std::string client, Shared& shared)
    : id_{id},
      socket_{std::move(socket)},
      client_{std::move(client)},
      shared_{shared},
      deadline_{shared.now + shared.settings.header_timeout} {}

Connection::~Connection() = default;

void Connection::change(State state, base::Deadline deadline) noexcept {
    state_ = state;
    deadline_ = deadline;
}

void Connection::close() noexcept {
    socket_.reset();
    exchange_.reset();
    change(State::Closed, base::Deadline::max());
}

void Connection::on_events(std::uint32_t events) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) return close();
    if ((events & EPOLLRDHUP) != 0) client_done_ = true;
    if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) readable_ = true;
    if ((events & EPOLLOUT) != 0) writable_ = true;
    // Whoever has hung up waits for nothing any more.
    if (state_ == State::Parked && client_done_) return close();
    advance();
}

void Connection::advance() {
    wants_turn_ = false;
    for (int steps = 0; steps < kStepsPerTurn; ++steps) {
        if (step() == Step::Waits) return;
    }
    wants_turn_ = true;
}

Connection::Step Connection::step() {
    switch (state_) {
    case State::Head: return read_head();
    case State::Body: return read_body();
    case State::Answering: return write_answer();
    case State::Discarding: return discard_body();
    case State::Lingering: return linger();
    case State::Busy:
    case State::Parked:
    case State::Closed: return Step::Waits;
    }
    return Step::Waits;
}

std::string_view Connection::receive(std::size_t limit) {
    if (!readable_) return {};
    limit = std::min(limit, shared_.scratch.size());
    for (;;) {
        const ssize_t count = ::recv(socket_.get(), shared_.scratch.data(), limit, 0);
        if (count > 0) {
            const auto bytes = static_cast<std::size_t>(count);
            // Less than asked for: there was no more. An end that is known of is still to be read.
            if (bytes < limit && !client_done_) readable_ = false;
            return {shared_.scratch.data(), bytes};
        }
        if (count < 0 && errno == EINTR) continue;
        readable_ = false;
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {};
        close();
        return {};
    }
}

std::string_view Connection::take_ahead(std::size_t limit) {
    const std::string_view taken = std::string_view{ahead_}.substr(ahead_at_, limit);
    ahead_at_ += taken.size();
    return taken;
}

void Connection::await_head(base::Millis patience) {
    scan_.restart();
    skipped_blank_line_ = false;
    if (ahead_at_ * 2 >= ahead_.size()) {  // Each byte is moved once at the most, on average.
        ahead_.erase(0, ahead_at_);
        ahead_at_ = 0;
    }
    if (ahead_.empty() && ahead_.capacity() > kAheadBytesKept) ahead_ = {};
    if (has_ahead()) patience = shared_.settings.header_timeout;
    change(State::Head, shared_.now + patience);
}

Connection::Step Connection::read_head() {
    auto found = scan_.scan(std::string_view{ahead_}.substr(ahead_at_));
    if (auto* refusal = std::get_if<Refusal>(&found)) {
        refuse_framing(*refusal);
        return Step::Done;
    }
    if (const auto* head_bytes = std::get_if<std::size_t>(&found)) {
        begin_request(*head_bytes);
        return Step::Done;
    }
    const bool first_bytes = !has_ahead();
    const std::string_view read = receive(shared_.scratch.size());
    if (read.empty()) return Step::Waits;
    if (first_bytes) deadline_ = shared_.now + shared_.settings.header_timeout;
    ahead_ += read;
    return Step::Done;
}

void Connection::begin_request(std::size_t head_bytes) {
    const std::string_view bytes = take_ahead(head_bytes);
    scan_.restart();
    constexpr std::size_t kBlankLineBytes = 2;
    if (bytes.size() == kBlankLineBytes && !skipped_blank_line_) {
        skipped_blank_line_ = true;  // Some clients send one behind a body (RFC 9112 §2.2).
        return;
    }
    auto judged = judge(bytes);
    if (const auto* refusal = std::get_if<Refusal>(&judged)) return refuse_framing(*refusal);

    exchange_ = std::make_unique<Exchange>(shared_.body_bytes_held);
    exchange_->request.client = client_;
    exchange_->request.received_at = shared_.now;
    arrival_ = ++shared_.requests;
    Head& head = std::get<Head>(judged);
    const bool lacks_length = head.lacks_length();
    const auto early = admit(std::move(head), shared_.router, shared_.access, *exchange_);
    if (early) {
        // A client that was told to wait may send its body now, or leave it: nobody can tell which.
        const bool unclear = exchange_->expects_continue || (lacks_length && early->status == 411);
        return refuse(*early, unclear || exchange_->body_bytes > kDiscardBytesMax);
    }
    change(State::Body, shared_.now + shared_.settings.body_timeout);
    if (exchange_->expects_continue && !has_ahead()) out_ = kContinue;
}

Connection::Step Connection::read_body() {
    if (out_at_ < out_.size() && write_answer() == Step::Waits) return Step::Waits;
    std::string& body = exchange_->request.body;
    const std::uint64_t missing = exchange_->body_bytes - body.size();
    if (missing == 0) {
        dispatch();
        return Step::Done;
    }
    std::string_view bytes = take_ahead(missing);
    if (bytes.empty()) bytes = receive(std::min<std::uint64_t>(missing, shared_.scratch.size()));
    if (bytes.empty()) return Step::Waits;
    exchange_->held.add(bytes.size());
    if (shared_.body_bytes_held > shared_.settings.body_bytes_held_max) {
        refuse(problem(503, "overloaded", "too many large requests at once: try again"), true);
        return Step::Done;
    }
    body += bytes;
    return Step::Done;
}

void Connection::dispatch() {
    Job job{id_, std::move(exchange_), false};
    if (shared_.workers->offer_fresh(job)) return change(State::Busy, base::Deadline::max());
    exchange_ = std::move(job.exchange);
    refuse(problem(503, "overloaded", "too many requests at once: try again"), false);
}

void Connection::rerun(bool last) {
    change(State::Busy, base::Deadline::max());
    if (shared_.draining) exchange_->keep_alive = false;
    shared_.workers->add_woken({id_, std::move(exchange_), last});
}

void Connection::on_completion(Completion completion) {
    if (auto* answer = std::get_if<PrintedAnswer>(&completion.outcome)) {
        note_answer(*completion.exchange, answer->status);
        send(std::move(*answer));
        return advance();
    }
    if (client_done_) return close();
    const base::Deadline until = std::get<Park>(completion.outcome).until;
    exchange_ = std::move(completion.exchange);
    const bool last = shared_.draining || until <= shared_.now;
    if (last || exchange_->wakes_seen != shared_.wakes.load()) return rerun(last);
    change(State::Parked, until);
}

void Connection::refuse_framing(const Refusal& refusal) {
    exchange_ = std::make_unique<Exchange>(shared_.body_bytes_held);
    exchange_->request.received_at = shared_.now;
    refuse(problem(refusal.status, refusal.code, refusal.detail), true);
}

void Connection::refuse(const Response& response, bool close) {
    discard_bytes_ = exchange_->body_bytes - exchange_->request.body.size();
    note_answer(*exchange_, response.status);
    send(print_answer(response, *exchange_, close || shared_.draining));
    exchange_.reset();
}

void Connection::turn_away() {
    exchange_ = std::make_unique<Exchange>(shared_.body_bytes_held);
    shared_.tally.turned_away();
    send(print_answer(problem(503, "overloaded", "too many connections: try again"), *exchange_,
                      true));
    exchange_.reset();
    advance();
}

void Connection::send(PrintedAnswer answer) {
    out_ = std::move(answer.bytes);
    out_at_ = 0;
    close_behind_ = answer.close || shared_.draining;
    change(State::Answering, shared_.now + shared_.settings.write_timeout);
}

Connection::Step Connection::write_answer() {
    while (out_at_ < out_.size()) {
        if (!writable_) return Step::Waits;
        const ssize_t count =
            ::send(socket_.get(), out_.data() + out_at_, out_.size() - out_at_, MSG_NOSIGNAL);
        if (count >= 0) {
            out_at_ += static_cast<std::size_t>(count);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            writable_ = false;
        } else if (errno != EINTR) {
            close();
            return Step::Waits;
        }
    }
    out_.clear();
    out_at_ = 0;
    if (state_ == State::Answering) finish_answer();
    return Step::Done;
}

void Connection::finish_answer() {
    out_ = {};  // An idle client holds no memory.
    if (close_behind_ && shared_.draining) return close();
    if (close_behind_) {
        // A close with unread bytes would reset the connection, and take the answer with it.
        ::shutdown(socket_.get(), SHUT_WR);
        ahead_ = {};
        ahead_at_ = 0;
        return change(State::Lingering, shared_.now + kLinger);
    }
    if (discard_bytes_ > 0) {
        return change(State::Discarding, shared_.now + shared_.settings.body_timeout);
    }
    await_head(shared_.settings.keep_alive_timeout);
}

Connection::Step Connection::discard_body() {
    if (discard_bytes_ == 0) {
        await_head(shared_.settings.keep_alive_timeout);
        return Step::Done;
    }
    std::string_view bytes = take_ahead(discard_bytes_);
    if (bytes.empty()) {
        bytes = receive(std::min<std::uint64_t>(discard_bytes_, shared_.scratch.size()));
    }
    if (bytes.empty()) return Step::Waits;
    discard_bytes_ -= bytes.size();
    return Step::Done;
}

Connection::Step Connection::linger() {
    return receive(shared_.scratch.size()).empty() ? Step::Waits : Step::Done;
}

void Connection::on_deadline() {
    deadline_ = base::Deadline::max();
    switch (state_) {
    case State::Parked: return rerun(true);
    case State::Head:
        if (!has_ahead()) return close();  // Idle: nothing is lost.
        refuse_framing({408, "timeout", "the request's head did not come in time"});
        return advance();
    case State::Body:
        if (out_at_ > 0) return close();  // In the middle of a 100.
        refuse(problem(408, "timeout", "the request's body did not come in time"), true);
        return advance();
    case State::Answering:
    case State::Discarding:
    case State::Lingering: return close();
    case State::Busy:
    case State::Closed: return;
    }
}

void Connection::drain() {
    switch (state_) {
    case State::Parked: return rerun(true);
    case State::Head:
    case State::Body:
    case State::Discarding:
    case State::Lingering: return close();
    case State::Answering: close_behind_ = true; return;
    case State::Busy:
    case State::Closed: return;
    }
}

void Connection::note_answer(const Exchange& exchange, int status) {
    const auto took = shared_.now - exchange.request.received_at;
    shared_.tally.answered(exchange, status, std::chrono::duration<double>(took).count());
    if (!shared_.log.enabled(base::LogLevel::Debug)) return;
    using std::chrono::duration_cast;
    shared_.log.debug("answered", {{"method", exchange.request.method},
                                   {"path", exchange.request.path},
                                   {"status", status},
                                   {"took_ms", duration_cast<base::Millis>(took).count()},
                                   {"client", client_},
                                   {"trace", exchange.request.trace_id}});
}

}  // namespace godwit::http
