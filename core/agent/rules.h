// What a request's options say about one assignment, made ready once.
#pragma once

#include "agent/comparison.h"
#include "base/result.h"
#include "files/bounds.h"
#include "filter/filter.h"
#include "model/assignment.h"

namespace godwit::agent {

// Immutable.
struct Rules {
    filter::Filter filter;
    files::Bounds bounds;
    CompareRules compare;
    model::RequestOptions options;

    // `opened` is what the destination said of itself.
    static Result<Rules> make(const model::RequestOptions& options, const peer::Opened& opened);

    bool deletes() const noexcept { return options.delete_surplus == model::Delete::After; }
    // Below a directory that is left out nothing is looked at; what is left out is also protected
    // from deletes.
    bool excludes(const std::string& path, bool is_directory) const {
        return filter.excludes(path, is_directory);
    }
};

}  // namespace godwit::agent
