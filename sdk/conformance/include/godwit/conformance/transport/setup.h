// What a transport's test tells the kit, and memory whose contents can be checked.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "godwit/conformance/load.h"
#include "godwit/sdk/transport.h"

namespace godwit::conformance {

struct TransportSetup {
    std::string plugin{};                                        // path of the .so
    std::vector<std::pair<std::string, std::string>> options{};  // as a site would write them
    sdk::RailSpec rail{};                                        // one that exists: set both fields
    std::chrono::milliseconds patience = std::chrono::seconds{30};  // beyond it, it never comes
    std::string name{};  // of the suite; the macro sets it

    friend void PrintTo(const TransportSetup& setup, std::ostream* out) { *out << setup.name; }
};

// The kit's own promise of what "soon" means when a peer dies.
inline constexpr std::chrono::seconds kLossNoticedWithin{10};

using Deadline = std::chrono::steady_clock::time_point;

inline std::unique_ptr<sdk::Transport> make_transport(const TransportSetup& setup) {
    return make_from<sdk::Transport>(setup.plugin, make_options(setup.options));
}

// Anonymous memory between two pages that fault, so that a byte before or after it is a crash.
// Immovable: regions are registered on it.
class GuardedMemory {
public:
    explicit GuardedMemory(std::size_t bytes) : bytes_{bytes} {
        const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        mapped_ = (bytes + page - 1) / page * page + 2 * page;
        void* mapping =
            ::mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mapping == MAP_FAILED) std::abort();
        mapping_ = static_cast<std::byte*>(mapping);
        if (::mprotect(mapping_ + page, mapped_ - 2 * page, PROT_READ | PROT_WRITE) != 0) {
            std::abort();
        }
        // The end is flush with the upper guard: overruns are the likelier mistake.
        start_ = mapping_ + mapped_ - page - bytes;
    }
    ~GuardedMemory() { ::munmap(mapping_, mapped_); }
    GuardedMemory(const GuardedMemory&) = delete;
    GuardedMemory& operator=(const GuardedMemory&) = delete;

    std::span<std::byte> bytes() const noexcept { return {start_, bytes_}; }
    std::span<std::byte> part(std::size_t offset, std::size_t length) const {
        return bytes().subspan(offset, length);
    }

private:
    std::size_t bytes_;
    std::size_t mapped_ = 0;
    std::byte* mapping_ = nullptr;
    std::byte* start_ = nullptr;
};

// An endless stream of bytes that no two seeds, and no two places of one seed, have in common.
class Pattern {
public:
    explicit Pattern(std::uint64_t seed) : seed_{seed} {}

    void fill(std::span<std::byte> target, std::uint64_t first = 0) const {
        std::size_t done = 0;
        while (done < target.size()) {
            const std::uint64_t at = first + done;
            const std::uint64_t word = word_at(at / 8);
            const std::size_t skip = at % 8;
            const std::size_t step = std::min<std::size_t>(8 - skip, target.size() - done);
            std::memcpy(target.data() + done, reinterpret_cast<const std::byte*>(&word) + skip,
                        step);
            done += step;
        }
    }

    // Where `found` first differs from the stream that begins at `first`.
    std::optional<std::size_t> mismatch(std::span<const std::byte> found,
                                        std::uint64_t first = 0) const {
        std::array<std::byte, 4096> expected{};
        for (std::size_t done = 0; done < found.size(); done += expected.size()) {
            const std::size_t step = std::min(expected.size(), found.size() - done);
            fill({expected.data(), step}, first + done);
            if (std::memcmp(expected.data(), found.data() + done, step) == 0) continue;
            const auto differs =
                std::mismatch(found.begin() + done, found.begin() + done + step, expected.begin());
            return static_cast<std::size_t>(differs.first - found.begin());
        }
        return std::nullopt;
    }

private:
    std::uint64_t word_at(std::uint64_t index) const noexcept {
        std::uint64_t x = index * 0x9e37'79b9'7f4a'7c15 + seed_ * 0xd1b5'4a32'd192'ed03 + 1;
        x = (x ^ (x >> 31)) * 0xbf58'476d'1ce4'e5b9;
        return x ^ (x >> 29);
    }

    std::uint64_t seed_;
};

inline ::testing::AssertionResult holds(const Pattern& pattern, std::span<const std::byte> found,
                                        std::uint64_t first = 0) {
    const std::optional<std::size_t> at = pattern.mismatch(found, first);
    if (!at) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure()
           << "byte " << *at << " of " << found.size() << " is not what was expected";
}

inline constexpr std::byte kPoison{0xA5};

inline void poison(std::span<std::byte> memory) {
    std::fill(memory.begin(), memory.end(), kPoison);
}

inline ::testing::AssertionResult untouched(std::span<const std::byte> memory) {
    const auto touched =
        std::find_if(memory.begin(), memory.end(), [](std::byte b) { return b != kPoison; });
    if (touched == memory.end()) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure()
           << "byte " << (touched - memory.begin()) << " of " << memory.size() << " was written";
}

}  // namespace godwit::conformance
