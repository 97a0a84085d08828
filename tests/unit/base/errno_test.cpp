#include <gtest/gtest.h>

#include "base/result.h"

namespace godwit::base {
namespace {

TEST(ErrnoError, SaysWhatFailedAndWhyAndKeepsTheNumber) {
    const Error error = errno_error("open '/x'", EACCES);

    EXPECT_EQ(error.message, "open '/x': Permission denied");
    EXPECT_EQ(error.native, EACCES);
}

TEST(ErrnoError, HasTheCodeThatCallersActOn) {
    const auto code_of = [](int number) { return errno_error("do", number).code; };

    EXPECT_EQ(code_of(ENOENT), Code::NotFound);
    for (const int number : {EACCES, EPERM, EINVAL, ENOTDIR, EISDIR, EXDEV}) {
        EXPECT_EQ(code_of(number), Code::InvalidArgument) << number;
    }
    EXPECT_EQ(code_of(EEXIST), Code::Conflict);
    EXPECT_EQ(code_of(EADDRINUSE), Code::Conflict);
    EXPECT_EQ(code_of(ENOMEM), Code::NoMemory);
    EXPECT_EQ(code_of(ETIMEDOUT), Code::TimedOut);
    for (const int number : {ECONNREFUSED, ECONNRESET, EHOSTUNREACH, ENETUNREACH, EPIPE}) {
        EXPECT_EQ(code_of(number), Code::Unavailable) << number;
    }
    EXPECT_EQ(code_of(EIO), Code::Internal);
}

}  // namespace
}  // namespace godwit::base
