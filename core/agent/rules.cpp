#include "agent/rules.h"

namespace godwit::agent {
namespace {

constexpr std::int64_t kNanosPerMilli = 1'000'000;

std::optional<std::int64_t> nanos(const std::optional<std::int64_t>& millis) {
    if (!millis) return std::nullopt;
    return *millis * kNanosPerMilli;
}

}  // namespace

Result<Rules> Rules::make(const model::RequestOptions& options, const peer::Opened& opened) {
    auto filter = filter::Filter::parse(options.filters);
    if (!filter) return wrap(std::move(filter).error(), "filters");
    Rules rules;
    rules.filter = std::move(*filter);
    rules.bounds.min_size = options.min_size_bytes;
    rules.bounds.max_size = options.max_size_bytes;
    rules.bounds.modified_after_ns = nanos(options.modified_after_ms);
    rules.bounds.modified_before_ns = nanos(options.modified_before_ms);
    rules.compare.compare = options.compare;
    rules.compare.time_granularity_ns = static_cast<std::int64_t>(opened.time_granularity_ns());
    rules.compare.owners = opened.sets_owners();
    rules.compare.xattrs = options.xattrs || options.acls;
    rules.compare.atime = options.atime;
    rules.compare.replace_type = options.replace_type;
    rules.compare.hardlinks = options.hardlinks;
    rules.options = options;
    return rules;
}

}  // namespace godwit::agent
