#include "support/mount_namespace.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>

#include "support/child.h"

namespace godwit::test_support {

bool enter_mount_namespace() noexcept {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

void expect_with_mounts(const std::function<bool()>& mount,
                        const std::function<bool()>& condition) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to mount";
    enum Answer { AsExpected, Other, NotMounted };
    const int answer = run_as(0, {}, [&] {
        if (!enter_mount_namespace() || !mount()) return NotMounted;
        return condition() ? AsExpected : Other;
    });
    if (answer == NotMounted) GTEST_SKIP() << "this cannot be mounted here";
    EXPECT_EQ(answer, AsExpected);
}

bool mount_by_command(const std::string& arguments) {
    return std::system(("mount " + arguments + " 2>/dev/null").c_str()) == 0;
}

}  // namespace godwit::test_support
