#include "wire.h"

#include <algorithm>
#include <concepts>

namespace godwit::transport_ucx {
namespace {

constexpr std::array kAddressMagic = {std::byte{'u'}, std::byte{'c'}, std::byte{'x'}};
// Magic, wire version, instance, port, and how many bytes of IP address follow.
constexpr std::size_t kAddressHeadBytes = kAddressMagic.size() + 1 + 8 + 2 + 1;

// Fills a buffer that is large enough, front to back.
class Writer {
public:
    explicit Writer(std::span<std::byte> out) noexcept : out_{out} {}

    template <std::unsigned_integral Number>
    Writer& number(Number value) noexcept {
        for (std::size_t i = 0; i < sizeof(Number); ++i) {
            out_[at_++] = static_cast<std::byte>(value >> (8 * i));
        }
        return *this;
    }
    Writer& bytes(sdk::ByteView bytes) noexcept {
        std::ranges::copy(bytes, out_.begin() + static_cast<std::ptrdiff_t>(at_));
        at_ += bytes.size();
        return *this;
    }
    Writer& name(const GetName& name) noexcept { return number(name.slot).number(name.nonce); }
    Writer& key(const Key& key) noexcept {
        return number(key.window).number(key.epoch).bytes(key.secret);
    }

private:
    std::span<std::byte> out_;
    std::size_t at_ = 0;
};

// Reads what its caller has checked to be long enough.
class Parser {
public:
    explicit Parser(sdk::ByteView in) noexcept : in_{in} {}

    template <std::unsigned_integral Number>
    Number number() noexcept {
        Number value = 0;
        for (std::size_t i = 0; i < sizeof(Number); ++i) {
            value = static_cast<Number>(value | std::to_integer<Number>(in_[at_++]) << (8 * i));
        }
        return value;
    }
    sdk::ByteView bytes(std::size_t count) noexcept {
        const sdk::ByteView part = in_.subspan(at_, count);
        at_ += count;
        return part;
    }
    GetName name() noexcept {
        GetName name;
        name.slot = number<std::uint32_t>();
        name.nonce = number<std::uint64_t>();
        return name;
    }
    Key key() noexcept {
        Key key;
        key.window = number<std::uint64_t>();
        key.epoch = number<std::uint64_t>();
        std::ranges::copy(bytes(sizeof(Secret)), key.secret.begin());
        return key;
    }

private:
    sdk::ByteView in_;
    std::size_t at_ = 0;
};

// A parser behind the version, if the message is of this size and version.
std::optional<Parser> open_message(sdk::ByteView bytes, std::size_t size) noexcept {
    if (bytes.size() != size) return std::nullopt;
    Parser parser{bytes};
    if (parser.number<std::uint8_t>() != kWireVersion) return std::nullopt;
    return parser;
}

}  // namespace

bool is_equal(const Secret& a, const Secret& b) noexcept {
    // Volatile, or the compiler may leave the loop at the first difference.
    volatile unsigned difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference = difference | std::to_integer<unsigned>(a[i] ^ b[i]);
    }
    return difference == 0;
}

std::array<std::byte, kHelloBytes> encode(const Hello& message) noexcept {
    std::array<std::byte, kHelloBytes> bytes{};
    Writer{bytes}
        .number(kWireVersion)
        .number(message.instance)
        .number(message.nonce)
        .number(message.sender);
    return bytes;
}

std::array<std::byte, kHelloAnswerBytes> encode(const HelloAnswer& message) noexcept {
    std::array<std::byte, kHelloAnswerBytes> bytes{};
    Writer{bytes}
        .number(kWireVersion)
        .number(message.nonce)
        .number(static_cast<std::uint8_t>(message.greeting));
    return bytes;
}

std::array<std::byte, kGetBytes> encode(const Get& message) noexcept {
    std::array<std::byte, kGetBytes> bytes{};
    Writer{bytes}
        .number(kWireVersion)
        .name(message.name)
        .key(message.key)
        .number(message.offset)
        .number(message.length);
    return bytes;
}

