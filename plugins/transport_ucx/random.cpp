#include "random.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace godwit::transport_ucx {

void Random::fill(std::span<std::byte> out) noexcept {
    while (!out.empty()) {
        if (used_ == ahead_.size()) refill();
        const std::size_t count = std::min(out.size(), ahead_.size() - used_);
        const auto first = ahead_.begin() + static_cast<std::ptrdiff_t>(used_);
        std::copy_n(first, count, out.begin());
        // What was given out is a secret now: it must not be found here, too.
        std::fill_n(first, count, std::byte{0});
        used_ += count;
        out = out.subspan(count);
    }
}

std::uint64_t Random::number() noexcept {
    std::uint64_t number = 0;
    while (number == 0) fill(std::as_writable_bytes(std::span{&number, 1}));
    return number;
}

void Random::refill() noexcept {
    std::size_t done = 0;
    while (done < ahead_.size()) {
        const ssize_t count = ::getrandom(ahead_.data() + done, ahead_.size() - done, 0);
        if (count < 0 && errno != EINTR) std::abort();  // After boot, the kernel always has some.
        if (count > 0) done += static_cast<std::size_t>(count);
    }
    used_ = 0;
}

}  // namespace godwit::transport_ucx
