#include "codec.h"

#include <optional>

namespace godwit::store_redis {
namespace {

constexpr int kDepthMax = 4;

// Reads one item after the other; every read says whether the bytes were there.
class Unpacker {
public:
    explicit Unpacker(std::string_view bytes) : rest_{bytes} {}

    bool done() const noexcept { return rest_.empty(); }

    bool read(Item& item, int depth) {
        const auto tag = take(1);
        if (!tag || depth > kDepthMax) return false;
        if ((*tag & 0xE0) == 0xA0) return read_text(item, *tag & 0x1F);
        if ((*tag & 0xF0) == 0x90) return read_items(item, *tag & 0x0F, depth);
        switch (*tag) {
        case 0xD9: return read_text(item, take(1));
        case 0xDA: return read_text(item, take(2));
        case 0xDB: return read_text(item, take(4));
        case 0xDC: return read_items(item, take(2), depth);
        case 0xDD: return read_items(item, take(4), depth);
        default: return false;
        }
    }

private:
    std::optional<std::uint64_t> take(std::size_t bytes) {
        if (rest_.size() < bytes) return std::nullopt;
        std::uint64_t value = 0;
        for (const char c : rest_.substr(0, bytes))
            value = value << 8 | static_cast<std::uint8_t>(c);
        rest_.remove_prefix(bytes);
        return value;
    }

    bool read_text(Item& item, std::optional<std::uint64_t> size) {
        if (!size || rest_.size() < *size) return false;
        item.text = rest_.substr(0, *size);
        rest_.remove_prefix(*size);
        return true;
    }

    bool read_items(Item& item, std::optional<std::uint64_t> count, int depth) {
        if (!count || rest_.size() < *count) return false;  // Each takes a byte at least.
        item.items.resize(*count);
        for (Item& nested : item.items) {
            if (!read(nested, depth + 1)) return false;
        }
        return true;
    }

    std::string_view rest_;
};

}  // namespace

void Packer::head(std::uint8_t tag, std::uint64_t value, int bytes) {
    bytes_ += static_cast<char>(tag);
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
        bytes_ += static_cast<char>(value >> shift & 0xFF);
    }
}

Packer& Packer::array(std::size_t items) {
    if (items < 16) {
        head(static_cast<std::uint8_t>(0x90 | items), 0, 0);
    } else {
        head(0xDD, items, 4);
    }
    return *this;
}

Packer& Packer::text(std::string_view bytes) {
    if (bytes.size() < 32) {
        head(static_cast<std::uint8_t>(0xA0 | bytes.size()), 0, 0);
    } else {
        head(0xDB, bytes.size(), 4);
    }
    bytes_ += bytes;
    return *this;
}

Packer& Packer::number(std::uint64_t value) {
    if (value < 128) {
        head(static_cast<std::uint8_t>(value), 0, 0);
    } else {
        head(0xCF, value, 8);
    }
    return *this;
}

Packer& Packer::packed(const Packer& other) {
    bytes_ += other.bytes_;
    return *this;
}

sdk::Result<Item> unpack(std::string_view bytes) {
    Item item;
    Unpacker unpacker{bytes};
    if (!unpacker.read(item, 0) || !unpacker.done()) {
        return sdk::Error{sdk::Code::Internal, "read a stored record: it is not MessagePack"};
    }
    return item;
}

}  // namespace godwit::store_redis
