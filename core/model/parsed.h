// A document from outside: what it says, or everything that is wrong with it.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "model/field_error.h"
#include "model/json.h"
#include "model/reader.h"

namespace godwit::model {

template <class Document>
struct Parsed {
    std::optional<Document> document;  // Set exactly when there are no errors.
    std::vector<FieldError> errors;

    bool ok() const noexcept { return document.has_value(); }
};

// Parses `body` as JSON and hands its root to `read(const Var&, Location, errors) -> Document`.
template <class Document, class Read>
Parsed<Document> parse_document(std::string_view body, Read&& read) {
    Parsed<Document> parsed;
    const auto json = parse_json(body);
    if (!json) {
        parsed.errors.push_back({{"body"}, json.error().message, "json"});
        return parsed;
    }
    Document document = read(*json, Location{"body"}, parsed.errors);
    if (parsed.errors.empty()) parsed.document = std::move(document);
    return parsed;
}

}  // namespace godwit::model
