// JSON from outside: strict, bounded, with the line and column of what is wrong.
#pragma once

#include <Poco/Dynamic/Var.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace godwit::model {

inline constexpr std::size_t kJsonDepthMax = 32;
// An empty Poco object takes 870 bytes and two to write: without these, 8 MiB from outside could
// become gigabytes in here.
inline constexpr std::size_t kJsonContainersMax = 65'536;  // Objects and lists.
inline constexpr std::size_t kJsonValuesMax = 1'010'000;   // A list of a million files fits.

// Parses one document: an Object::Ptr or an Array::Ptr of Poco::JSON. Whole numbers in it are
// Int64, or UInt64 above that; others are doubles. Stricter than Poco: duplicate members, numbers
// that do not fit, NULs in text and scalars at the root are errors. More lenient in one thing,
// because the seed guide's own example needs it: a comma behind the last member of an object.
// InvalidArgument: "line 3, column 7: …". A column counts characters, not bytes. Pure.
Result<Poco::Dynamic::Var> parse_json(std::string_view text);

}  // namespace godwit::model
