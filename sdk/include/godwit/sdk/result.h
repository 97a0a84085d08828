// The one vocabulary of failure, spoken by plugins and by Godwit itself.
//
// Nothing throws across a plugin's boundary: what can fail returns a Status or a Result<T>.
// A message reads "what failed: object: cause", in lower case, without a full stop, values quoted;
// each layer on the way up puts its own context in front with wrap().
#pragma once

#include <cassert>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace godwit::sdk {

// What a caller can do about a failure. A cause that no caller treats differently has no code.
enum class Code : std::uint8_t {
    Ok,               // Only in transport events; an Error never carries it.
    InvalidArgument,  // The caller is wrong. Repeating it cannot help.
    NotFound,
    Conflict,        // The state moved on: revision, lease, or an id that is taken.
    Unsupported,     // A capability that was not claimed.
    Unavailable,     // A dependency does not answer. Nothing was changed; repeating is safe.
    UnknownOutcome,  // It may or may not have been applied: repeat the same operation.
    Again,           // Back-pressure: nothing was accepted, try again after progress.
    Cancelled,       // Given up on request of the caller.
    TimedOut,
    PeerLost,  // The other side is gone or was never there.
    BadKey,    // A window key that does not, or no longer, open anything.
    NoMemory,  // Out of memory, of lockable memory, or of another counted resource.
    Internal,  // A bug, or a library that broke its word.
};

constexpr std::string_view to_string(Code code) noexcept {
    switch (code) {
    case Code::Ok: return "ok";
    case Code::InvalidArgument: return "invalid_argument";
    case Code::NotFound: return "not_found";
    case Code::Conflict: return "conflict";
    case Code::Unsupported: return "unsupported";
    case Code::Unavailable: return "unavailable";
    case Code::UnknownOutcome: return "unknown_outcome";
    case Code::Again: return "again";
    case Code::Cancelled: return "cancelled";
    case Code::TimedOut: return "timed_out";
    case Code::PeerLost: return "peer_lost";
    case Code::BadKey: return "bad_key";
    case Code::NoMemory: return "no_memory";
    case Code::Internal: return "internal";
    }
    return "corrupt";
}

struct Error {
    Code code = Code::Internal;
    std::string message;
    std::int32_t native = 0;  // errno, or the library's own number; 0: none
};

// Puts the caller's context in front: wrap(error, "open rail 'ib0'") reads "open rail 'ib0': …".
inline Error wrap(Error error, std::string_view context) {
    error.message.insert(0, std::string{context} + ": ");
    return error;
}

// Success, or an Error. Immutable once made; thread-compatible.
class [[nodiscard]] Status {
public:
    Status() noexcept = default;
    Status(Error error) noexcept : error_{std::move(error)} { assert(error_->code != Code::Ok); }

    bool ok() const noexcept { return !error_.has_value(); }
    explicit operator bool() const noexcept { return ok(); }

    // Only when not ok().
    const Error& error() const& noexcept {
        assert(error_);
        return *error_;
    }
    Error&& error() && noexcept {
        assert(error_);
        return std::move(*error_);
    }

private:
    std::optional<Error> error_;
};

// A value, or the Error that took its place. Thread-compatible.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) noexcept : state_{std::in_place_index<0>, std::move(value)} {}
    Result(Error error) noexcept : state_{std::in_place_index<1>, std::move(error)} {
        assert(std::get<1>(state_).code != Code::Ok);
    }

    bool ok() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }

    // Only when ok().
    T& operator*() & noexcept { return *value(); }
    const T& operator*() const& noexcept { return *value(); }
    // By value, so that `for (… : *make_list())` outlives the temporary.
    T operator*() && noexcept { return std::move(*value()); }
    T* operator->() noexcept { return value(); }
    const T* operator->() const noexcept { return value(); }

    // Only when not ok().
    const Error& error() const& noexcept {
        assert(!ok());
        return *std::get_if<1>(&state_);
    }
    Error&& error() && noexcept {
        assert(!ok());
        return std::move(*std::get_if<1>(&state_));
    }

    // The value is dropped; what is left says whether it worked.
    Status status() const& {
        if (ok()) return {};
        return error();
    }

private:
    T* value() noexcept {
        assert(ok());
        return std::get_if<0>(&state_);
    }
    const T* value() const noexcept {
        assert(ok());
        return std::get_if<0>(&state_);
    }

    std::variant<T, Error> state_;
};

// Runs `body` and turns what it throws into an Error, here, where the thrown types are known.
// For plugins whose library throws: `return guard("connect", [&] { … });`
template <class Body>
auto guard(std::string_view what, Body&& body) noexcept -> decltype(body()) {
    try {
        return std::forward<Body>(body)();
    } catch (const std::exception& thrown) {
        return Error{Code::Internal, std::string{what} + ": " + thrown.what()};
    } catch (...) {
        return Error{Code::Internal, std::string{what} + ": unknown exception"};
    }
}

}  // namespace godwit::sdk
