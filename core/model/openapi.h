// The OpenAPI 3.1 description of the REST interface, as GET /openapi.json answers it.
#pragma once

#include <string_view>

namespace godwit::model {

std::string_view openapi_document() noexcept;

}  // namespace godwit::model
