// A few lines of a test in a process of their own: as another user, say.
#pragma once

#include <sys/types.h>

#include <functional>
#include <vector>

namespace godwit::test_support {

// Runs `body` in a forked child that has given up root for this user (and its group of the same
// number) and these further groups. What `body` returns, or 128 + the signal that ended it.
int run_as(uid_t user, const std::vector<gid_t>& groups, const std::function<int()>& body);

}  // namespace godwit::test_support
