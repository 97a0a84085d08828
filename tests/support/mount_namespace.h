// Mounts of a test's own: seen by nobody else, and gone with the process that made them.
#pragma once

#include <functional>
#include <string>

namespace godwit::test_support {

// The calling process gets mounts of its own. False: it may not. Async-signal-safe.
bool enter_mount_namespace() noexcept;

// In a forked child with mounts of its own: `mount` makes them, and then `condition` is expected to
// hold. Skips the test where nothing can be mounted, or `mount` says that it could not. Descriptors
// from before lead past the mounts: who needs one opens it in there.
void expect_with_mounts(const std::function<bool()>& mount, const std::function<bool()>& condition);

// By mount(8), which finds a loop device: "-o loop image folder".
bool mount_by_command(const std::string& arguments);

}  // namespace godwit::test_support
