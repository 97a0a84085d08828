#include "support/child.h"

#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

namespace godwit::test_support {
namespace {

constexpr int kNotDropped = 127;

}  // namespace

int run_as(uid_t user, const std::vector<gid_t>& groups, const std::function<int()>& body) {
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error{"cannot fork"};
    if (child == 0) {
        const bool dropped = ::setgroups(groups.size(), groups.data()) == 0 &&
                             ::setgid(user) == 0 && ::setuid(user) == 0;
        // Not exit(): what the parent would do at its end is not the child's business.
        ::_exit(dropped ? body() : kNotDropped);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) throw std::runtime_error{"cannot wait for a child"};
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace godwit::test_support
