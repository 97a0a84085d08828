#pragma once

namespace godwit::test_support {

// AddressSanitizer or ThreadSanitizer: slower, with descriptors of its own, and to be the first
// library of every process.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool kIsSanitized = true;
#else
inline constexpr bool kIsSanitized = false;
#endif

}  // namespace godwit::test_support
