// "Did you mean": the known name that a mistyped one is closest to.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace godwit::sdk {

// Levenshtein distance: insertions, deletions and replacements of single bytes.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row[b.size()];
}

// Empty when nothing known is near enough to be what was meant (two fifths of it may differ).
inline std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(2, word.size() * 2 / 5) + 1;
    for (const std::string_view candidate : known) {
        std::size_t distance = edit_distance(word, candidate);
        // A word that was cut short, or went on, is near however much is missing.
        if (word.size() >= 3 && (candidate.starts_with(word) || word.starts_with(candidate))) {
            distance = std::min<std::size_t>(distance, 2);
        }
        const bool shorter = distance == best_distance && candidate.size() < best.size();
        if ((distance < best_distance && distance < candidate.size()) || shorter) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

// "unknown key 'prot', did you mean 'port'?", or, with nothing near, the list of what is known.
inline std::string unknown_name(std::string_view what, std::string_view word,
                                std::span<const std::string_view> known) {
    std::string text = "unknown " + std::string{what} + " '" + std::string{word} + "'";
    if (const std::string_view guess = nearest(word, known); !guess.empty()) {
        return text + ", did you mean '" + std::string{guess} + "'?";
    }
    if (known.empty()) return text + " (none is taken here)";
    text += " (known:";
    for (const std::string_view name : known) text += " " + std::string{name};
    return text + ")";
}

}  // namespace godwit::sdk
