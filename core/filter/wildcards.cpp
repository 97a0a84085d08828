#include "filter/wildcards.h"

#include <algorithm>
#include <bitset>
#include <string>
#include <utility>

namespace godwit::filter {
namespace {

constexpr std::size_t kBytes = 256;
using ByteSet = std::bitset<kBytes>;

unsigned char byte_of(char c) noexcept {
    return static_cast<unsigned char>(c);
}

ByteSet range(unsigned char first, unsigned char last) {
    ByteSet set;
    for (std::size_t byte = first; byte <= last; ++byte) set.set(byte);
    return set;
}

// As in the "C" locale: no byte beyond ASCII is in any of them.
bool add_named_class(std::string_view name, ByteSet& set) {
    const ByteSet lower = range('a', 'z');
    const ByteSet upper = range('A', 'Z');
    const ByteSet digits = range('0', '9');
    const ByteSet blanks = range(' ', ' ') | range('\t', '\t');
    const ByteSet visible = range(0x21, 0x7E);
    const std::pair<std::string_view, ByteSet> classes[] = {
        {"alnum", lower | upper | digits},
        {"alpha", lower | upper},
        {"blank", blanks},
        {"cntrl", range(0x00, 0x1F) | range(0x7F, 0x7F)},
        {"digit", digits},
        {"graph", visible},
        {"lower", lower},
        {"print", visible | range(' ', ' ')},
        {"punct", visible & ~(lower | upper | digits)},
        {"space", blanks | range('\n', '\r')},
        {"upper", upper},
        {"xdigit", digits | range('a', 'f') | range('A', 'F')},
    };
    for (const auto& [known, members] : classes) {
        if (known != name) continue;
        set |= members;
        return true;
    }
    return false;
}

Error mistake(std::string what) {
    return Error{Code::InvalidArgument, std::move(what)};
}

// Reads a "[class]" with rsync's rules: the first member may be ']', a '-' between two members
// makes a range, a backslash takes the next byte as it is, "[:" without ":]" is two members.
class ClassReader {
public:
    // `text` begins behind the '['.
    explicit ClassReader(std::string_view text) : text_{text} {}

    Result<ByteSet> read() {
        const bool negated = !text_.empty() && (text_[0] == '!' || text_[0] == '^');
        if (negated) ++at_;
        do {
            if (auto status = read_member(); !status) return std::move(status).error();
        } while (at_ < text_.size() && text_[at_] != ']');
        if (at_ == text_.size()) return no_end();
        ++at_;
        if (negated) set_.flip();
        set_.reset('/');  // No class takes a slash.
        return set_;
    }

    // How many bytes it took, the ']' included.
    std::size_t size() const noexcept { return at_; }

private:
    static Error no_end() { return mistake("the class after '[' has no end"); }

    Status read_member() {
        if (at_ == text_.size()) return no_end();
        const char c = text_[at_];
        if (c == '[' && at_ + 1 < text_.size() && text_[at_ + 1] == ':') return read_named();
        if (c == '-' && can_begin_range_ && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
            ++at_;
            const auto last = read_byte();
            if (!last) return last.error();
            set_ |= range(previous_, *last);
            can_begin_range_ = false;
            return {};
        }
        const auto byte = read_byte();
        if (!byte) return byte.error();
        add(*byte);
        return {};
    }

    Status read_named() {
        const std::size_t begin = at_ + 2;
        const std::size_t bracket = text_.find(']', begin);
        if (bracket == std::string_view::npos) return no_end();
        if (bracket == begin || text_[bracket - 1] != ':') {
            ++at_;
            add('[');
            return {};
        }
        const std::string_view name = text_.substr(begin, bracket - 1 - begin);
        if (!add_named_class(name, set_)) {
            return mistake("there is no class '[:" + std::string{name} + ":]'");
        }
        at_ = bracket + 1;
        can_begin_range_ = false;
        return {};
    }

    Result<unsigned char> read_byte() {
        if (text_[at_] == '\\') ++at_;
        if (at_ == text_.size()) return no_end();
        return byte_of(text_[at_++]);
    }

