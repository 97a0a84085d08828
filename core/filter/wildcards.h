// rsync's wildcards, compiled: '*', '**', '?', '[classes]' and backslashes, over bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace godwit::filter {

// Where in a text a match may begin. It always ends where the text ends.
enum class MatchFrom : std::uint8_t { Beginning, BeginningOrSlash };

// A nondeterministic automaton whose states are the bits of a few words: it reads each byte of a
// text once, whatever the pattern says, so that no pattern makes it slow (it costs a word
// operation for each byte of the text and 64 bytes of the pattern). Immutable, thread-safe.
class Wildcards {
public:
    static constexpr std::size_t kPatternBytesMax = 4'096;

    // InvalidArgument, with what is wrong as the message: a class without an end or of an unknown
    // name, a backslash before nothing, a NUL, or too long.
    static Result<Wildcards> compile(std::string_view pattern);

    // The pieces are read as one text.
    bool match(std::initializer_list<std::string_view> pieces, MatchFrom from) const noexcept;

private:
    static constexpr std::size_t kWordBits = 64;
    static constexpr std::size_t kWordsMax = kPatternBytesMax / kWordBits + 1;
    using States = std::array<std::uint64_t, kWordsMax>;
    class Compiler;

    Wildcards() = default;
    // One byte further. False: no state is left.
    bool step(States& states, unsigned char byte) const noexcept;

    // State i waits for the byte that the pattern's i-th element takes; the last one is the end.
    std::size_t words_ = 1;
    std::size_t end_ = 0;
    std::vector<std::uint64_t> takes_;       // [byte][word]: which states go on to the next.
    std::vector<std::uint64_t> stays_;       // [word]: behind '*' or '**', for all but slashes.
    std::vector<std::uint64_t> stays_wide_;  // [word]: behind '**', for slashes too.
};

}  // namespace godwit::filter
