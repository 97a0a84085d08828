#include "model/unit_json.h"

#include <array>
#include <limits>

#include "base/bytes.h"

namespace godwit::model {
namespace {

constexpr std::size_t kLabelBytesMax = 64 << 10;
constexpr std::int64_t kNumberMax = std::numeric_limits<std::int64_t>::max();

std::uint64_t number(ObjectReader& read, std::string_view key) {
    return static_cast<std::uint64_t>(read.integer(key, 0, 0, kNumberMax));
}

}  // namespace

void write_unit(Writer& json, const sdk::Unit& unit) {
    json.member("kind", sdk::to_string(unit.kind));
    json.member("stage", unit.stage);
    json.member("rank", unit.rank);
    if (unit.group != 0) json.member("group", base::to_hex(unit.group));
    json.member("chunk_offset", unit.offset);
    json.member("chunk_size", unit.bytes);
    json.member("chunk_files", unit.files);
    json.path("label", unit.label);
    json.member("payload", base::to_base64(unit.payload));
}

sdk::UnitKind read_unit_kind(ObjectReader& read) {
    constexpr std::array<std::string_view, sdk::kUnitKinds> kWords{
        sdk::to_string(sdk::UnitKind::Listing), sdk::to_string(sdk::UnitKind::Chunk),
        sdk::to_string(sdk::UnitKind::Publish), sdk::to_string(sdk::UnitKind::Directories)};
    return static_cast<sdk::UnitKind>(read.one_of("kind", kWords));
}

sdk::Unit read_unit(ObjectReader& read) {
    sdk::Unit unit;
    unit.kind = read_unit_kind(read);
    unit.stage = static_cast<std::uint32_t>(read.integer("stage", 0, 0, UINT32_MAX));
    unit.rank = static_cast<std::uint32_t>(read.integer("rank", 0, 0, UINT32_MAX));
    unit.group = read.hex("group", 0);
    unit.offset = number(read, "chunk_offset");
    unit.bytes = number(read, "chunk_size");
    unit.files = number(read, "chunk_files");
    unit.label = read.text("label", "");
    if (auto bytes = read.bytes("label_b64", kLabelBytesMax)) unit.label = std::move(*bytes);
    unit.payload = read.bytes("payload", sdk::kPayloadBytesMax).value_or("");
    return unit;
}

}  // namespace godwit::model
