#include "transfer/waits.h"

namespace godwit::transfer {

void Waits::add_answered(std::uint64_t waited_us, const peer::Timing& timing) noexcept {
    const double known = static_cast<double>(timing.fetch_us()) +
                         static_cast<double>(timing.write_us()) +
                         static_cast<double>(timing.metadata_us());
    if (known == 0) {
        transport += waited_us;
        return;
    }
    const double share = static_cast<double>(waited_us) / known;
    const auto part = [&](std::uint64_t spent) {
        return static_cast<std::uint64_t>(share * static_cast<double>(spent));
    };
    transport += part(timing.fetch_us());
    destination_write += part(timing.write_us());
    destination_metadata += part(timing.metadata_us());
}

}  // namespace godwit::transfer
