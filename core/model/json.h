// JSON from outside: strict, bounded, with the line and column of what is wrong.
#pragma once

#include <Poco/Dynamic/Var.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace godwit::model {

inline constexpr int kJsonDepthMax = 32;

// Parses one document. Stricter than Poco: duplicate members, numbers that do not fit, NULs and
// scalars at the root are errors. More lenient in one thing, because the seed guide's own example
// needs it: a comma behind the last member of an object.
// InvalidArgument: "line 3, column 7: …".
Result<Poco::Dynamic::Var> parse_json(std::string_view text);

}  // namespace godwit::model
