#include "base/time.h"

#include <gtest/gtest.h>

namespace godwit::base {
namespace {

TEST(Rfc3339, PrintsUtcWithMilliseconds) {
    EXPECT_EQ(to_rfc3339(WallTime{Millis{0}}), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(to_rfc3339(WallTime{Millis{1795512600250}}), "2026-11-24T09:30:00.250Z");
    EXPECT_EQ(to_rfc3339(WallTime{Millis{-1}}), "1969-12-31T23:59:59.999Z");
}

TEST(Rfc3339, ReadsWhatItPrints) {
    for (const std::int64_t ms : {0ll, -1ll, 1795512600250ll, 4102444800001ll}) {
        EXPECT_EQ(from_rfc3339(to_rfc3339(WallTime{Millis{ms}})), WallTime{Millis{ms}});
    }
}

TEST(Rfc3339, ReadsOffsetsAndFinerFractions) {
    EXPECT_EQ(from_rfc3339("2026-11-24T10:30:00.250999+01:00"), WallTime{Millis{1795512600250}});
    EXPECT_EQ(from_rfc3339("2026-11-24T09:30:00Z"), WallTime{Millis{1795512600000}});
}

TEST(Rfc3339, RefusesTheRest) {
    for (const char* text : {"", "2026", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z",
                             "2026-11-24T24:00:00Z", "2026-11-24T09:30:00", "2026-11-24T09:30:00Zx",
                             "2026-11-24T09:30:00.Z", "2026-11-24T09:30:00+9:00"}) {
        EXPECT_EQ(from_rfc3339(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace godwit::base
