// A temporary folder, and a descriptor of it, as the files room wants its directories.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "support/tree.h"

namespace godwit::files {

// The errno that it failed with; 0: it worked.
template <class T>
int errno_of(const Result<T>& result) noexcept {
    return result ? 0 : result.error().native;
}

class OpenFolder : public testing::Test {
protected:
    OpenFolder() : fd_{::open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)} {}

    int fd() const noexcept { return fd_.get(); }
    std::string path(std::string_view relative = {}) const { return folder_.path(relative); }

private:
    test_support::TemporaryFolder folder_;
    base::UniqueFd fd_;
};

}  // namespace godwit::files