    void add(unsigned char byte) {
        set_.set(byte);
        previous_ = byte;
        can_begin_range_ = true;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    ByteSet set_;
    unsigned char previous_ = 0;
    bool can_begin_range_ = false;
};

}  // namespace

// Goes through a pattern once, and adds a state for each element that takes a byte.
class Wildcards::Compiler {
public:
    explicit Compiler(std::string_view pattern) : pattern_{pattern} {
        made_.words_ = pattern.size() / kWordBits + 1;
        made_.takes_.resize(kBytes * made_.words_);
        made_.stays_.resize(made_.words_);
        made_.stays_wide_.resize(made_.words_);
    }

    Result<Wildcards> compile() && {
        while (at_ < pattern_.size()) {
            if (auto status = read_element(); !status) return std::move(status).error();
        }
        return std::move(made_);
    }

private:
    Status read_element() {
        const char c = pattern_[at_];
        if (c == '*') {
            read_stars();
        } else if (c == '?') {
            ++at_;
            add(~ByteSet{}.set('/'));
        } else if (c == '[') {
            ClassReader reader{pattern_.substr(at_ + 1)};
            auto set = reader.read();
            if (!set) return std::move(set).error();
            at_ += 1 + reader.size();
            add(*set);
        } else {
            if (c == '\\' && ++at_ == pattern_.size()) {
                return mistake("the backslash at the end escapes nothing");
            }
            add(ByteSet{}.set(byte_of(pattern_[at_++])));
        }
        return {};
    }

    void read_stars() {
        const std::size_t begin = at_;
        at_ = std::min(pattern_.find_first_not_of('*', at_), pattern_.size());
        const std::uint64_t bit = std::uint64_t{1} << made_.end_ % kWordBits;
        made_.stays_[made_.end_ / kWordBits] |= bit;
        if (at_ - begin > 1) made_.stays_wide_[made_.end_ / kWordBits] |= bit;
    }

    void add(const ByteSet& set) {
        const std::uint64_t bit = std::uint64_t{1} << made_.end_ % kWordBits;
        for (std::size_t byte = 0; byte < kBytes; ++byte) {
            if (set[byte]) made_.takes_[byte * made_.words_ + made_.end_ / kWordBits] |= bit;
        }
        ++made_.end_;
    }

    std::string_view pattern_;
    std::size_t at_ = 0;
    Wildcards made_;
};

Result<Wildcards> Wildcards::compile(std::string_view pattern) {
    if (pattern.size() > kPatternBytesMax) {
        return mistake("it is longer than " + std::to_string(kPatternBytesMax) + " bytes");
    }
    if (pattern.find('\0') != std::string_view::npos) return mistake("there is a NUL in it");
    return Compiler{pattern}.compile();
}

bool Wildcards::step(States& states, unsigned char byte) const noexcept {
    const std::uint64_t* const takes = takes_.data() + byte * words_;
    const std::uint64_t* const stays = byte == '/' ? stays_wide_.data() : stays_.data();
    std::uint64_t carry = 0;
    std::uint64_t any = 0;
    for (std::size_t word = 0; word < words_; ++word) {
        const std::uint64_t taken = states[word] & takes[word];
        states[word] = (states[word] & stays[word]) | taken << 1 | carry;
        carry = taken >> (kWordBits - 1);
        any |= states[word];
    }
    return any != 0;
}

bool Wildcards::match(std::initializer_list<std::string_view> pieces,
                      MatchFrom from) const noexcept {
    States states;
    std::fill_n(states.begin(), words_, 0);
    states[0] = 1;
    for (const std::string_view piece : pieces) {
        for (const char c : piece) {
            const bool alive = step(states, byte_of(c));
            if (from == MatchFrom::BeginningOrSlash) {
                if (c == '/') states[0] |= 1;
            } else if (!alive) {
                return false;
            }
        }
    }
    return (states[end_ / kWordBits] >> end_ % kWordBits & 1) != 0;
}

}  // namespace godwit::filter
