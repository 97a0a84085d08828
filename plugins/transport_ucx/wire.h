// What travels between two rails: addresses, window keys and the headers of active messages.
//
//     destination                                source
//        │  connect to the listener                │
//        │── Hello {instance, nonce} ─────────────▶│  is this me?
//        │◀───────────────── HelloAnswer {nonce} ──│  → PeerUp
//        │── Get {slot, nonce, window, range} ────▶│  is this key right, and the range inside?
//        │◀────────── Data {slot, nonce} + bytes ──│  from the window, by rendezvous if long
//        │        or Refusal {slot, nonce} ────────│
//
// Everything is little endian and of one exact size, so that what is cut or padded is no message.
// All of it is pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "godwit/sdk/transport.h"
#include "socket_address.h"

namespace godwit::transport_ucx {

// Raised with every change of what is below.
inline constexpr std::uint8_t kWireVersion = 1;

// The ids of the active messages.
enum class MessageKind : unsigned { Hello = 1, HelloAnswer = 2, Get = 3, Data = 4, Refusal = 5 };

// Tells a process from the one that had its address before.
using Instance = std::uint64_t;

struct RailAddress {
    Instance instance = 0;
    SocketAddress listener;
};

// 128 random bits: who has them may read the window.
using Secret = std::array<std::byte, 16>;

// Takes the same time wherever the two differ.
bool is_equal(const Secret& a, const Secret& b) noexcept;

struct Key {
    std::uint64_t window = 0;
    sdk::Epoch epoch = 0;
    Secret secret{};
};

struct Hello {
    Instance instance = 0;     // Of the rail that is meant.
    std::uint64_t nonce = 0;   // Comes back in the answer.
    std::uint64_t sender = 0;  // Instance of the rail that greets, for its log only.
};

enum class Greeting : std::uint8_t { Welcome = 0, WrongInstance = 1 };

struct HelloAnswer {
    std::uint64_t nonce = 0;
    Greeting greeting = Greeting::Welcome;
};

// Names a get: the nonce is random, so that nobody but the source that was asked can answer.
struct GetName {
    std::uint32_t slot = 0;
    std::uint64_t nonce = 0;
};

struct Get {
    GetName name;
    Key key;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

struct Data {
    GetName name;
};

// Says not which of key, epoch or range was wrong: that would help whoever guesses.
struct Refusal {
    GetName name;
};

inline constexpr std::size_t kKeyBytes = 8 + 8 + sizeof(Secret);
inline constexpr std::size_t kHelloBytes = 1 + 3 * 8;
inline constexpr std::size_t kHelloAnswerBytes = 1 + 8 + 1;
inline constexpr std::size_t kNameBytes = 4 + 8;
inline constexpr std::size_t kGetBytes = 1 + kNameBytes + kKeyBytes + 2 * 8;
inline constexpr std::size_t kDataBytes = 1 + kNameBytes;
inline constexpr std::size_t kRefusalBytes = 1 + kNameBytes;

std::array<std::byte, kHelloBytes> encode(const Hello& message) noexcept;
std::array<std::byte, kHelloAnswerBytes> encode(const HelloAnswer& message) noexcept;
std::array<std::byte, kGetBytes> encode(const Get& message) noexcept;
std::array<std::byte, kDataBytes> encode(const Data& message) noexcept;
std::array<std::byte, kRefusalBytes> encode(const Refusal& message) noexcept;
std::vector<std::byte> encode(const RailAddress& address);
sdk::WindowKey encode(const Key& key) noexcept;

// Nothing: not such a message, or of another wire version.
std::optional<Hello> decode_hello(sdk::ByteView bytes) noexcept;
std::optional<HelloAnswer> decode_hello_answer(sdk::ByteView bytes) noexcept;
std::optional<Get> decode_get(sdk::ByteView bytes) noexcept;
std::optional<Data> decode_data(sdk::ByteView bytes) noexcept;
std::optional<Refusal> decode_refusal(sdk::ByteView bytes) noexcept;
std::optional<RailAddress> decode_address(sdk::ByteView bytes) noexcept;
std::optional<Key> decode_key(sdk::ByteView bytes) noexcept;

}  // namespace godwit::transport_ucx
