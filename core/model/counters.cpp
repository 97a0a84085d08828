#include "model/counters.h"

#include <limits>

namespace godwit::model {

void write_counters(Writer& json, const sdk::Counters& counters, bool whole) {
    for (const std::string_view section : kCountSections) {
        json.member(section, [&] {
            for (std::size_t i = 0; i < sdk::kCountKinds; ++i) {
                if (kCountNames[i].section != section) continue;
                if (whole || counters.values[i] != 0) {
                    json.member(kCountNames[i].name, counters.values[i]);
                }
            }
        });
    }
}

// Differences may be negative: a file that is planned anew may have become shorter.
sdk::Counters read_counters(ObjectReader& read, std::vector<FieldError>& errors) {
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
    sdk::Counters counters;
    for (const std::string_view section : kCountSections) {
        read.child(section, [&](const Poco::Dynamic::Var& value, Location location) {
            ObjectReader nested{value, std::move(location), errors};
            for (std::size_t i = 0; i < sdk::kCountKinds; ++i) {
                if (kCountNames[i].section != section) continue;
                counters.values[i] = nested.integer(kCountNames[i].name, 0, -kMost, kMost);
            }
            nested.refuse_unknown();
        });
    }
    return counters;
}

}  // namespace godwit::model
