// Errors as answers: application/problem+json (RFC 9457), readable alone, with a closed `code`.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"
#include "model/field_error.h"

namespace godwit::http {

// `code`: snake_case, stable. `detail`: what was wrong and what to do.
Response problem(int status, std::string_view code, std::string_view detail,
                 const std::vector<model::FieldError>& errors = {});

// For what the store or another dependency answered. Unavailable and UnknownOutcome are 503 with
// Retry-After; nothing that a client can cause is 5xx.
Response problem(const Error& error);

}  // namespace godwit::http
