// The names under which counters travel: files.copied, bytes.on_wire, …
#pragma once

#include <array>
#include <string_view>

#include "godwit/sdk/types.h"
#include "model/reader.h"
#include "model/writer.h"

namespace godwit::model {

struct CountName {
    std::string_view section;  // One of kCountSections.
    std::string_view name;
};

inline constexpr std::array<std::string_view, 3> kCountSections{"files", "bytes", "waits_us"};

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
    {"files", "linked"},
    {"files", "at_destination"},
    {"files", "surplus"},
    {"waits_us", "source_metadata"},
    {"waits_us", "source_read"},
    {"waits_us", "transport"},
    {"waits_us", "destination_metadata"},
    {"waits_us", "destination_write"},
    {"waits_us", "bandwidth_limit"},
    {"files", "steps_given_up"},
    {"files", "listings_given_up"},
}};

// A member for each section. Whole: all counters; else those that are not 0.
void write_counters(Writer& json, const sdk::Counters& counters, bool whole);
sdk::Counters read_counters(ObjectReader& read, std::vector<FieldError>& errors);

}  // namespace godwit::model
