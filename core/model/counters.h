// The names under which counters travel: files.copied, bytes.on_wire, …
#pragma once

#include <array>
#include <string_view>

#include "godwit/sdk/types.h"
#include "model/reader.h"
#include "model/writer.h"

namespace godwit::model {

struct CountName {
    std::string_view section;  // "files" or "bytes"
    std::string_view name;
};

// In the order of sdk::Count.
inline constexpr std::array<CountName, sdk::kCountKinds> kCountNames{{
    {"files", "discovered"},
    {"files", "planned"},
    {"files", "copied"},
    {"files", "skipped"},
    {"files", "failed"},
    {"files", "vanished"},
    {"files", "deleted"},
    {"files", "special"},
    {"files", "directories"},
    {"bytes", "discovered"},
    {"bytes", "planned"},
    {"bytes", "copied"},
    {"bytes", "skipped"},
    {"bytes", "failed"},
    {"bytes", "vanished"},
    {"bytes", "deleted"},
    {"bytes", "on_wire"},
    {"bytes", "published"},
}};

// Two members, "files" and "bytes". Whole: all of them; else those that are not 0.
void write_counters(Writer& json, const sdk::Counters& counters, bool whole);
sdk::Counters read_counters(ObjectReader& read, std::vector<FieldError>& errors);

}  // namespace godwit::model
