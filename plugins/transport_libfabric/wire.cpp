#include "wire.h"

#include <algorithm>
#include <span>

namespace godwit::transport_libfabric {
namespace {

constexpr std::string_view kMagic = "GWLF";
constexpr std::uint8_t kAddressVersion = 1;
constexpr std::uint8_t kKeyVersion = 1;
constexpr std::size_t kKeyBytes = 1 + 3 * sizeof(std::uint64_t);
constexpr std::size_t kChecksumBytes = sizeof(std::uint32_t);

class Writer {
public:
    explicit Writer(std::vector<std::byte>& out) : out_{out} {}

    template <class Number>
    void number(Number value) {
        for (std::size_t i = 0; i < sizeof(Number); ++i) {
            out_.push_back(static_cast<std::byte>(value >> (8 * i)));
        }
    }
    void bytes(sdk::ByteView view) {
        for (const std::byte b : view) out_.push_back(b);
    }

private:
    std::vector<std::byte>& out_;
};

// Remembers whether it ever ran out, so that its user asks once, at the end.
class Cursor {
public:
    explicit Cursor(sdk::ByteView view) : rest_{view} {}

    template <class Number>
    Number number() {
        Number value = 0;
        const sdk::ByteView view = bytes(sizeof(Number));
        for (std::size_t i = 0; i < view.size(); ++i) {
            value |= static_cast<Number>(std::to_integer<Number>(view[i]) << (8 * i));
        }
        return value;
    }
    sdk::ByteView bytes(std::size_t count) {
        if (count > rest_.size()) {
            short_ = true;
            return {};
        }
        const sdk::ByteView view = rest_.first(count);
        rest_ = rest_.subspan(count);
        return view;
    }
    bool ended_exactly() const { return !short_ && rest_.empty(); }

private:
    sdk::ByteView rest_;
    bool short_ = false;
};

// FNV-1a. Against damage and mix-ups, not against people: the address comes over a connection that
// has its own protection, and the fabric refuses what is forged.
std::uint32_t checksum(sdk::ByteView view) {
    std::uint32_t hash = 2166136261;
    for (const std::byte b : view) hash = (hash ^ std::to_integer<std::uint32_t>(b)) * 16777619;
    return hash;
}

void write_window(Writer& write, const RemoteMemory& window) {
    write.number(kKeyVersion);
    write.number(window.address);
    write.number(window.length);
    write.number(window.key);
}

std::optional<RemoteMemory> read_window(Cursor& read) {
    const auto version = read.number<std::uint8_t>();
    RemoteMemory window;
    window.address = read.number<std::uint64_t>();
    window.length = read.number<std::uint64_t>();
    window.key = read.number<std::uint64_t>();
    if (version != kKeyVersion) return std::nullopt;
    return window;
}

}  // namespace

std::vector<std::byte> encode(const RailAddress& address) {
    std::vector<std::byte> blob;
    Writer write{blob};
    write.bytes(std::as_bytes(std::span{kMagic}));
    write.number(kAddressVersion);
    write.number(static_cast<std::uint8_t>(address.wire.size()));
    write.bytes(std::as_bytes(std::span{address.wire}));
    write.number(static_cast<std::uint8_t>(address.endpoint.size()));
    write.bytes(address.endpoint);
    write_window(write, address.probe);
    write.number(checksum(blob));
    return blob;
}

sdk::WindowKey encode(const RemoteMemory& window) {
    std::vector<std::byte> bytes;
    Writer write{bytes};
    write_window(write, window);
    sdk::WindowKey key;
    key.size = static_cast<std::uint8_t>(bytes.size());
    std::ranges::copy(bytes, key.bytes.begin());
    return key;
}

std::optional<RailAddress> decode_address(sdk::ByteView blob) {
    if (blob.size() < kChecksumBytes) return std::nullopt;
    const sdk::ByteView checked = blob.first(blob.size() - kChecksumBytes);
    Cursor tail{blob.last(kChecksumBytes)};
    Cursor read{checked};
    const sdk::ByteView magic = read.bytes(kMagic.size());
    const bool ours = std::ranges::equal(magic, std::as_bytes(std::span{kMagic}));
    if (!ours || read.number<std::uint8_t>() != kAddressVersion) return std::nullopt;

    RailAddress address;
    const sdk::ByteView wire = read.bytes(read.number<std::uint8_t>());
    address.wire.assign(reinterpret_cast<const char*>(wire.data()), wire.size());
    const sdk::ByteView endpoint = read.bytes(read.number<std::uint8_t>());
    address.endpoint.assign(endpoint.begin(), endpoint.end());
    const auto probe = read_window(read);
    if (!probe || !read.ended_exactly()) return std::nullopt;
    if (tail.number<std::uint32_t>() != checksum(checked)) return std::nullopt;
    address.probe = *probe;
    return address;
}

std::optional<RemoteMemory> decode_key(const sdk::WindowKey& key) {
    if (key.size != kKeyBytes) return std::nullopt;
    Cursor read{key.view()};
    return read_window(read);
}

}  // namespace godwit::transport_libfabric
