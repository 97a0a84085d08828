// Random numbers from the kernel, for what must not be guessed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace godwit::transport_ucx {

// Fetches ahead, so that one for each get costs no system call. Thread-compatible.
class Random {
public:
    void fill(std::span<std::byte> out) noexcept;
    // Never 0.
    std::uint64_t number() noexcept;

private:
    void refill() noexcept;

    std::array<std::byte, 1024> ahead_{};
    std::size_t used_ = sizeof(ahead_);
};

}  // namespace godwit::transport_ucx
