#include "connection.h"

#include <algorithm>

namespace godwit::transport_libfabric {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kFirstProbeDelay{1};
constexpr milliseconds kLongestProbeDelay{16};
// A peer that is up is suspected at most so often: its queue may wake for reasons of its own.
constexpr seconds kSuspicionDelay{1};

}  // namespace

Connection::Post Connection::read(std::byte* target, std::size_t length, void* descriptor,
                                  std::uint64_t address, std::uint64_t key, void* context) {
    const auto rc =
        fi_read(endpoint().get(), target, length, descriptor, address_, address, key, context);
    if (rc == 0) {
        ++in_flight_;
        return Post::Posted;
    }
    if (rc != -FI_EAGAIN) {
        last_error_ = static_cast<int>(-rc);
        return Post::Lost;
    }
    // With nothing in flight no queue can be full: rxm has lost the connection that was there, and
    // is opening another, perhaps to what was restarted at the same address.
    if (state_ == State::Up && in_flight_ == 0 && provider_.reconnects_silently) {
        last_error_ = FI_ECONNRESET;
        return Post::Lost;
    }
    return Post::Again;
}

Connection::Post Connection::post(Operation& operation, const RemoteMemory& window,
                                  std::uint64_t offset, std::byte* target, void* descriptor) {
    return read(target, operation.length, descriptor, window.address + offset, window.key,
                &operation.context);
}

Connection::Post Connection::try_probe(Instant now, std::byte* target, void* descriptor) {
    if (probe_is_in_flight_ || now < probe_after_) return Post::Again;
    probe_delay_ = std::clamp<Instant>(2 * probe_delay_, kFirstProbeDelay, kLongestProbeDelay);
    probe_after_ = now + (state_ == State::Up ? Instant{kSuspicionDelay} : probe_delay_);
    const Post post = read(target, static_cast<std::size_t>(probe_window_.length), descriptor,
                           probe_window_.address, probe_window_.key, &probe_.context);
    probe_is_in_flight_ = post == Post::Posted;
    return post;
}

std::optional<Instant> Connection::next_probe() const noexcept {
    if (state_ != State::Connecting || probe_is_in_flight_) return std::nullopt;
    return probe_after_;
}

void Connection::set_down() {
    state_ = State::Down;
    in_flight_ = 0;
    own_.reset();
}

void Connection::note_probe_done(bool is_up) noexcept {
    probe_is_in_flight_ = false;
    note_done();
    if (is_up) state_ = State::Up;
}

}  // namespace godwit::transport_libfabric
