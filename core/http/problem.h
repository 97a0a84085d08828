// Errors as answers: application/problem+json (RFC 9457), readable alone, with a closed `code`.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"
#include "model/field_error.h"

namespace godwit::http {

// `code`: snake_case, stable; `type` and `title` follow from it. `detail`: what was wrong and what
// to do. A 503 carries Retry-After. Pure, as the other one.
Response problem(int status, std::string_view code, std::string_view detail,
                 const std::vector<model::FieldError>& errors = {});

// For what the store or another dependency answered: InvalidArgument 400, NotFound 404, Conflict
// 409, Unsupported 422. What passes by waiting is 503 "unavailable" with Retry-After, a bug is 500
// "internal"; nothing else that a client can cause is 5xx.
Response problem(const Error& error);

}  // namespace godwit::http
