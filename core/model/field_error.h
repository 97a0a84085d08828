// What is wrong with one field of a document, so that all of it can be told at once.
#pragma once

#include <string>
#include <vector>

namespace godwit::model {

// As FastAPI prints it: {"loc":["body","chunk_size_mb"],"msg":…,"type":…}
struct FieldError {
    std::vector<std::string> location;  // A decimal number is an index into a list.
    std::string message;
    std::string type;  // "missing", "type_error", "value_error", "unknown_field", "json", "overlap"
};

}  // namespace godwit::model
