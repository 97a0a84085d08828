#include "filter/filter.h"

#include <utility>

#include "base/bytes.h"

namespace godwit::filter {
namespace {

constexpr std::size_t kShownBytes = 64;  // Of a rule, in a message about it.

struct Sign {
    std::string_view text;
    bool is_include;
};
constexpr Sign kSigns[] = {{"+ ", true}, {"- ", false}, {"include ", true}, {"exclude ", false}};

}  // namespace

Result<Filter::Rule> Filter::parse_rule(std::string_view text) {
    for (const Sign& sign : kSigns) {
        if (!text.starts_with(sign.text)) continue;
        auto pattern = Pattern::parse(text.substr(sign.text.size()));
        if (!pattern) return std::move(pattern).error();
        return Rule{std::move(*pattern), sign.is_include};
    }
    return Error{Code::InvalidArgument,
                 "a rule begins with '+ ', '- ', 'include ' or 'exclude ', and a pattern follows"};
}

Result<Filter> Filter::parse(std::span<const std::string> rules) {
    if (rules.size() > kRulesMax) {
        return Error{Code::InvalidArgument, "more than " + std::to_string(kRulesMax) + " rules"};
    }
    Filter filter;
    filter.rules_.reserve(rules.size());
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const std::string context =
            "rule " + std::to_string(i) + " '" + base::printable(rules[i], kShownBytes) + "'";
        bytes += rules[i].size();
        if (bytes > kRuleBytesMax) {
            return Error{Code::InvalidArgument, context + ": all rules together are longer than " +
                                                    std::to_string(kRuleBytesMax) + " bytes"};
        }
        auto rule = parse_rule(rules[i]);
        if (!rule) return wrap(std::move(rule).error(), context);
        filter.rules_.push_back(std::move(*rule));
    }
    return filter;
}

bool Filter::excludes(std::string_view path, bool is_directory) const noexcept {
    if (path.empty()) return false;
    for (const Rule& rule : rules_) {
        if (rule.pattern.matches(path, is_directory)) return !rule.is_include;
    }
    return false;
}

bool Filter::excludes_within(std::string_view path, bool is_directory) const noexcept {
    for (std::size_t slash = path.find('/'); slash != std::string_view::npos;
         slash = path.find('/', slash + 1)) {
        if (excludes(path.substr(0, slash), true)) return true;
    }
    return excludes(path, is_directory);
}

}  // namespace godwit::filter
