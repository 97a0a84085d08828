#include "filter/pattern.h"

#include <algorithm>

namespace godwit::filter {
namespace {

// The last `count` components of the path; nothing when it has fewer.
std::optional<std::string_view> tail_of(std::string_view path, std::size_t count) noexcept {
    std::size_t begin = path.size() + 1;
    for (; count > 0; --count) {
        if (begin == 0) return std::nullopt;
        begin = begin < 2 ? 0 : path.rfind('/', begin - 2) + 1;
    }
    return path.substr(begin);
}

}  // namespace

Result<Pattern> Pattern::parse(std::string_view text) {
    if (text.empty()) return Error{Code::InvalidArgument, "the pattern is empty"};
    if (text == "/") {
        return Error{Code::InvalidArgument, "'/' alone is the root, which no rule can exclude"};
    }
    Pattern pattern;
    pattern.directories_only_ = text.ends_with('/');
    if (pattern.directories_only_) text.remove_suffix(1);
    const bool anchored = text.starts_with('/');
    pattern.text_ = text.substr(anchored ? 1 : 0);
    if (text.find_first_of("*?[") != std::string_view::npos) {
        auto wildcards = Wildcards::compile(pattern.text_);
        if (!wildcards) return std::move(wildcards).error();
        pattern.wildcards_ = std::move(*wildcards);
    } else if (text.find('\0') != std::string_view::npos) {
        return Error{Code::InvalidArgument, "there is a NUL in it"};
    }
    pattern.classify(anchored);
    return pattern;
}

// rsync looks for "**", and counts slashes, in the pattern as it is written: also what is escaped
// or a member of a class, where a slash matches nothing.
void Pattern::classify(bool anchored) {
    ends_with_tree_ = text_.ends_with("***");
    if (anchored) return;
    begins_wide_ = text_.starts_with("**");
    if (begins_wide_) return;
    const bool wide = text_.find("**") != std::string::npos;
    against_ = wide ? Against::PathBelowAnySlash : Against::LastComponents;
    components_ = 1 + static_cast<std::size_t>(std::count(text_.begin(), text_.end(), '/'));
}

bool Pattern::matches(std::string_view path, bool is_directory) const noexcept {
    if (directories_only_ && !is_directory) return false;
    if (wildcards_) return matches_wildcards(path, is_directory);
    if (against_ == Against::WholePath) return path == text_;
    return path.ends_with(text_) &&
           (path.size() == text_.size() || path[path.size() - text_.size() - 1] == '/');
}

bool Pattern::matches_wildcards(std::string_view path, bool is_directory) const noexcept {
    const std::string_view after = ends_with_tree_ && is_directory ? "/" : "";
    switch (against_) {
    case Against::WholePath:
        return wildcards_->match({begins_wide_ ? "/" : "", path, after}, MatchFrom::Beginning);
    case Against::PathBelowAnySlash:
        return wildcards_->match({path, after}, MatchFrom::BeginningOrSlash);
    case Against::LastComponents: break;
    }
    const auto tail = tail_of(path, components_);
    return tail && wildcards_->match({*tail}, MatchFrom::Beginning);
}

}  // namespace godwit::filter
