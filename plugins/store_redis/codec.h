// MessagePack, as far as the scripts speak it: arrays, text, and small numbers.
//
// Numbers that may not fit into one of Lua's travel as decimal text.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/sdk/result.h"

namespace godwit::store_redis {

// Thread-compatible. An array announces how many items follow it.
class Packer {
public:
    Packer& array(std::size_t items);
    Packer& text(std::string_view bytes);
    // Below 2^53.
    Packer& number(std::uint64_t value);
    // As text.
    template <std::integral Number>
    Packer& decimal(Number value) {
        return text(std::to_string(value));
    }
    // What another Packer made, as the next item.
    Packer& packed(const Packer& other);

    std::size_t size() const noexcept { return bytes_.size(); }
    const std::string& bytes() const noexcept { return bytes_; }

private:
    void head(std::uint8_t tag, std::uint64_t value, int bytes);

    std::string bytes_;
};

struct Item {
    std::string text;         // Of an array: empty.
    std::vector<Item> items;  // Of text: empty.
};

// Internal: not what a Packer or a script wrote.
sdk::Result<Item> unpack(std::string_view bytes);

}  // namespace godwit::store_redis