std::array<std::byte, kDataBytes> encode(const Data& message) noexcept {
    std::array<std::byte, kDataBytes> bytes{};
    Writer{bytes}.number(kWireVersion).name(message.name);
    return bytes;
}

std::array<std::byte, kRefusalBytes> encode(const Refusal& message) noexcept {
    std::array<std::byte, kRefusalBytes> bytes{};
    Writer{bytes}.number(kWireVersion).name(message.name);
    return bytes;
}

std::vector<std::byte> encode(const RailAddress& address) {
    const auto& listener = address.listener;
    const sdk::ByteView ip = listener.ip_bytes();
    std::vector<std::byte> bytes(kAddressHeadBytes + ip.size());
    Writer{bytes}
        .bytes(kAddressMagic)
        .number(kWireVersion)
        .number(address.instance)
        .number(listener.port())
        .number(static_cast<std::uint8_t>(ip.size()))
        .bytes(ip);
    return bytes;
}

sdk::WindowKey encode(const Key& key) noexcept {
    sdk::WindowKey encoded;
    static_assert(kKeyBytes <= sizeof(encoded.bytes));
    encoded.size = kKeyBytes;
    Writer{encoded.bytes}.key(key);
    return encoded;
}

std::optional<Hello> decode_hello(sdk::ByteView bytes) noexcept {
    auto parser = open_message(bytes, kHelloBytes);
    if (!parser) return std::nullopt;
    Hello message;
    message.instance = parser->number<std::uint64_t>();
    message.nonce = parser->number<std::uint64_t>();
    message.sender = parser->number<std::uint64_t>();
    return message;
}

std::optional<HelloAnswer> decode_hello_answer(sdk::ByteView bytes) noexcept {
    auto parser = open_message(bytes, kHelloAnswerBytes);
    if (!parser) return std::nullopt;
    HelloAnswer message;
    message.nonce = parser->number<std::uint64_t>();
    const auto greeting = parser->number<std::uint8_t>();
    if (greeting > static_cast<std::uint8_t>(Greeting::WrongInstance)) return std::nullopt;
    message.greeting = static_cast<Greeting>(greeting);
    return message;
}

std::optional<Get> decode_get(sdk::ByteView bytes) noexcept {
    auto parser = open_message(bytes, kGetBytes);
    if (!parser) return std::nullopt;
    Get message;
    message.name = parser->name();
    message.key = parser->key();
    message.offset = parser->number<std::uint64_t>();
    message.length = parser->number<std::uint64_t>();
    return message;
}

std::optional<Data> decode_data(sdk::ByteView bytes) noexcept {
    auto parser = open_message(bytes, kDataBytes);
    if (!parser) return std::nullopt;
    return Data{parser->name()};
}

std::optional<Refusal> decode_refusal(sdk::ByteView bytes) noexcept {
    auto parser = open_message(bytes, kRefusalBytes);
    if (!parser) return std::nullopt;
    return Refusal{parser->name()};
}

std::optional<RailAddress> decode_address(sdk::ByteView bytes) noexcept {
    if (bytes.size() < kAddressHeadBytes) return std::nullopt;
    Parser parser{bytes};
    if (!std::ranges::equal(parser.bytes(kAddressMagic.size()), kAddressMagic)) return std::nullopt;
    if (parser.number<std::uint8_t>() != kWireVersion) return std::nullopt;
    RailAddress address;
    address.instance = parser.number<std::uint64_t>();
    const auto port = parser.number<std::uint16_t>();
    const std::size_t ip_bytes = bytes.size() - kAddressHeadBytes;
    // Said twice, since the first four bytes of an IPv6 address are no IPv4 address.
    if (parser.number<std::uint8_t>() != ip_bytes) return std::nullopt;
    const auto listener = SocketAddress::from_bytes(parser.bytes(ip_bytes), port);
    if (!listener || port == 0) return std::nullopt;
    address.listener = *listener;
    return address;
}

std::optional<Key> decode_key(sdk::ByteView bytes) noexcept {
    if (bytes.size() != kKeyBytes) return std::nullopt;
    return Parser{bytes}.key();
}

}  // namespace godwit::transport_ucx
