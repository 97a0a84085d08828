#include "http/router.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "base/bytes.h"
#include "http/problem.h"
#include "http/target.h"

namespace godwit::http {

void Router::add(Route route) {
    const auto refuse = [&](const char* reason) {
        std::fprintf(stderr, "http: route %s %s: %s\n", route.method.c_str(), route.pattern.c_str(),
                     reason);
        std::abort();
    };
    if (!route.handler) return refuse("it has no handler");
    Entry entry;
    auto words = split_path(route.pattern);
    if (!words) return refuse("its pattern is no path");
    for (std::string& word : *words) {
        const bool placeholder = word.size() > 2 && word.front() == '{' && word.back() == '}';
        if (placeholder) word = word.substr(1, word.size() - 2);
        entry.segments.push_back({placeholder, std::move(word)});
    }
    for (const Entry& other : entries_) {
        const auto same = [](const Segment& a, const Segment& b) {
            return a.placeholder == b.placeholder && (a.placeholder || a.text == b.text);
        };
        if (other.route.method == route.method &&
            std::equal(other.segments.begin(), other.segments.end(), entry.segments.begin(),
                       entry.segments.end(), same)) {
            refuse("there is one already");
        }
    }
    entry.route = std::move(route);
    entries_.push_back(std::move(entry));
}

bool Router::fits(const Entry& entry, const std::vector<std::string>& path) noexcept {
    return std::equal(entry.segments.begin(), entry.segments.end(), path.begin(), path.end(),
                      [](const Segment& segment, const std::string& word) {
                          return segment.placeholder ? !word.empty() : segment.text == word;
                      });
}

// Of two that fit the same path: which has a literal first where they differ.
bool Router::is_more_literal(const Entry& a, const Entry& b) noexcept {
    return std::lexicographical_compare(
        a.segments.begin(), a.segments.end(), b.segments.begin(), b.segments.end(),
        [](const Segment& x, const Segment& y) { return x.placeholder < y.placeholder; });
}

const Router::Entry* Router::find(std::string_view method,
                                  const std::vector<std::string>& path) const noexcept {
    const Entry* best = nullptr;
    for (const Entry& entry : entries_) {
        if (entry.route.method != method || !fits(entry, path)) continue;
        if (best == nullptr || is_more_literal(entry, *best)) best = &entry;
    }
    return best;
}

std::string Router::allowed_methods(const std::vector<std::string>& path) const {
    std::set<std::string> methods;
    for (const Entry& entry : entries_) {
        if (!fits(entry, path)) continue;
        methods.insert(entry.route.method);
        if (entry.route.method == "GET") methods.insert("HEAD");
    }
    std::string list;
    for (const std::string& method : methods) list += (list.empty() ? "" : ", ") + method;
    return list;
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
    Match match;
    const auto words = split_path(path);
    if (!words) {
        match.miss = problem(400, "bad_request",
                             "path '" + base::printable(path, 256) +
                                 "': a % wants two hex digits behind it, and not 00");
        return match;
    }
    const Entry* entry = find(method, *words);
    if (entry == nullptr && method == "HEAD") entry = find("GET", *words);
    if (entry != nullptr) {
        match.route = &entry->route;
        for (std::size_t i = 0; i < words->size(); ++i) {
            const Segment& segment = entry->segments[i];
            if (segment.placeholder) match.parameters.emplace_back(segment.text, (*words)[i]);
        }
        return match;
    }
    const std::string shown = "'" + base::printable(path, 256) + "'";
    if (std::string methods = allowed_methods(*words); !methods.empty()) {
        match.miss = problem(405, "method_not_allowed",
                             shown + " takes " + methods + ", not " + base::printable(method, 32));
        match.miss->headers.emplace_back("Allow", std::move(methods));
    } else {
        match.miss = problem(404, "not_found", "nothing is found at " + shown);
    }
    return match;
}

std::vector<std::string> Router::list() const {
    std::vector<std::string> routes;
    for (const Entry& entry : entries_) {
        routes.push_back(entry.route.method + " " + entry.route.pattern);
    }
    std::sort(routes.begin(), routes.end());
    return routes;
}

}  // namespace godwit::http
